"""Reads FlatBuffers field by field; every offset is checked, so damaged bytes raise one error.

Time and memory are bounded too, whatever the bytes say: a list may name the same gigabyte a
thousand times. Offsets go forward alone, so no table holds itself.

Source: the FlatBuffers documentation, "FlatBuffer Internals". Little endian throughout. A table
begins with the distance back to its vtable, which holds the place of each field in the table, or
0 for a field that is left out. Strings and vectors begin with their length.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

MAX_NUMBERS = 4096
"""No shape, list of operands or mean is longer; a longer one is damage."""
MAX_TABLES = 65536
"""No network has as many tensors or operators."""
SHARED, SPARE_BYTES = 4, 1 << 20
"""How often all bytes of a buffer may be read, and how many besides: a writer that writes equal
lists once, and a reader that looks twice, stay far below."""


class Damaged(ValueError):
    """The bytes are no FlatBuffer, or not a whole one."""


class Meter:
    """How much may still be read of a buffer."""

    def __init__(self, data: bytes) -> None:
        self._left_bytes = SHARED * len(data) + SPARE_BYTES

    def take(self, count: int) -> None:
        """
        Raises:
            Damaged: more than a sound buffer holds.
        """
        self._left_bytes -= count
        if self._left_bytes < 0:
            raise Damaged(f"its lists together are more than {SHARED} times the file")


@dataclass(frozen=True)
class Table:
    """One table of a buffer; fields are named by their number in the schema.

    Each method raises `Damaged` for a place outside the buffer.
    """

    data: bytes
    at: int
    meter: Meter

    def number(self, field: int, kind: str, default: float = 0) -> Any:
        """A scalar, or `default` when it is left out. kind: a letter of the module `struct`."""
        place = self._place(field)
        return default if place is None else _unpack(self.data, kind, place)

    def table(self, field: int) -> Table | None:
        """A table below this one; none when it is left out."""
        place = self._place(field)
        return None if place is None else self._at(place)

    def tables(self, field: int) -> Iterator[Table]:
        """A vector of tables, one by one."""
        start, length = self._vector(field, 4)
        if length > MAX_TABLES:
            raise Damaged(f"expected at most {MAX_TABLES} tables in a list, got {length}")
        for place in range(start, start + 4 * length, 4):
            yield self._at(place)

    def count(self, field: int, item_bytes: int = 4) -> int:
        """How many a vector holds; 0 when it is left out."""
        return self._vector(field, item_bytes)[1]

    def check(self) -> None:
        """Refuses a table that does not lie in the file with all its fields, known or not."""
        vtable = self.at - _unpack(self.data, "i", self.at)
        size, length = (_unpack(self.data, "H", vtable + place) for place in (0, 2))
        if vtable + size > len(self.data) or self.at + length > len(self.data):
            raise Damaged(f"a table at byte {self.at} does not fit the file")
        offsets = (_unpack(self.data, "H", vtable + place) for place in range(4, size - 1, 2))
        if any(offset >= length for offset in offsets):
            raise Damaged(f"a table at byte {self.at} has a field outside of itself")

    def numbers(self, field: int, kind: str) -> tuple[Any, ...]:
        """A short vector of scalars; empty when it is left out."""
        start, length = self._vector(field, struct.calcsize(f"<{kind}"))
        if length > MAX_NUMBERS:
            raise Damaged(f"expected at most {MAX_NUMBERS} numbers in a list, got {length}")
        return struct.unpack_from(f"<{length}{kind}", self.data, start)

    def raw(self, field: int) -> bytes:
        """A vector of bytes; empty when it is left out."""
        start, length = self._vector(field, 1)
        return self.data[start : start + length]

    def text(self, field: int) -> str:
        """A string, whatever is no UTF-8 in it replaced; empty when it is left out."""
        return self.raw(field).decode(errors="replace")

    def _at(self, place: int) -> Table:
        return Table(self.data, _follow(self.data, place), self.meter)

    def _place(self, field: int) -> int | None:
        vtable = self.at - _unpack(self.data, "i", self.at)
        size = _unpack(self.data, "H", vtable)
        entry = 4 + 2 * field
        if entry + 2 > size:
            return None  # written by a schema that did not have this field yet
        offset = _unpack(self.data, "H", vtable + entry)
        return self.at + offset if offset else None

    def _vector(self, field: int, item_bytes: int) -> tuple[int, int]:
        """Where the items begin, and how many there are; all of them within the buffer."""
        place = self._place(field)
        if place is None:
            return 0, 0
        start = _follow(self.data, place)
        length = _unpack(self.data, "I", start)
        if start + 4 + length * item_bytes > len(self.data):
            raise Damaged(f"a list of {length} items at byte {start} does not fit the file")
        self.meter.take(length * item_bytes)
        return start + 4, length


def root(data: bytes) -> Table:
    """The buffer's outermost table.

    Raises:
        Damaged: shorter than its first offset.
    """
    return Table(data, _follow(data, 0), Meter(data))


def _follow(data: bytes, place: int) -> int:
    return place + int(_unpack(data, "I", place))


def _unpack(data: bytes, kind: str, at: int) -> Any:
    # struct counts a negative place from the end, so damage could read as something.
    if at < 0 or at + struct.calcsize(f"<{kind}") > len(data):
        raise Damaged(f"byte {at} is outside the file of {len(data)} bytes")
    return struct.unpack_from(f"<{kind}", data, at)[0]
