"""Where frames come from."""

STDIN = "-"
"""The source that stands for pictures on standard input."""
