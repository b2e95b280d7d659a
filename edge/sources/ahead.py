"""Reading ahead: an iterator runs in a thread of its own, a few items before they are asked for.

What releases Python's lock, as decoders do, then runs beside what is done with the items.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
POLL_S = 0.1
"""How often the thread looks whether anybody still wants what it has."""


@dataclass(frozen=True)
class _End:
    """Behind the last item."""

    error: BaseException | None


@dataclass(frozen=True)
class _Item(Generic[T]):
    value: T


def read_ahead(items: Iterator[T], depth: int) -> Generator[T, None, None]:
    """The same items, in order, with up to `depth` of them read before they are asked for.

    What the iterator raises is raised here, behind the items before it. When this is closed, the
    iterator is no longer asked; the thread has ended by then.
    """
    waiting: queue.Queue[_Item[T] | _End] = queue.Queue(depth)
    stop = threading.Event()

    def put(one: _Item[T] | _End) -> None:
        while not stop.is_set():
            try:
                waiting.put(one, timeout=POLL_S)
                return
            except queue.Full:
                continue

    def run() -> None:
        error: BaseException | None = None
        try:
            for item in items:
                put(_Item(item))
                if stop.is_set():
                    break
        except BaseException as raised:  # it is raised where the items are asked for
            error = raised
        put(_End(error))

    thread = threading.Thread(target=run, name="read-ahead", daemon=True)
    thread.start()
    try:
        while isinstance(one := waiting.get(), _Item):
            yield one.value
        if one.error is not None:
            raise one.error
    finally:
        stop.set()
        thread.join()
