"""Real numbers to quantised ones and back: real = scale * (quantised - zero_point).

Source: the TensorFlow Lite 8-bit quantization specification.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

INTEGER_LIMITS = {"int8": (-128, 127), "uint8": (0, 255), "int16": (-32768, 32767)}
"""Quantised dtypes that a picture can be fed in or an answer read from."""


@dataclass(frozen=True)
class TensorSpec:
    """One input or output tensor as the runtime reports it."""

    index: int
    """The runtime's handle."""
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    scale: float
    """0 for a tensor that is not quantised."""
    zero_point: int


def quantize(values: NDArray[np.float32], spec: TensorSpec) -> NDArray[np.generic]:
    """float32 real values -> the tensor's dtype: rounded half to even, clipped, then cast."""
    if not spec.scale:
        return values.astype(spec.dtype)
    lowest, highest = INTEGER_LIMITS[spec.dtype.name]
    steps = values / np.float32(spec.scale)
    np.rint(steps, out=steps)
    steps += spec.zero_point
    np.maximum(steps, lowest, out=steps)  # np.clip takes three times as long on a small picture
    np.minimum(steps, highest, out=steps)
    return steps.astype(spec.dtype)


def dequantize(values: NDArray[np.generic], spec: TensorSpec) -> NDArray[np.float32]:
    """The tensor's dtype -> float32 real values; subtracts in int64, where nothing wraps."""
    if not spec.scale:
        return values.astype(np.float32)
    return ((values.astype(np.int64) - spec.zero_point) * spec.scale).astype(np.float32)
