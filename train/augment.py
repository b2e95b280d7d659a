"""Augmentation of whole batches, in NumPy: a picture at a time would halve the training rate."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def shift(batch: NDArray[np.float32], pixels: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Moves each picture by up to `pixels` in both directions; the border repeats outward.

    batch: float32 (n, height, width, channels).

    Returns:
        float32, the same shape.
    """
    if not pixels:
        return batch
    count, height, width, _ = batch.shape
    padded = np.pad(batch, ((0, 0), (pixels, pixels), (pixels, pixels), (0, 0)), mode="edge")
    down, right = rng.integers(0, 2 * pixels + 1, (2, count, 1))
    rows, columns = down + np.arange(height), right + np.arange(width)
    pictures = np.arange(count)[:, np.newaxis, np.newaxis]
    return padded[pictures, rows[:, :, np.newaxis], columns[:, np.newaxis, :]]
