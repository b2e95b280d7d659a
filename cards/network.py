"""A network as its flatbuffer states it: steps, sizes, numbers learnt."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby

from edge.tflite.flatbuffer import Table, root
from edge.tflite.structure import operator_names

WEIGHED = {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"}
"""Operators whose second and third input were learnt: weights and biases."""
SILENT = {"RESHAPE", "SHAPE", "STRIDED_SLICE", "PACK", "QUANTIZE", "DEQUANTIZE"}
"""Rewrite numbers; left out of what people read."""


@dataclass(frozen=True)
class Network:
    """What a card says of it."""

    parameters: int
    """Weights and biases in the file; batch norm is folded into them."""
    layers: int
    """Operators with weights."""
    steps: tuple[str, ...]
    """Such as `CONV_2D 28x28x16`, in their order: the operator and what it makes."""


def read_network(model: bytes) -> Network:
    """model: a flatbuffer that `edge.bundle` has read, of a network with fixed sizes."""
    top = root(model)
    graph, names = next(top.tables(2)), operator_names(top)
    shapes = [tuple(map(int, tensor.numbers(0, "i"))) for tensor in graph.tables(0)]
    weights: set[int] = set()
    steps, layers = [], 0
    for step in graph.tables(3):
        name = names[step.number(0, "I")]
        if name in WEIGHED:
            weights |= _learnt(step)
            layers += 1
        if name not in SILENT:
            made = shapes[step.numbers(2, "i")[0]][1:]
            steps.append(f"{name} {'x'.join(map(str, made)) or 1}")
    parameters = sum(math.prod(shapes[index]) for index in weights)
    return Network(parameters, layers, _folded(steps))


def _learnt(step: Table) -> set[int]:
    """Tensors of weights and biases; -1 stands for one that is not there."""
    return {index for index in step.numbers(1, "i")[1:3] if index >= 0}


def _folded(steps: list[str]) -> tuple[str, ...]:
    """Equal steps in a row become one with their number."""
    counted = [(name, len(list(group))) for name, group in groupby(steps)]
    return tuple(name if count == 1 else f"{count} times {name}" for name, count in counted)
