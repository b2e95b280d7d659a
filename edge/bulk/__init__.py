"""Many picture files at once: in order, in several processes, with a bounded number in flight."""
