"""What is inside a .tflite from anywhere: tensors, operators, metadata. Read, and nothing is run.

Field numbers are those of the TFLite schema (schema.fbs, file identifier TFL3).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeVar

from edge.errors import ModelError
from edge.tflite.flatbuffer import Damaged, Table, root
from edge.tflite.operators import CUSTOM, operator_name
from edge.tflite.soundness import check_sound

_T = TypeVar("_T")

# fmt: off
TENSOR_TYPES = (
    "float32", "float16", "int32", "uint8", "int64", "string", "bool", "int16", "complex64", "int8",
    "float64", "complex128", "uint64", "resource", "variant", "uint32", "uint16", "int4",
)
# fmt: on
"""By the number that a tensor states."""
PASSING = {"DEQUANTIZE", "QUANTIZE", "RESHAPE", "SQUEEZE", "EXPAND_DIMS"}
"""Operators that change how numbers are written down, and not what they mean."""
METADATA, MIN_RUNTIME = "TFLITE_METADATA", "min_runtime_version"
MAX_PASSING = 16
"""So many operators in a row are walked back at most; damaged ones may go in a circle."""


@dataclass(frozen=True)
class Tensor:
    """An input or an output, as the file states it."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    """-1 for a side that is not fixed; a batch that is not fixed counts as 1, as runtimes do."""
    scale: float
    """0 for one that is not quantised."""
    zero_point: int


@dataclass(frozen=True)
class Structure:
    """The facts of a model that matter before it is run."""

    subgraphs: int
    """Networks in the file; what is said here is of the first."""
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    operators: dict[str, int]
    """Name -> highest version stamped."""
    custom: tuple[str, ...]
    """Operators that no runtime has by itself."""
    output_operator: str
    """What makes the first output, behind those that only rewrite it; empty: nothing does."""
    min_runtime: str | None
    """The oldest TFLite release that runs it, where the converter recorded one."""
    metadata: bytes | None
    """TFLite Metadata, a FlatBuffer of its own."""


def read_structure(model: bytes, where: str) -> Structure:
    """Reads a flatbuffer that nothing is known of. where: for messages.

    Raises:
        ModelError: it is damaged, or holds no network.
    """
    try:
        return _read(model)
    except Damaged as error:
        raise ModelError(f"{where}: the model is damaged or cut short: {error}") from None


def check_whole(model: bytes, where: str) -> None:
    """Follows all that a runtime would follow of a flatbuffer. where: for messages.

    Raises:
        ModelError: something leads out of it, or is asked for and not there.
    """
    try:
        check_sound(root(model))
    except Damaged as error:
        raise ModelError(f"{where}: the model is damaged or cut short: {error}") from None


def operator_names(top: Table) -> list[str]:
    """What each operator of a graph means by its first number. top: the Model."""
    return [name for name, _ in map(_code, top.tables(1))]


def _read(model: bytes) -> Structure:
    top = root(model)
    graph = next(top.tables(2), None)
    if graph is None:
        raise Damaged("it holds no network")
    codes = [_code(table) for table in top.tables(1)]
    tensors = list(graph.tables(0))
    inputs, outputs = graph.numbers(1, "i"), graph.numbers(2, "i")
    operators: dict[str, int] = {}
    for name, version in codes:
        operators[name] = max(version, operators.get(name, 0))
    extras = _extras(top)
    stated = extras.get(MIN_RUNTIME, b"").rstrip(b"\0").decode(errors="replace")
    return Structure(
        top.count(2),
        tuple(_tensor(_pick(tensors, index)) for index in inputs),
        tuple(_tensor(_pick(tensors, index)) for index in outputs),
        operators,
        tuple(sorted({_custom_name(table) for table in top.tables(1)} - {""})),
        _maker(graph, [name for name, _ in codes], outputs[0]) if outputs else "",
        stated if re.fullmatch(r"\d+(\.\d+){1,3}", stated) else None,
        extras.get(METADATA),
    )


def _number(table: Table) -> int:
    """The operator's number: it outgrew its first field, a byte, and got a second one."""
    return max(int(table.number(0, "b")), int(table.number(3, "i")))


def _code(table: Table) -> tuple[str, int]:
    return operator_name(_number(table)), int(table.number(2, "i", 1))


def _custom_name(table: Table) -> str:
    return (table.text(1) or "without a name") if _number(table) == CUSTOM else ""


def _tensor(table: Table) -> Tensor:
    shape, signature = table.numbers(0, "i"), table.numbers(7, "i")
    if len(signature) == len(shape):
        shape = shape[:1] + tuple(
            -1 if open_side < 0 else side
            for side, open_side in zip(shape[1:], signature[1:], strict=True)
        )
    number = table.number(1, "b")
    if not 0 <= number < len(TENSOR_TYPES):
        raise Damaged(f"tensor {table.text(3)!r} has the unknown type {number}")
    quantization = table.table(4)
    scales = quantization.numbers(2, "f") if quantization else ()
    zero_points = quantization.numbers(3, "q") if quantization else ()
    return Tensor(
        table.text(3),
        TENSOR_TYPES[number],
        shape,
        float(scales[0]) if len(scales) == 1 else 0.0,
        int(zero_points[0]) if len(zero_points) == 1 else 0,
    )


def _maker(graph: Table, names: list[str], tensor: int) -> str:
    """The operator that computes a tensor, behind those in PASSING."""
    makers: dict[int, tuple[int, int]] = {}
    for operator in graph.tables(3):
        operands = operator.numbers(1, "i")
        for made in operator.numbers(2, "i"):
            makers[made] = (operator.number(0, "I"), operands[0] if operands else -1)
    for _ in range(MAX_PASSING):
        code, operand = makers.get(tensor, (-1, -1))
        if code == -1:
            return ""
        name = _pick(names, code)
        if name not in PASSING:
            return name
        tensor = operand
    return ""


def _extras(top: Table) -> dict[str, bytes]:
    """Name -> bytes of what the model carries beside its network."""
    named = ((entry.text(0), int(entry.number(1, "I"))) for entry in top.tables(6))
    wanted = {name: index for name, index in named if name in (METADATA, MIN_RUNTIME)}
    buffers = list(top.tables(4)) if wanted else []
    return {name: _pick(buffers, index).raw(0) for name, index in wanted.items()}


def _pick(items: list[_T], index: int) -> _T:
    if not 0 <= index < len(items):
        raise Damaged(f"number {index} of a list of {len(items)} is asked for")
    return items[index]
