"""Quotes words for a systemd unit, so that they reach the program as they are."""

from __future__ import annotations

import re

from edge.errors import UsageError

PLAIN = re.compile(r"[\w./:=@,+-]+", re.ASCII)
"""Words that need no quotes."""


def quote_command(words: tuple[str, ...] | list[str]) -> str:
    """An ExecStart= line, by systemd.service(5) and systemd.syntax(7). Its first word is the
    program's absolute path; `:` in front of it keeps systemd from replacing `$NAME`.

    Raises:
        UsageError: a control character, or bytes that are no UTF-8.
    """
    return ":" + " ".join(quote_word(word) for word in words)


def quote_word(word: str) -> str:
    """One word, with `%` doubled (systemd.unit(5), specifiers).

    Raises:
        UsageError: as `quote_command`.
    """
    try:
        word.encode()
    except UnicodeEncodeError:
        raise UsageError(f"expected UTF-8 for a service's argument, got {word!r}") from None
    if not word.isprintable():
        raise UsageError(f"expected no control characters in a service's argument, got {word!r}")
    safe = word.replace("%", "%%")
    if PLAIN.fullmatch(word):
        return safe
    return '"' + safe.replace("\\", "\\\\").replace('"', '\\"') + '"'
