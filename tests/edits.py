"""A model's flatbuffer with one thing in it changed on purpose, each by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from edge.tflite.operators import BUILTIN
from tests.mutation import Edited
from tests.published import edited

Edit = Callable[[Any], None]


def _codes(parsed: Any, name: str, *, to: str, version: int = 1) -> None:
    for code in parsed.operatorCodes:
        if BUILTIN[max(code.builtinCode, code.deprecatedBuiltinCode)] == name:
            number = BUILTIN.index(to)
            code.builtinCode, code.deprecatedBuiltinCode = number, min(number, 127)
            code.version = version
            if to == "CUSTOM":
                code.customCode = b"FlexCumsum"


def operator(name: str, to: str) -> Edit:
    def edit(parsed: Any) -> None:
        _codes(parsed, name, to=to)
        for one in parsed.subgraphs[0].operators:  # options of another kind would be ignored
            if max(_code(parsed, one)) == BUILTIN.index(to):
                one.builtinOptions, one.builtinOptionsType = None, 0

    return edit


def _code(parsed: Any, one: Any) -> tuple[int, int]:
    code = parsed.operatorCodes[one.opcodeIndex]
    return code.builtinCode, code.deprecatedBuiltinCode


def _end(parsed: Any, role: str) -> Any:
    graph = parsed.subgraphs[0]
    return graph.tensors[(graph.inputs if role == "input" else graph.outputs)[0]]


def tensor(role: str, **values: Any) -> Edit:
    def edit(parsed: Any) -> None:
        one = _end(parsed, role)
        for name, value in values.items():
            setattr(one, name, value)
            if name == "shape":
                one.shapeSignature = None

    return edit


def scale(role: str, value: float, zero_point: int | None = None) -> Edit:
    def edit(parsed: Any) -> None:
        quantization = _end(parsed, role).quantization
        quantization.scale = [value]
        if zero_point is not None:
            quantization.zeroPoint = [zero_point]

    return edit


def every_scale(value: float) -> Edit:
    """Of the tensors between: what weights of NaN are to a float model."""

    def edit(parsed: Any) -> None:
        ends = [_end(parsed, "input"), _end(parsed, "output")]
        for one in parsed.subgraphs[0].tensors:
            found = one.quantization
            if one not in ends and found is not None and found.scale is not None:
                found.scale = [value] * len(found.scale)

    return edit


def _largest(parsed: Any) -> Any:
    return max(
        (buffer for buffer in parsed.buffers if buffer.data is not None),
        key=lambda buffer: len(buffer.data),
    )


def weights(make: Callable[[Any], Any]) -> Edit:
    def edit(parsed: Any) -> None:
        buffer = _largest(parsed)
        buffer.data = make(np.asarray(buffer.data, np.uint8))

    return edit


def operand(index: int, value: int, *, role: str = "inputs", of: int = 0) -> Edit:
    def edit(parsed: Any) -> None:
        one = parsed.subgraphs[0].operators[of]
        values = list(getattr(one, role))
        values[index] = value
        setattr(one, role, values)

    return edit


def _two_graphs(parsed: Any) -> None:
    parsed.subgraphs = [parsed.subgraphs[0], parsed.subgraphs[0]]


def _no_operators(parsed: Any) -> None:
    parsed.subgraphs[0].operators = []


def _circle(parsed: Any) -> None:
    one = parsed.subgraphs[0].operators[1]
    one.inputs = list(one.outputs)


def _code_nowhere(parsed: Any) -> None:
    parsed.subgraphs[0].operators[0].opcodeIndex = 77


def _buffer_nowhere(parsed: Any) -> None:
    parsed.subgraphs[0].tensors[1].buffer = 9999


def _two_outputs(parsed: Any) -> None:
    graph = parsed.subgraphs[0]
    graph.outputs = [graph.outputs[0], graph.outputs[0]]


def _mixed_up(data: Any) -> Any:
    return np.random.default_rng(1).permutation(data)


EDITS: dict[str, Edit] = {
    **{
        f"MEAN becomes {to}": operator("MEAN", to)
        for to in ("AVERAGE_POOL_2D", "IF", "WHILE", "CALL_ONCE", "CUSTOM", "VAR_HANDLE", "LSTM")
    },
    "MEAN becomes RANDOM_UNIFORM": operator("MEAN", "RANDOM_UNIFORM"),
    "CONV_2D of version 99": lambda p: _codes(p, "CONV_2D", to="CONV_2D", version=99),
    "input (1, 28, 28, 3)": tensor("input", shape=[1, 28, 28, 3]),
    "input (2, 28, 28, 1)": tensor("input", shape=[2, 28, 28, 1]),
    "input (1, 784)": tensor("input", shape=[1, 784]),
    "output (1, 11)": tensor("output", shape=[1, 11]),
    "output (1, 2)": tensor("output", shape=[1, 2]),
    "output (1, 1000000)": tensor("output", shape=[1, 1_000_000]),
    **{f"input of type {number}": tensor("input", type=number) for number in (0, 2, 3, 5, 7, 13)},
    **{f"output of type {number}": tensor("output", type=number) for number in (0, 2, 3, 5, 7, 13)},
    **{
        f"{role} scale {value}": scale(role, value)
        for role in ("input", "output")
        for value in (float("nan"), float("inf"), -1.0, 0.0, 1e38, 1e-42)
    },
    "output zero point 1000": scale("output", 0.1, 1000),
    "output scale doubled": scale("output", 0.4),
    "every scale nan": every_scale(float("nan")),
    "every scale inf": every_scale(float("inf")),
    "every scale 1": every_scale(1.0),
    "weights mixed up": weights(_mixed_up),
    "weights zero": weights(np.zeros_like),
    "weights cut to 4 bytes": weights(lambda data: data[:4]),
    "operand nowhere": operand(1, 9999),
    "operand negative": operand(0, -7),
    "output of an operator nowhere": operand(0, 9999, role="outputs"),
    "an operator eats its own": _circle,
    "operator code nowhere": _code_nowhere,
    "buffer nowhere": _buffer_nowhere,
    "two networks": _two_graphs,
    "no operators": _no_operators,
    "two outputs": _two_outputs,
}


def all_edits(model: bytes) -> tuple[Edited, ...]:
    """Each that the writer of flatbuffers can write."""
    from edge.tflite.flatbuffer import root
    from edge.tflite.structure import _code

    found = []
    for what, change in EDITS.items():
        changed = edited(model, change)
        operators = dict(_code(table) for table in root(changed).tables(1))
        found.append(Edited(what, changed, operators))
    return tuple(found)
