"""Multiply-adds are what a count by hand gives, and nothing that multiplies passes for 0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from edge.errors import ModelError
from edge.tflite.cost import multiply_adds
from tests.tiny import dense_model

Shape = tuple[int, ...]
Step = tuple[str, Sequence[int], Sequence[int]]
"""Operator, numbers of the tensors that it reads, numbers of those that it makes."""


def model_of(shapes: Sequence[Shape], steps: Sequence[Step], options: Any = None) -> bytes:
    """A flatbuffer from its first tensor to its last, without weights.

    options: of every operator.
    """
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.buffers, model.operatorCodes = 3, [schema.BufferT()], []
    graph.tensors, graph.operators = [], []
    for index, shape in enumerate(shapes):
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.buffer = f"tensor {index}", list(shape), 0
        graph.tensors.append(tensor)
    for index, (name, reads, makes) in enumerate(steps):
        code, step = schema.OperatorCodeT(), schema.OperatorT()
        code.builtinCode = getattr(schema.BuiltinOperator, name)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        model.operatorCodes.append(code)
        step.opcodeIndex, step.inputs, step.outputs = index, list(reads), list(makes)
        if options is not None:
            step.builtinOptionsType = schema.BuiltinOptions.BatchMatMulOptions
            step.builtinOptions = options
        graph.operators.append(step)
    graph.inputs, graph.outputs, model.subgraphs = [0], [len(shapes) - 1], [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def one_step(name: str, *shapes: Shape, options: Any = None) -> bytes:
    """shapes: of what it reads, then of what it makes."""
    last = len(shapes) - 1
    return model_of(shapes, [(name, range(last), [last])], options)


# Counted by hand: places of the output, kernel, inputs of a place.
COUNTS = {
    "every place, kernel and channel": (
        ("CONV_2D", (1, 28, 28, 3), (16, 5, 3, 3), (16,), (1, 14, 14, 16)),
        14 * 14 * 16 * (5 * 3 * 3),
    ),
    "in groups": (
        ("CONV_2D", (1, 8, 8, 12), (24, 3, 3, 4), (24,), (1, 8, 8, 24)),
        8 * 8 * 24 * (3 * 3 * 4),
    ),
    "depthwise": (
        ("DEPTHWISE_CONV_2D", (1, 9, 9, 8), (1, 3, 5, 16), (16,), (1, 9, 9, 16)),
        9 * 9 * 16 * (3 * 5),
    ),
    "dense": (("FULLY_CONNECTED", (1, 7, 7, 4), (10, 196), (10,), (1, 10)), 10 * 196),
    "dense, place by place": (
        ("FULLY_CONNECTED", (1, 49, 4), (10, 4), (10,), (1, 49, 10)),
        49 * 10 * 4,
    ),
    "spread out": (
        ("TRANSPOSE_CONV", (4,), (5, 3, 2, 7), (1, 6, 6, 7), (1, 12, 12, 5)),
        6 * 6 * 7 * (3 * 2 * 5),
    ),
    "a product of two": (("BATCH_MATMUL", (2, 3, 5), (2, 5, 7), (2, 3, 7)), 2 * 3 * 7 * 5),
    "an activation": (("RELU", (1, 8, 8, 3), (1, 8, 8, 3)), 0),
    "number by number": (("MUL", (1, 8, 8, 3), (1, 1, 1, 3), (1, 8, 8, 3)), 0),
    "a mean": (("AVERAGE_POOL_2D", (1, 8, 8, 3), (1, 4, 4, 3)), 0),
}


@pytest.mark.parametrize(("model", "expected"), list(COUNTS.values()), ids=list(COUNTS))
def test_an_operator_counts_as_by_hand(model: tuple[Any, ...], expected: int) -> None:
    assert multiply_adds(one_step(*model)) == expected


def test_a_transposed_product_counts_along_the_other_side() -> None:
    from ai_edge_litert import schema_py_generated as schema

    options = schema.BatchMatMulOptionsT()
    options.adjX = True
    model = one_step("BATCH_MATMUL", (2, 5, 3), (2, 5, 7), (2, 3, 7), options=options)
    assert multiply_adds(model) == 2 * 3 * 7 * 5


def test_operators_add_up() -> None:
    shapes = [(1, 4, 4, 1), (8, 3, 3, 1), (1, 4, 4, 8), (1, 4, 4, 8), (10, 128), (1, 10)]
    steps: list[Step] = [
        ("CONV_2D", [0, 1, -1], [2]),
        ("RELU", [2], [3]),
        ("FULLY_CONNECTED", [3, 4, -1], [5]),
    ]
    assert multiply_adds(model_of(shapes, steps)) == 4 * 4 * 8 * 9 + 1280


def test_a_model_that_the_runtimes_run_is_counted() -> None:
    assert multiply_adds(dense_model(np.zeros((4, 784), "f4"), np.zeros(4, "f4"))) == 4 * 784


@pytest.mark.parametrize("name", ["LSTM", "CONV_3D", "WHILE", "CUSTOM", "STABLEHLO_DOT_GENERAL"])
def test_what_may_multiply_and_is_not_counted_is_refused(name: str) -> None:
    with pytest.raises(ModelError, match=f"m: .*{name if name != 'CUSTOM' else 'custom'}"):
        multiply_adds(one_step(name, (1, 8), (8, 8), (1, 8)), "m")


DAMAGED = {
    "a side that is not fixed": (("CONV_2D", (1, 8, 8, 3), (4, 3, 3, 3), (1, -1, 8, 4)), "-1"),
    "a kernel without sides": (("CONV_2D", (1, 8, 8, 3), (), (1, 8, 8, 4)), "4 sides"),
    "a kernel of two sides": (("CONV_2D", (1, 8, 8, 3), (4, 9), (1, 8, 8, 4)), "4 sides"),
    "no kernel": (("CONV_2D", (1, 8, 8, 3), (1, 8, 8, 4)), "not there"),
    "more sides than there are": (("FULLY_CONNECTED", (1,), (1, 1), (2**31 - 1,) * 4000), "8"),
}


@pytest.mark.parametrize(("model", "message"), list(DAMAGED.values()), ids=list(DAMAGED))
def test_shapes_that_cannot_be_counted_are_refused(model: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ModelError, match=f"m: its multiply-adds cannot be counted: .*{message}"):
        multiply_adds(one_step(*model), "m")


def test_a_tensor_that_is_none_is_refused() -> None:
    model = model_of([(1, 8), (4, 8), (1, 4)], [("FULLY_CONNECTED", [0, 77], [2])])
    with pytest.raises(ModelError, match="asks for tensor 77 of 3"):
        multiply_adds(model)
