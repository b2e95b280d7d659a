"""Whether all of a flatbuffer is where it says: a runtime follows each offset and each number of a
tensor or a buffer without a look, and one that leads out of the file may work today and crash
tomorrow, by what happens to lie there.

Field numbers are those of the TFLite schema (schema.fbs, file identifier TFL3).
"""

from __future__ import annotations

import math

from edge.tflite.flatbuffer import Damaged, Table

BITS = {
    0: 32, 1: 16, 2: 32, 3: 8, 4: 64, 6: 8, 7: 16, 8: 64, 9: 8, 10: 64, 11: 128, 12: 64, 15: 32,
    16: 16, 17: 4,
}  # fmt: skip
"""A tensor's type, by its number in the schema -> bits of one value."""


def check_sound(top: Table) -> None:
    """Follows all that a runtime would follow. top: the Model.

    Raises:
        Damaged: something lies outside the file, or is asked for and not there.
    """
    top.check()
    top.text(3)
    sizes = []
    for buffer in top.tables(4):
        buffer.check()
        if buffer.number(1, "Q") or buffer.number(2, "Q"):
            raise Damaged("a buffer lies outside the model")
        sizes.append(buffer.count(0, 1))
    codes = 0
    for code in top.tables(1):
        code.check()
        code.text(1)
        codes += 1
    for index in top.numbers(5, "i"):
        _check_index(index, len(sizes), "buffer")
    for entry in top.tables(6):
        entry.check()
        _check_index(entry.number(1, "I"), len(sizes), "buffer")
    tensors = [_check_graph(graph, sizes, codes) for graph in top.tables(2)]
    for signature in top.tables(7):
        signature.check()
        signature.text(2)
        _check_index(signature.number(4, "I"), len(tensors), "network")
        for field in (0, 1):
            for place in signature.tables(field):
                place.check()
                place.text(0)
                _check_index(place.number(1, "I"), max(tensors), "tensor")


def _check_graph(graph: Table, sizes: list[int], codes: int) -> int:
    """How many tensors it has."""
    graph.check()
    graph.text(4)
    count = 0
    for tensor in graph.tables(0):
        _check_tensor(tensor, sizes)
        count += 1
    for operator in graph.tables(3):
        operator.check()
        _check_index(operator.number(0, "I"), codes, "operator")
        for index in (*operator.numbers(1, "i"), *operator.numbers(8, "i")):
            if index != -1:  # left out
                _check_index(index, count, "tensor")
        for index in operator.numbers(2, "i"):
            _check_index(index, count, "tensor")
        for field in (5, 7):
            operator.count(field, 1)
        for field in (4, 12):
            options = operator.table(field)
            if options is not None:
                options.check()
    for field in (1, 2):
        for index in graph.numbers(field, "i"):
            _check_index(index, count, "tensor")
    return count


def _check_tensor(tensor: Table, sizes: list[int]) -> None:
    tensor.check()
    name, shape = tensor.text(3)[:60], tensor.numbers(0, "i")
    tensor.numbers(7, "i")
    buffer = tensor.number(2, "I")
    _check_index(buffer, len(sizes), "buffer")
    if tensor.table(6) is not None or tensor.number(5, "b") or tensor.count(9):
        raise Damaged(f"tensor {name!r} is sparse or a variable")
    bits = BITS.get(tensor.number(1, "b"))
    if sizes[buffer] and bits is not None:
        expected = -(-math.prod(shape) * bits // 8)
        if min(shape, default=1) < 0 or sizes[buffer] != expected:
            raise Damaged(
                f"tensor {name!r} of shape {shape} needs {expected} bytes, got {sizes[buffer]}"
            )
    quantization = tensor.table(4)
    if quantization is None:
        return
    quantization.check()
    for field in (0, 1):
        quantization.numbers(field, "f")
    if quantization.table(5) is not None:
        raise Damaged(f"tensor {name!r} is quantised in a way of its own")
    scales, zero_points = quantization.numbers(2, "f"), quantization.numbers(3, "q")
    side = quantization.number(6, "i")
    fits = len(scales) <= 1 or (0 <= side < len(shape) and shape[side] == len(scales))
    if not fits or (scales and len(zero_points) != len(scales)):
        raise Damaged(
            f"tensor {name!r} of shape {shape} has {len(scales)} scales and "
            f"{len(zero_points)} zero points"
        )


def _check_index(index: int, count: int, what: str) -> None:
    if not 0 <= index < count:
        raise Damaged(f"{what} {index} of {count} is asked for")
