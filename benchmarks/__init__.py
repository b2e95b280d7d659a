"""`make bench`: edgeproof side by side with what people would otherwise write or install."""
