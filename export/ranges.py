"""The range that 8 bits are spread over, chosen from the values that a tensor took."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

SAMPLE = 1 << 17
"""Values kept of one tensor over all pictures, so that memory stays at half a megabyte each; a
99.99 % range still has 13 values beyond it."""
_SHRINK = np.geomspace(1, 1e-3, 48)
_LEVELS = 255


@dataclass(frozen=True)
class Observed:
    """What one tensor of the float model held over the calibration pictures."""

    low: float
    """The least of all values, sampled or not."""
    high: float
    values: NDArray[np.float32]
    """(m,) a seeded sample, as many of each picture."""


def sample(
    values: NDArray[np.float32], count: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """`count` of one picture's values, drawn with replacement; all of them where they are fewer.

    values: float32, any shape. Returns float32 (count or fewer,).
    """
    flat = values.ravel()
    return flat if flat.size <= count else flat[rng.integers(0, flat.size, count)]


def choose_range(
    observed: Observed, method: Literal["minmax", "percentile", "mse"], percentile: float | None
) -> tuple[float, float]:
    """(low, high), always around 0, which must be exact (TensorFlow Lite 8-bit specification).

    percentile: 50 to 100; that share lies below `high`, and that share above `low`.
    """
    values = observed.values.astype(np.float64)
    if method == "percentile":
        if percentile is None:
            raise ValueError("expected a percentile for percentile ranges, got none")
        low, high = np.percentile(values, [100 - percentile, percentile])
    elif method == "mse":
        low, high = _least_error(values, min(observed.low, 0.0), max(observed.high, 0.0))
    else:
        low, high = observed.low, observed.high
    return min(float(low), 0.0), max(float(high), 0.0)


def _least_error(values: NDArray[np.float64], low: float, high: float) -> tuple[float, float]:
    """The range whose rounding and clipping together have the least squared error.

    A search over a grid, one end after the other. Source: Nagel et al. 2021, "A White Paper on
    Neural Network Quantization" (arXiv:2106.08295), section 3.1, range setting by mean squared
    error; Banner et al. 2019 (arXiv:1810.05723) derive the same trade in closed form. A far
    outlier's own error may outweigh everybody's rounding: then percentiles cut off what this keeps.
    """
    high = min((high * _SHRINK), key=lambda end: _squared_error(values, low, end))
    low = min((low * _SHRINK), key=lambda end: _squared_error(values, end, high))
    return low, high


def _squared_error(values: NDArray[np.float64], low: float, high: float) -> float:
    scale = (high - low) / _LEVELS
    if not scale:
        return float(np.sum(values**2))
    steps = np.rint((np.clip(values, low, high) - low) / scale)
    return float(np.sum((steps * scale + low - values) ** 2))
