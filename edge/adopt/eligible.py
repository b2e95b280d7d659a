"""Whether a model from elsewhere takes one picture and gives one score a class."""

from __future__ import annotations

from edge.contract import CHANNELS
from edge.errors import ModelError
from edge.quantize import INTEGER_LIMITS
from edge.tflite.allowed import check_operators
from edge.tflite.structure import Structure, Tensor


def check_eligible(structure: Structure, where: str) -> None:
    """Refuses what is no classifier of pictures, or needs more than a TFLite runtime.

    Raises:
        ModelError: says what was expected and what came.
    """
    if len(structure.inputs) != 1 or len(structure.outputs) != 1:
        shapes = [", ".join(str(one.shape) for one in ones) or "none" for ones in _ends(structure)]
        raise ModelError(
            f"{where}: expected a classifier with one input and one output, got "
            f"{len(structure.inputs)} ({shapes[0]}) and {len(structure.outputs)} ({shapes[1]}): "
            "detectors and models with several heads cannot be adopted"
        )
    _check_input(structure.inputs[0], where)
    _check_output(structure.outputs[0], structure.output_operator, where)
    check_operators(structure, where)


def _check_input(tensor: Tensor, where: str) -> None:
    got = f"{tensor.dtype} {tensor.shape}"
    shape = tensor.shape
    if len(shape) != 4 or shape[0] != 1 or shape[3] not in CHANNELS.values():
        is_first = len(shape) == 4 and shape[1] in CHANNELS.values()
        hint = "; its channels stand first: convert it with channels last" if is_first else ""
        raise ModelError(
            f"{where}: expected one picture, (1, height, width, 1 or 3), as input, got {got}{hint}"
        )
    if min(shape) < 1:
        raise ModelError(f"{where}: expected an input of fixed height and width, got {got}")
    # uint8 without a scale: pixels, which the model scales itself
    if tensor.dtype not in ("float32", "uint8") and not _is_quantized(tensor):
        raise ModelError(
            f"{where}: expected float32 or quantised {', '.join(INTEGER_LIMITS)} as input, "
            f"got {got} with scale {tensor.scale:g}"
        )


def _check_output(tensor: Tensor, maker: str, where: str) -> None:
    shape = tensor.shape
    is_list = bool(shape) and not set(shape[:-1]) - {1} and shape[-1] >= 2
    if not is_list or (tensor.dtype != "float32" and not _is_quantized(tensor)):
        raise ModelError(
            f"{where}: expected one score a class, (1, classes), as output, got "
            f"{tensor.dtype} {shape} made by {maker or 'no operator'}: it is no classifier"
        )


def _is_quantized(tensor: Tensor) -> bool:
    return tensor.dtype in INTEGER_LIMITS and tensor.scale > 0


def _ends(structure: Structure) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    return structure.inputs, structure.outputs
