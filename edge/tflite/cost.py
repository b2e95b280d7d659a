"""How many multiply-adds a model needs for one picture, counted from its own operators.

One multiplication with its addition is one, as Howard et al. 2017 (MobileNets) and Sandler et al.
2018 (MobileNetV2) count: convolutions and dense layers at the full size of their kernels, padding
included. Biases, activations, pooling, scaling and what works number by number count none.
"""

from __future__ import annotations

import math

from edge.errors import ModelError
from edge.tflite.allowed import check_operators
from edge.tflite.flatbuffer import Damaged, Table, root
from edge.tflite.structure import operator_names, read_structure

MAX_SIDES = 8
"""No tensor of TFLite's kernels has more."""

Shape = tuple[int, ...]


def multiply_adds(model: bytes, where: str = "the model") -> int:
    """The multiply-adds of one inference. model: a flatbuffer. where: for messages.

    What is not among the operators of `edge.tflite.allowed` is refused, for it may compute products
    that nobody here counts; so a 0 is a 0.

    Raises:
        ModelError: it is damaged, has such an operator, or has no fixed shapes.
    """
    check_operators(read_structure(model, where), where)
    try:
        top = root(model)
        graph, names = next(top.tables(2)), operator_names(top)
        shapes = [tuple(map(int, tensor.numbers(0, "i"))) for tensor in graph.tables(0)]
        return sum(_count(names, step, shapes) for step in graph.tables(3))
    except LookupError:
        reason = "an operator asks for what is not there"
    except Damaged as error:
        reason = str(error)
    raise ModelError(f"{where}: its multiply-adds cannot be counted: {reason}")


def _count(names: list[str], step: Table, shapes: list[Shape]) -> int:
    """Of one operator."""
    name = names[step.number(0, "I")]
    inputs = step.numbers(1, "i")
    if name == "TRANSPOSE_CONV":  # (shape of the output, kernels, input): each input is spread
        channels, height, width, _ = _sides(name, shapes, inputs[1], 4)
        return math.prod(_sides(name, shapes, inputs[2], 4)) * height * width * channels
    if name not in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "BATCH_MATMUL"):
        return 0
    made = math.prod(_sides(name, shapes, step.numbers(2, "i")[0]))
    if name == "BATCH_MATMUL":
        options = step.table(4)
        is_transposed = options is not None and bool(options.number(0, "b"))
        return made * _sides(name, shapes, inputs[0])[-2 if is_transposed else -1]
    if name == "FULLY_CONNECTED":  # (outputs, inputs)
        return made * _sides(name, shapes, inputs[1], 2)[1]
    # (outputs, height, width, inputs of a group); (1, height, width, outputs) where depthwise
    _, height, width, channels = _sides(name, shapes, inputs[1], 4)
    return made * height * width * (1 if name == "DEPTHWISE_CONV_2D" else channels)


def _sides(name: str, shapes: list[Shape], tensor: int, count: int | None = None) -> Shape:
    """The shape of a tensor that `name` reads or makes, all sides known."""
    if not 0 <= tensor < len(shapes):
        raise Damaged(f"{name} asks for tensor {tensor} of {len(shapes)}")
    shape = shapes[tensor]
    is_whole = 0 < len(shape) <= MAX_SIDES and min(shape) > 0
    if not is_whole or (count is not None and len(shape) != count):
        sides = f"{count} sides" if count else f"1 to {MAX_SIDES} sides"
        raise Damaged(f"{name} needs a tensor of {sides}, each fixed, got {shape[: MAX_SIDES + 1]}")
    return shape
