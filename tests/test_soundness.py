"""What a runtime would follow out of a model's bytes is found before it does."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from edge.bundle import parse_bundle
from edge.errors import ModelError
from edge.tflite.flatbuffer import Table, root
from edge.tflite.structure import check_whole
from edge.zoo import shipped_models

MODEL = parse_bundle(shipped_models()["fashion"].read_bytes(), "fashion").model
FAR = 600_000


def inner(graph: Table) -> Table:
    """A tensor in the middle, of several scales: neither an input nor an output."""
    return next(
        one
        for one in graph.tables(0)
        if (table := one.table(4)) is not None and len(table.numbers(2, "f")) > 1
    )


def named(graph: Table) -> Table:
    """A tensor in the middle that has a name: what is computed, and no constant."""
    return next(one for one in graph.tables(0) if one.text(3) not in ("", "picture"))


def quantization(tensor: Table) -> Table:
    table = tensor.table(4)
    assert table is not None
    return table


def place(table: Table, field: int) -> int:
    found = table._place(field)
    assert found is not None
    return found


def first(list_of: Table, field: int) -> int:
    return list_of._vector(field, 4)[0]


CHANGES: dict[str, tuple[Callable[[Table], int], int, str]] = {
    "a table elsewhere": (lambda g: place(inner(g), 4), FAR, "outside the file"),
    "a name elsewhere": (lambda g: place(named(g), 3), FAR, "outside the file"),
    "a buffer that is none": (lambda g: place(inner(g), 2), 9999, "buffer 9999 of"),
    "another shape": (lambda g: first(inner(g), 0), 77, "needs"),
    "fewer zero points": (lambda g: quantization(inner(g))._vector(3, 8)[0] - 4, 1, "1 zero"),
    "a tensor that is none": (lambda g: first(next(g.tables(3)), 1), 9999, "tensor 9999 of"),
    "below the first": (lambda g: first(next(g.tables(3)), 1), 2**32 - 2, "tensor -2 of"),
    "options elsewhere": (lambda g: place(next(g.tables(3)), 4), FAR, "outside the file"),
}


@pytest.mark.parametrize(("find", "value", "message"), list(CHANGES.values()), ids=list(CHANGES))
def test_what_leads_out_of_a_model_is_refused(
    find: Callable[[Table], int], value: int, message: str
) -> None:
    data = bytearray(MODEL)
    struct.pack_into("<I", data, find(next(root(MODEL).tables(2))), value)
    with pytest.raises(ModelError, match=message):
        check_whole(bytes(data), "m")


def test_a_sound_model_is_whole() -> None:
    check_whole(MODEL, "m")
