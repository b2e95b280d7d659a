"""Reading ahead in a thread: order, errors, room, and an early end."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from edge.sources.ahead import read_ahead


def numbers(count: int, read: list[int], error: Exception | None = None) -> Iterator[int]:
    try:
        for number in range(count):
            read.append(number)
            yield number
        if error is not None:
            raise error
    finally:
        read.append(-1)


def readers() -> int:
    return sum(thread.name.endswith("(_read)") for thread in threading.enumerate())


def test_items_come_whole_and_in_order() -> None:
    assert list(read_ahead(numbers(500, []), room=3)) == list(range(500))


def test_error_comes_behind_what_was_read_before_it() -> None:
    found: list[int] = []
    with pytest.raises(ValueError, match="film"):
        found.extend(read_ahead(numbers(5, [], ValueError("the film is torn")), room=1))
    assert found == [0, 1, 2, 3, 4]


def test_no_more_is_read_than_there_is_room() -> None:
    read: list[int] = []
    ahead = read_ahead(numbers(100, read), room=2)
    assert next(ahead) == 0
    time.sleep(0.1)
    assert read == [0, 1, 2, 3]  # two wait, and one is in the reader's hand
    ahead.close()  # type: ignore[attr-defined]


def test_early_end_closes_the_source_and_leaves_no_thread() -> None:
    read: list[int] = []
    ahead = read_ahead(numbers(100, read))
    next(ahead)
    assert readers() == 1
    ahead.close()  # type: ignore[attr-defined]
    assert read[-1] == -1
    assert readers() == 0


def test_next_item_is_read_while_the_one_before_is_at_work() -> None:
    second = threading.Event()

    def source() -> Iterator[int]:
        yield 1
        second.set()
        yield 2

    ahead = read_ahead(source())
    assert next(ahead) == 1
    assert second.wait(10)
    assert list(ahead) == [2]
