"""Whether a model's flatbuffer is what its contract says, read without a runtime.

A contract with the right hash may still be of another model: hashes are recomputed in a moment.
"""

from __future__ import annotations

import numpy as np

from edge.bundle import GOLDEN, Bundle, Golden, check_output
from edge.contract import ADOPTED, Contract, Input
from edge.errors import ModelError
from edge.interpreter import SCALES
from edge.quantize import INTEGER_LIMITS
from edge.tflite.allowed import check_operators
from edge.tflite.structure import Structure, Tensor, check_whole, read_structure

_ANY = ("float32", *INTEGER_LIMITS)
DTYPES = {
    "float32": ("float32",),
    "float16": ("float32",),  # weights alone are smaller; pictures and answers stay as they are
    "dynamic": ("float32",),
    "int8": ("int8",),
    "int16x8": ("int16",),
    "mixed": ("int8",),
    ADOPTED: _ANY,
}
"""Variant -> what its input and output tensors may be."""
MAX_GOLDEN = 1024
"""Frames. They are run at each start of a camera, and take their time."""


def check_agreement(bundle: Bundle, where: str) -> None:
    """Holds the flatbuffer, the golden frames and the proof against contract and labels.

    Raises:
        ModelError: says what was expected and what came.
    """
    contract = bundle.contract
    structure = read_structure(bundle.model, where)
    check_operators(structure, where)
    _check_stated_operators(structure, contract, where)
    for role, tensors in (("input", structure.inputs), ("output", structure.outputs)):
        if len(tensors) != 1:
            raise ModelError(f"{where}: expected a model with one {role}, got {len(tensors)}")
        _check_numbers(tensors[0], role, contract.variant, where)
    expected, got = (1, *contract.input.shape), structure.inputs[0].shape
    if got != expected:
        raise ModelError(f"{where}: its contract says input {expected}, its tensor is {got}")
    check_output(bundle.labels, structure.outputs[0].shape, contract.name)
    if bundle.golden is not None:
        _check_golden(bundle.golden, contract.input, len(bundle.labels), where)
    check_whole(bundle.model, where)
    _ = bundle.proof  # of this very content, or it raises


def _check_stated_operators(structure: Structure, contract: Contract, where: str) -> None:
    stated, found = contract.model.operators, structure.operators
    for name in sorted({*stated, *found}):
        if stated.get(name) != found.get(name):
            raise ModelError(
                f"{where}: its contract says {_version(name, stated)}, "
                f"the model has {_version(name, found)}"
            )


def _version(name: str, operators: dict[str, int]) -> str:
    return f"{name} version {operators[name]}" if name in operators else f"no {name}"


def _check_numbers(tensor: Tensor, role: str, variant: str, where: str) -> None:
    expected = DTYPES.get(variant)
    if expected is None:
        raise ModelError(
            f"{where}: expected one of the variants {', '.join(DTYPES)}, got {variant!r}"
        )
    if tensor.dtype not in expected:
        raise ModelError(
            f"{where}: expected {' or '.join(expected)} as {role} of {variant!r}, "
            f"got {tensor.dtype}"
        )
    if tensor.dtype == "float32" or (role == "input" and _is_bytes(tensor)):
        return
    low, high = INTEGER_LIMITS[tensor.dtype]
    if not (SCALES[0] < tensor.scale < SCALES[1] and low <= tensor.zero_point <= high):
        raise ModelError(
            f"{where}: expected a scale above 0 and a zero point from {low} to {high} for its "
            f"{role}, got {tensor.scale:g} and {tensor.zero_point}"
        )


def _is_bytes(tensor: Tensor) -> bool:
    """Pixels as they are, which the model scales itself."""
    return tensor.dtype == "uint8" and tensor.scale == 0


def _check_golden(golden: Golden, spec: Input, classes: int, where: str) -> None:
    frames, count = golden.frames, len(golden.frames) if golden.frames.ndim else 0
    sides = (spec.height, spec.width) if spec.color == "gray" else spec.shape
    if not 1 <= count <= MAX_GOLDEN or frames.dtype != np.uint8 or frames.shape != (count, *sides):
        raise ModelError(
            f"{where}: {GOLDEN}: expected up to {MAX_GOLDEN} frames uint8 "
            f"(n, {', '.join(map(str, sides))}), got {frames.dtype} {frames.shape}"
        )
    for name, outputs in golden.outputs.items():
        if outputs.shape != (count, classes) or outputs.dtype.name not in _ANY:
            raise ModelError(
                f"{where}: {GOLDEN}: expected outputs ({count}, {classes}) of {name}, "
                f"got {outputs.dtype} {outputs.shape}"
            )
