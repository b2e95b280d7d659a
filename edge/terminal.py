"""What a terminal understands."""

ERASE = "\r\x1b[K"
"""To the line's start, and clear to its end (ECMA-48, EL)."""
