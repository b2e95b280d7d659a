"""Reading ahead: what comes next is decoded while the one before is classified."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from typing import TypeVar

T = TypeVar("T")

ROOM = 2
"""Items held: one that waits, and one for when the reader takes longer than usual. A frame of a 4K
film has 25 MB."""


def read_ahead(items: Iterator[T], room: int = ROOM) -> Iterator[T]:
    """The same items in the same order, read in a thread: for decoders, which let others run.

    What `items` raises is raised where it would have been. Closing this ends the thread, and closes
    `items` there when it is a generator.
    """
    reader = _Reader(items, room)
    try:
        yield from reader
    finally:
        reader.close()


class _Reader(Iterator[T]):
    def __init__(self, items: Iterator[T], room: int) -> None:
        self._items, self._room = items, room
        self._waiting: deque[T] = deque()
        self._changed = threading.Condition()
        self._is_closed = self._is_done = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def __next__(self) -> T:
        with self._changed:
            while not self._waiting and not self._is_done:
                self._changed.wait()
            if self._waiting:
                item = self._waiting.popleft()
                self._changed.notify()
                return item
        if self._error is not None:
            raise self._error
        raise StopIteration

    def close(self) -> None:
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join()

    def _read(self) -> None:
        try:
            for item in self._items:
                with self._changed:
                    while len(self._waiting) >= self._room and not self._is_closed:
                        self._changed.wait()
                    if self._is_closed:
                        break
                    self._waiting.append(item)
                    self._changed.notify()
        except BaseException as error:
            self._error = error
        finally:
            close = getattr(self._items, "close", None)
            if close is not None:
                close()
            with self._changed:
                self._is_done = True
                self._changed.notify()
