"""Whole lines to a file descriptor: the one writer of what programs read from stdout.

Lines go out in blocks of whole lines, PIPE_BUF bytes (4,096 on Linux) at most. What that promises:

- A pipe takes such a block at once or not at all (pipe(7)). So whatever ends this process or its
  reader, SIGKILL too, each line of up to PIPE_BUF bytes is in it whole or not at all. A longer one
  goes in parts, and a kill between two of them leaves half of it.
- A regular file that takes no more (a full disk, a quota, a limit, a fault) is cut back to the end
  of the last whole record, with `>>` too: what was written here and now, and only as long as nobody
  else has written behind it. SIGKILL finds a block in it or not; only one that comes in the very
  microsecond in which the kernel passes from one page of the file to the next can part it.
- A terminal is given each line at once, and nothing there is ever taken back.
"""

from __future__ import annotations

import errno
import io
import os
import select
import stat
import sys
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import TextIO

BLOCK_BYTES = select.PIPE_BUF
STDOUT = "stdout"
"""Its name in errors, where a file's would stand."""


class Lines:
    """Collects records of a line or more, and writes them in blocks.

    with Lines(1) as lines:
        lines.write("one line")
    """

    def __init__(
        self,
        descriptor: int,
        encoding: str = "utf-8",
        *,
        is_prompt: bool = False,
        has_room: Callable[[], bool] | None = None,
    ) -> None:
        """
        encoding: what it lacks is written as an escape.
        is_prompt: each record is written at once, as on a terminal.
        has_room: asked before each block whether it is to be written; no is a BlockingIOError.
            Without it, a reader that does not read is waited for.
        """
        self.written = 0
        """Records, each whole; one whose first part is in a pipe counts, its rest goes first."""
        self._descriptor, self._encoding, self._has_room = descriptor, encoding, has_room
        self._is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
        self._is_prompt = is_prompt or os.isatty(descriptor)
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._rest = b""
        """What has to be written before anything else: it ends a line that was begun."""

    def write(self, record: str) -> None:
        """Takes lines that belong together, without the end of the last one.

        Raises:
            OSError: see `flush`.
        """
        data = (record + "\n").encode(self._encoding, "backslashreplace")
        if self._waiting_bytes + len(data) > BLOCK_BYTES:
            self.flush()
        self._waiting.append(data)
        self._waiting_bytes += len(data)
        if self._is_prompt:
            self.flush()

    def flush(self) -> None:
        """Writes what waits.

        Raises:
            OSError: not all of it could be written, and what could not is lost. A BrokenPipeError:
                the reader has gone; a BlockingIOError: there is no room, see `has_room`.
                Its `filename` is STDOUT.
        """
        records, self._waiting, self._waiting_bytes = self._waiting, [], 0
        self.put(records)

    def put(self, records: Sequence[bytes]) -> None:
        """Writes records that are encoded, each with its end, past what waits; else as `flush`."""
        data = self._rest + b"".join(records)
        ends = list(accumulate(map(len, records), initial=len(self._rest)))
        began_at, done = self._position() if self._is_file else 0, 0
        try:
            while done < len(data):
                if self._has_room is not None and not self._has_room():
                    raise BlockingIOError(errno.EAGAIN, "its reader does not read")
                done += write_some(self._descriptor, _block(data, done))
        except OSError as error:
            self._settle(data, ends, began_at, done)
            if isinstance(error, BlockingIOError) and done > ends[-2 if records else -1]:
                return  # the last record is begun: its rest goes before the next one
            error.filename = STDOUT
            if error.errno == errno.EBADF:
                error.strerror = "it is closed"
            raise
        self._rest = b""
        self.written += len(records)

    @property
    def is_in_part(self) -> bool:
        """Whether the last record counted is in a pipe in part, and its rest still waits."""
        return bool(self._rest) and not self._is_file

    def _settle(self, data: bytes, ends: Sequence[int], began_at: int, done: int) -> None:
        """Brings what is written and what is counted together, after a fault.

        ends: of what was left of a line before, and of each record, in `data`.
        """
        if done < ends[0]:
            self._rest = data[done : ends[0]]
            return
        count, whole = max((at, end) for at, end in enumerate(ends) if end <= done)
        self.written += count
        self._rest = b""
        if done == whole:
            return
        if not self._is_file:
            self._rest = data[done : ends[count + 1]]
            self.written += 1
        elif not self._cut_back(began_at + done, began_at + whole):
            self._rest = b"\n"  # so that the next line begins on one of its own

    def _position(self) -> int:
        """Where the next byte goes."""
        import fcntl

        is_appending = fcntl.fcntl(self._descriptor, fcntl.F_GETFL) & os.O_APPEND
        return os.lseek(self._descriptor, 0, os.SEEK_END if is_appending else os.SEEK_CUR)

    def _cut_back(self, end: int, whole: int) -> bool:
        """Takes half a record off the file's end again, unless somebody else has written behind it.

        Returns:
            False when half a line stays at the end.
        """
        try:
            is_last = os.lseek(self._descriptor, 0, os.SEEK_CUR) == end
            if is_last and os.fstat(self._descriptor).st_size == end:
                os.ftruncate(self._descriptor, whole)
                os.lseek(self._descriptor, whole, os.SEEK_SET)
        except OSError:  # such as a file that may only grow: chattr +a
            return False
        return True

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_: object) -> None:
        self.flush()


class StreamLines:
    """The same for a stdout that is no file descriptor: a notebook's, or a program's own."""

    def __init__(self, stream: TextIO) -> None:
        self.written = 0
        self._stream = stream

    def write(self, record: str) -> None:
        """Takes lines that belong together, without the end of the last one."""
        self._stream.write(record + "\n")
        self.written += 1

    def flush(self) -> None:
        """Hands over what waits."""
        self._stream.flush()

    def __enter__(self) -> StreamLines:
        return self

    def __exit__(self, *_: object) -> None:
        self.flush()


def stdout_lines(is_prompt: bool) -> Lines | StreamLines:
    """Lines to stdout. is_prompt: somebody may wait for each."""
    sys.stdout.flush()
    try:
        descriptor = sys.stdout.fileno()
    except io.UnsupportedOperation:
        return StreamLines(sys.stdout)
    return Lines(descriptor, sys.stdout.encoding, is_prompt=is_prompt)


def write_some(descriptor: int, data: bytes | memoryview) -> int:
    """Writes as much as goes at once; returns how many bytes that was.

    Raises:
        OSError: it takes no more.
    """
    while True:
        try:
            return os.write(descriptor, data)
        except BlockingIOError:  # somebody who shares it has made it non-blocking
            poll = select.poll()
            poll.register(descriptor, select.POLLOUT)
            poll.poll()


def is_ready(stream: TextIO, wait_ms: int) -> bool:
    """Whether a stream takes a line now, or within that time."""
    try:
        poll = select.poll()
        poll.register(stream.fileno(), select.POLLOUT)
    except (OSError, ValueError):  # no descriptor: it never waits
        return True
    return bool(poll.poll(wait_ms))


def _block(data: bytes, at: int) -> bytes:
    """What is written next: whole lines where they fit in, else a part of one."""
    end = at + BLOCK_BYTES
    if end >= len(data):
        return data[at:] if at else data
    return data[at : data.rfind(b"\n", at, end) + 1 or end]
