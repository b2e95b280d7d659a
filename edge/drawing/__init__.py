"""Pictures for people: the frame with its answer, and the sheet that explains it."""
