"""What a terminal understands, and what is kept from it."""

ERASE = "\r\x1b[K"
"""To the line's start, and clear to its end (ECMA-48, EL)."""
ESCAPED = {
    code: f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
    for code in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, *range(0x202A, 0x202F))
}
"""Control characters of ECMA-48, line ends of Unicode's own, and what turns a line's direction."""


def printable(text: str) -> str:
    """A text of others in one line that does nothing to a terminal: a file's name, a model's words.

    What would move its cursor, clear it or name its window is shown as an escape.
    """
    return text if text.isprintable() else text.translate(ESCAPED)
