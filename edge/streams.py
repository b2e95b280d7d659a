"""This process's stdin, stdout and stderr, whatever they are connected to: full, gone or closed.

Results that cannot be written end a command, with an error that names stdout; words on stderr that
cannot be written are lost, and end nothing.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys

from edge.lines import Lines, write_some


def settle_streams() -> None:
    """Call it once, first: for a process whose streams are its own.

    A descriptor that was closed (`>&-`) is filled: the next file that is opened would take its
    number, and be written our results. What fills stdin and stdout refuses what is asked of it.
    """
    for number, stream, flags in (
        (0, sys.stdin, os.O_WRONLY),
        (1, sys.stdout, os.O_RDONLY),
        (2, sys.stderr, os.O_WRONLY),
    ):
        if stream is None:
            _fill(number, flags)
    if sys.stdout is sys.__stdout__:
        sys.stdout = _text(Results(1, "<stdout>"), sys.stdout)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _text(Words(2, "<stderr>"), sys.stderr)


class Stream(io.BufferedIOBase):
    """What lies between a text stream and its descriptor."""

    def __init__(self, descriptor: int, name: str) -> None:
        self.name = name
        self._descriptor = descriptor

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)


class Results(Stream):
    """Stdout: whole lines, or an error that names it; what it did not take is not tried again."""

    def __init__(self, descriptor: int, name: str) -> None:
        super().__init__(descriptor, name)
        self._lines = Lines(descriptor)
        self._held = b""

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """Writes the lines that end in it; what is behind them waits for its end, or a flush."""
        self._held += data
        whole = self._held.rfind(b"\n") + 1
        lines, self._held = self._held[:whole], self._held[whole:]
        self._put(lines)
        return len(data)

    def flush(self) -> None:
        """Writes half a line, too: it was meant to be read."""
        held, self._held = self._held, b""
        self._put(held)

    def _put(self, data: bytes) -> None:
        if data:
            self._lines.put(data.splitlines(keepends=True))


class Words(Stream):
    """Stderr: what it does not take is lost."""

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """Tries to write all of it."""
        left = memoryview(data)
        with contextlib.suppress(OSError):
            while left:
                left = left[write_some(self._descriptor, left) :]
        return len(data)


def _text(stream: Stream, before: object) -> io.TextIOWrapper:
    """before: what it takes the place of, and is written to alike; none where that was closed."""
    encoding, is_line_by_line = "utf-8", True
    if isinstance(before, io.TextIOWrapper):
        encoding, is_line_by_line = before.encoding, before.line_buffering
    errors = "backslashreplace"  # a file name may be no UTF-8
    return io.TextIOWrapper(stream, encoding, errors, line_buffering=is_line_by_line)


def _fill(number: int, flags: int) -> None:
    opened = os.open(os.devnull, flags)
    if opened != number:
        os.dup2(opened, number)
        os.close(opened)
