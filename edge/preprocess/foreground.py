"""What all finders share: a size to look at, and a threshold between two kinds of pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.preprocess.photo import resize

MIN_CONTRAST = 24
"""What is looked for must differ from its background by this many of 255 steps."""


def shrink(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """uint8 (H, W) or (H, W, 3) with its longer side brought down to `side` pixels, never up."""
    rows, columns = pixels.shape[:2]
    scale = side / max(rows, columns)
    return pixels if scale >= 1 else resize(pixels, round(rows * scale), round(columns * scale))


def otsu(values: NDArray[np.float32]) -> float:
    """Otsu's threshold (IEEE Trans. SMC 9(1), 1979) of values 0 to 1, any shape; 0 where all are
    alike."""
    counts = np.bincount((values * 63.999).astype(np.int64).ravel(), minlength=64).astype(float)
    below, sums = np.cumsum(counts), np.cumsum(counts * np.arange(64))
    above = below[-1] - below
    inner = (below > 0) & (above > 0)
    between = np.zeros(64)
    spread = sums[inner] / below[inner] - (sums[-1] - sums[inner]) / above[inner]
    between[inner] = below[inner] * above[inner] * spread**2
    return float(between.argmax() + 1) / 64 if inner.any() else 0.0
