"""Frames from one process to another: the newest one, when it is asked for, and never a queue.

The pixels lie in memory that both processes map; what is said about them goes through a pair of
sockets, in messages that arrive whole. Whoever takes a frame asks for it, and by asking gives the
one before back: so one frame's memory is enough, and neither waits while the other is at work.
"""

from __future__ import annotations

import fcntl
import json
import mmap
import os
import select
import socket
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_MESSAGE_BYTES = 128 * 1024
"""Of one message; below what Linux lets a socket hold (net.core.wmem_default is 212,992)."""


class Gone(Exception):
    """The process at the other end has closed it, has ended, or is out of its mind."""


class Channel:
    """One end of a pair of sockets; each message is one JSON object, whole or not at all."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._end.setblocking(False)
        self._poll = select.poll()
        self._poll.register(end, select.POLLIN)

    @classmethod
    def pair(cls) -> tuple[Channel, socket.socket]:
        """One end, and the other one for a child process: see `fileno`, and close it here then."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        return cls(ours), theirs

    @classmethod
    def inherited(cls, descriptor: int) -> Channel:
        """The end that a parent process left open for this one."""
        return cls(socket.socket(fileno=descriptor))

    def send(self, message: dict[str, Any]) -> bool:
        """Sends without waiting; says no when the other end has not taken what was sent before.

        Raises:
            Gone: nobody is there.
        """
        try:
            self._end.send(json.dumps(message).encode())
        except BlockingIOError:
            return False
        except OSError as error:
            raise Gone(f"cannot be reached: {error.strerror}") from None
        return True

    def receive(self, timeout_s: float) -> dict[str, Any] | None:
        """The next message; none when there is none in time.

        Raises:
            Gone: nobody is there, and all that was sent has been received.
        """
        # A signal's handler runs, and poll goes on for the time that is left (PEP 475).
        if not self._poll.poll(max(0.0, timeout_s) * 1000):
            return None
        try:
            data = self._end.recv(MAX_MESSAGE_BYTES)
        except BlockingIOError:
            return None
        except OSError as error:
            raise Gone(f"cannot be reached: {error.strerror}") from None
        if not data:
            raise Gone("closed its channel")
        try:
            message = json.loads(data)
        except ValueError:
            raise Gone("sent what is no message") from None
        if not isinstance(message, dict):
            raise Gone("sent what is no message")
        return message

    def fileno(self) -> int:
        """For waiting on several at once."""
        return self._end.fileno()

    def close(self) -> None:
        """The other end sees it as `Gone`."""
        self._end.close()

    def __enter__(self) -> Channel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class SharedFrame:
    """The memory of one frame, in a file without a name: it goes when the last process lets go."""

    def __init__(self, descriptor: int | None = None) -> None:
        """descriptor: of a parent process's; none makes a new one."""
        self.descriptor = _memory("edgeproof-frame") if descriptor is None else descriptor
        self._map: mmap.mmap | None = None

    def write(self, pixels: NDArray[np.uint8]) -> None:
        """Copies a frame into the memory, which grows to hold it and never shrinks.

        pixels: uint8 of any shape.
        """
        target = np.frombuffer(self._mapped(pixels.nbytes, grow=True), np.uint8, pixels.size)
        np.copyto(target.reshape(pixels.shape), pixels)

    def view(self, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """What was written, without a copy: read-only, and good until the next one is asked for."""
        size = int(np.prod(shape))
        pixels = np.frombuffer(self._mapped(size, grow=False), np.uint8, size).reshape(shape)
        pixels.flags.writeable = False
        return pixels

    def _mapped(self, size_bytes: int, grow: bool) -> mmap.mmap:
        if self._map is None or len(self._map) < size_bytes:
            if grow:
                os.ftruncate(self.descriptor, size_bytes)
            # The old map is left to whoever still looks at it.
            self._map = mmap.mmap(self.descriptor, os.fstat(self.descriptor).st_size)
        return self._map

    def close(self) -> None:
        """Lets go of the memory; views that are still there stay good."""
        self._map = None
        os.close(self.descriptor)


class Counter:
    """A number that one process sets and the other reads, also after the first one's death."""

    def __init__(self, descriptor: int | None = None) -> None:
        """descriptor: of a parent process's; none makes a new one."""
        self.descriptor = _memory("edgeproof-count") if descriptor is None else descriptor
        if descriptor is None:
            os.ftruncate(self.descriptor, mmap.PAGESIZE)
        self._map = mmap.mmap(self.descriptor, mmap.PAGESIZE)
        self._cell = memoryview(self._map).cast("Q")  # eight aligned bytes are written at once

    def set(self, value: int) -> None:
        self._cell[0] = value

    def get(self) -> int:
        return self._cell[0]

    def close(self) -> None:
        """Lets go of the memory."""
        self._cell.release()
        self._map.close()
        os.close(self.descriptor)


def _memory(name: str) -> int:
    """A file in memory that may grow and can never shrink: to look at what was cut off is SIGBUS,
    and the process at the other end decodes what strangers send."""
    descriptor = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
    return descriptor
