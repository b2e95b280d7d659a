"""What is really inside a .tflite: operators, versions, tensor types. Read, never assumed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edge.errors import ModelError
from export.variants import Variant

OLDEST_RUNTIME = (2, 14, 0)
"""tflite-runtime's last release: every variant must load there."""
SMALL_CONSTANT_BYTES = 4096
"""The converter leaves float constants of up to 1,024 elements as they are."""
_MIN_RUNTIME = b"min_runtime_version"


@dataclass(frozen=True)
class Tensor:
    name: str
    type: str
    shape: tuple[int, ...]
    constant_bytes: int
    """0 for what is computed."""


@dataclass(frozen=True)
class Structure:
    """The facts of a flatbuffer that matter here."""

    operators: dict[str, int]
    """Name -> highest version stamped."""
    tensors: tuple[Tensor, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    min_runtime: str
    """The oldest TFLite release for these operator versions, as the converter recorded it."""


def read_structure(model: bytes) -> Structure:
    """Reads a flatbuffer that our own converter made. Not for models from elsewhere."""
    from ai_edge_litert import schema_py_generated as schema

    parsed = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(model, 0))
    types, names = _names(schema.TensorType), _names(schema.BuiltinOperator)
    graph = parsed.subgraphs[0]
    tensors = tuple(
        Tensor(
            bytes(tensor.name or b"").decode(),
            types[tensor.type],
            tuple(tensor.shape) if tensor.shape is not None else (),
            _length(parsed.buffers[tensor.buffer].data),
        )
        for tensor in graph.tensors
    )
    operators: dict[str, int] = {}
    for code in parsed.operatorCodes:
        name = names[max(code.builtinCode, code.deprecatedBuiltinCode)]
        operators[name] = max(code.version, operators.get(name, 0))
    return Structure(
        operators,
        tensors,
        tuple(tensors[index] for index in graph.inputs),
        tuple(tensors[index] for index in graph.outputs),
        _min_runtime(parsed),
    )


def check_effect(structure: Structure, variant: Variant) -> None:
    """Refuses a conversion that did not do what the variant says, whatever its settings were.

    Raises:
        ModelError: names the tensor or the operator that is not as it should be.
    """
    where = f"variant {variant.name}"
    for tensor in (*structure.inputs, *structure.outputs):
        if tensor.type != variant.activations or tensor.shape[:1] != (1,):
            raise ModelError(
                f"{where}: expected {variant.activations} input and output with batch 1, got "
                f"{tensor.type} {tensor.shape} for {tensor.name!r}"
            )
    for tensor in structure.tensors:
        is_index = tensor.type in ("INT32", "INT64")  # shapes, and biases of integer kernels
        if variant.keeps_float and tensor.type == "FLOAT32":
            continue
        if not tensor.constant_bytes and tensor.type != variant.activations and not is_index:
            raise ModelError(
                f"{where}: expected {variant.activations} activations, got {tensor.type} "
                f"for {tensor.name!r}"
            )
        is_large = tensor.constant_bytes > SMALL_CONSTANT_BYTES
        if is_large and tensor.type != variant.weights and not is_index:
            raise ModelError(
                f"{where}: expected {variant.weights} weights, got {tensor.type} "
                f"for {tensor.name!r}"
            )
    if not any(t.constant_bytes and t.type == variant.weights for t in structure.tensors):
        raise ModelError(f"{where}: expected {variant.weights} weights, found none")
    if variant.keeps_float and not {"QUANTIZE", "DEQUANTIZE"} & set(structure.operators):
        raise ModelError(f"{where}: expected some layers in FLOAT32, found none")
    if "SHAPE" in structure.operators:
        raise ModelError(f"{where}: expected fixed shapes, got a SHAPE operator; it costs XNNPACK")
    if _version(structure.min_runtime) > OLDEST_RUNTIME:
        stamped = ", ".join(f"{name} {number}" for name, number in structure.operators.items())
        raise ModelError(
            f"{where}: expected operators that TFLite {'.'.join(map(str, OLDEST_RUNTIME))} has, "
            f"got a model for {structure.min_runtime} ({stamped})"
        )


def _names(enumeration: Any) -> dict[int, str]:
    return {value: name for name, value in vars(enumeration).items() if not name.startswith("_")}


def _length(data: Any) -> int:
    return 0 if data is None else len(data)


def _min_runtime(parsed: Any) -> str:
    for entry in parsed.metadata or ():
        if bytes(entry.name) == _MIN_RUNTIME:
            return bytes(parsed.buffers[entry.buffer].data).rstrip(b"\0").decode()
    raise ModelError("the converter recorded no min_runtime_version in the model")


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))
