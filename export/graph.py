"""The operators of a .tflite in the order they run, under names that all variants share.

The name of a tensor changes from one conversion to the next: Keras puts a running number on the
model around it, and the converter one on a name that is taken. What stays is the Keras layer in it,
so that, with a count where a layer became several operators, is an operator's name. QUANTIZE and
DEQUANTIZE between float and int8 layers are the converter's own, and count as part of the operator
before them. In what `export.slim` wrote, the tensors are called so, and their network has no name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from edge.errors import ModelError

PASS_ON = frozenset(
    {
        *("AVERAGE_POOL_2D", "BATCH_TO_SPACE_ND", "DEPTH_TO_SPACE", "EXPAND_DIMS", "GATHER"),
        *("MAX_POOL_2D", "PAD", "RESHAPE", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "SLICE"),
        *("SPACE_TO_BATCH_ND", "SPACE_TO_DEPTH", "SPLIT", "SQUEEZE", "STRIDED_SLICE", "TRANSPOSE"),
    }
)
"""Operators whose output must have the scale of their input (TensorFlow Lite 8-bit quantization
specification, the restriction "Input and outputs must all have same scale/zero_point")."""
_OWN = ("QUANTIZE", "DEQUANTIZE")
_KERNEL = re.compile(r"(convolution|Conv2D|depthwise|MatMul)\w*$")
_CALL = re.compile(r"_\d+$")
"""Keras counts the calls of a layer, and each conversion calls the model once more."""


@dataclass(frozen=True)
class Operator:
    """One step of the model."""

    layer: str
    """The Keras layer that it came from, made unique: the same in every variant of a model."""
    kind: str
    """TFLite's name: CONV_2D."""
    tensor: str
    """The tensor that it computes, as this flatbuffer calls it."""
    reads: tuple[str, ...]
    """Those of other operators that it reads, and the model's input."""
    is_output: bool
    """Whether it computes the model's output."""
    shape: tuple[int, ...]
    """Of its output."""
    type: str
    """Of its output: FLOAT32, INT8, INT16."""
    scale: float
    """Of its output; 0 where it is float."""
    zero_point: int
    weights_bytes: int
    """Constants that it reads, biases included."""

    @property
    def passes_on(self) -> bool:
        """Whether it only moves or picks values, and so shares its input's range."""
        return self.kind in PASS_ON


def read_operators(model: bytes) -> tuple[Operator, ...]:
    """Every operator in the order of execution.

    Raises:
        ModelError: not a flatbuffer that can be read.
    """
    try:
        return _name_apart(_operators(parse_model(model)))
    except Exception as error:  # a damaged flatbuffer raises anything, struct.error to MemoryError
        raise ModelError(f"expected a .tflite, cannot read its operators: {error!r}") from None


def write_ranges(calibrated: bytes, ranges: Mapping[str, tuple[float, float]]) -> bytes:
    """The same calibrated float model with other minima and maxima.

    ranges: by tensor; those that it lacks keep theirs.
    """
    import flatbuffers
    import numpy as np

    parsed = parse_model(calibrated)
    for tensor in parsed.subgraphs[0].tensors:
        name = bytes(tensor.name).decode()
        if name in ranges:
            tensor.quantization.min, tensor.quantization.max = (
                np.array([end], np.float32) for end in ranges[name]
            )
    builder = flatbuffers.Builder(len(calibrated))
    builder.Finish(parsed.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def short_names(parsed: Any) -> dict[int, str]:
    """Index -> a name of its own for the input and all that is computed: the layer, as here.

    parsed: as `parse_model` gives it. A constant has none, nor has one in another type.
    """
    graph, layers = parsed.subgraphs[0], iter(_name_apart(_operators(parsed)))
    names: dict[int, str] = {}

    def name(index: int, wanted: str) -> None:
        while wanted in names.values():
            wanted += "_"
        names[int(index)] = wanted

    for index in graph.inputs:
        name(index, "picture")
    for step in graph.operators:
        kind = _kind(parsed, step)
        if kind not in _OWN:
            wanted = next(layers).layer
        elif int(step.inputs[0]) in names:
            wanted = f"{names[int(step.inputs[0])]}/{kind.lower()}"
        else:
            continue
        for index in step.outputs:
            name(index, wanted)
    return names


def parse_model(model: bytes) -> Any:
    """The schema's ModelT of a flatbuffer that our own converter made."""
    from ai_edge_litert import schema_py_generated as schema

    return schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(model, 0))


def _operators(parsed: Any) -> list[Operator]:
    from ai_edge_litert import schema_py_generated as schema

    graph = parsed.subgraphs[0]
    types = _names(schema.TensorType)
    names = [bytes(tensor.name or b"").decode() for tensor in graph.tensors]
    sources = list(names)  # what a tensor is a copy of, in another type
    sizes = [_bytes(parsed, tensor) for tensor in graph.tensors]
    found: dict[str, Operator] = {}
    for step in graph.operators:
        kind = _kind(parsed, step)
        at, inputs = int(step.outputs[0]), [int(index) for index in step.inputs if index >= 0]
        tensor, is_output = graph.tensors[at], at in graph.outputs
        scale, zero_point = _quantization(tensor)
        if kind in _OWN:
            sizes[at], sources[at] = sizes[inputs[0]], sources[inputs[0]]
            if is_output and sources[at] in found:
                found[sources[at]] = replace(
                    found[sources[at]],
                    tensor=names[at],
                    is_output=True,
                    type=types[tensor.type],
                    scale=scale,
                    zero_point=zero_point,
                )
            continue
        constants = [names[index] for index in inputs if sizes[index]]
        found[names[at]] = Operator(
            names[at] if graph.name is None else _layer([names[at], *constants], kind),
            kind,
            names[at],
            tuple(sources[index] for index in inputs if not sizes[index]),
            is_output,
            tuple(int(side) for side in tensor.shape),
            types[tensor.type],
            scale,
            zero_point,
            sum(sizes[index] for index in inputs),
        )
    return list(found.values())


def _kind(parsed: Any, step: Any) -> str:
    from ai_edge_litert import schema_py_generated as schema

    code = parsed.operatorCodes[step.opcodeIndex]
    return _names(schema.BuiltinOperator)[max(code.builtinCode, code.deprecatedBuiltinCode)]


def _layer(names: list[str], kind: str) -> str:
    """The layer's name: a kernel's where one was merged in, else the first that has a path."""
    paths = [part.split("/") for name in names for part in name.split(";")]
    paths = [path for path in paths if len(path) > 1]
    for path in paths:
        if _KERNEL.match(path[-1]):
            return _CALL.sub("", path[-2])
    return _CALL.sub("", paths[0][-2]) if paths else kind.lower()


def _name_apart(operators: list[Operator]) -> tuple[Operator, ...]:
    """Numbers the operators of one layer from the second on."""
    seen: dict[str, int] = {}
    named = []
    for one in operators:
        seen[one.layer] = count = seen.get(one.layer, 0) + 1
        named.append(one if count == 1 else replace(one, layer=f"{one.layer}#{count}"))
    return tuple(named)


def _quantization(tensor: Any) -> tuple[float, int]:
    stored = tensor.quantization
    if stored is None or stored.scale is None or len(stored.scale) != 1:
        return 0.0, 0
    return float(stored.scale[0]), int(stored.zeroPoint[0])


def _bytes(parsed: Any, tensor: Any) -> int:
    data = parsed.buffers[tensor.buffer].data
    return 0 if data is None else len(data)


def _names(enumeration: Any) -> dict[int, str]:
    return {value: name for name, value in vars(enumeration).items() if not name.startswith("_")}
