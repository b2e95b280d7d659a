"""What stands out of a background: the threshold, the component that is meant, its box."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.errors import NothingFound
from edge.preprocess.components import Components
from edge.preprocess.photo import resize

MIN_CONTRAST = 24
"""What is looked for must differ from its background by this many of 255 steps."""


def shrink(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """uint8 (H, W) or (H, W, 3) with its longer side brought down to `side` pixels, never up."""
    rows, columns = pixels.shape[:2]
    scale = side / max(rows, columns)
    return pixels if scale >= 1 else resize(pixels, round(rows * scale), round(columns * scale))


def threshold(strength: NDArray[np.float32]) -> float:
    """Otsu's threshold (IEEE Trans. SMC 9(1), 1979) between background and what stands out.

    strength: float32 (H, W), 0 to 255.

    Raises:
        NothingFound: the two classes are too close together, or all is noise.
    """
    counts = np.bincount(strength.astype(np.uint8).ravel(), minlength=256).astype(np.float64)
    levels = np.arange(256)
    below = np.cumsum(counts)
    above = below[-1] - below
    sums = np.cumsum(counts * levels)
    with np.errstate(divide="ignore", invalid="ignore"):
        means_below, means_above = sums / below, (sums[-1] - sums) / above
        between = below * above * (means_below - means_above) ** 2
    best = int(np.nanargmax(between)) if np.isfinite(between).any() else 0
    contrast = means_above[best] - means_below[best]
    if not contrast >= MIN_CONTRAST:
        raise NothingFound(
            f"expected something that differs from its background by at least {MIN_CONTRAST} "
            f"of 255 steps, got {0 if np.isnan(contrast) else contrast:.0f}"
        )
    return best + 0.5


def otsu(values: NDArray[np.float32]) -> float:
    """Otsu's threshold of values 0 to 1, any shape; 0 where all are alike."""
    counts = np.bincount((values * 63.999).astype(np.int64).ravel(), minlength=64).astype(float)
    below, sums = np.cumsum(counts), np.cumsum(counts * np.arange(64))
    above = below[-1] - below
    inner = (below > 0) & (above > 0)
    between = np.zeros(64)
    spread = sums[inner] / below[inner] - (sums[-1] - sums[inner]) / above[inner]
    between[inner] = below[inner] * above[inner] * spread**2
    return float(between.argmax() + 1) / 64 if inner.any() else 0.0


def choose(components: Components) -> NDArray[np.bool_]:
    """The one thing meant: the largest component off the border, and its broken pieces.

    Returns:
        bool (n,) over the components.

    Raises:
        NothingFound: only specks.
    """
    height, width = components.shape
    left, top, right, bottom = components.boxes.T
    touches = (left == 0) | (top == 0) | (right == width) | (bottom == height)
    # A page edge or a finger reaches in from outside; a digit that does is tightly cropped,
    # and then nothing of its size stands free.
    weight = components.areas * np.where(touches, 0.1, 1.0)
    main = int(np.argmax(weight)) if weight.size else -1
    if main < 0 or max(right[main] - left[main], bottom[main] - top[main]) < 5:
        raise NothingFound("expected something of at least 5 pixels, got specks")
    reach = 0.2 * max(right[main] - left[main], bottom[main] - top[main])
    near = (
        (left < right[main] + reach)
        & (right > left[main] - reach)
        & (top < bottom[main] + reach)
        & (bottom > top[main] - reach)
    )
    pieces = near & (components.areas >= 0.02 * components.areas[main]) & ~touches
    pieces[main] = True
    return pieces


def box_of(boxes: NDArray[np.int64]) -> tuple[int, int, int, int]:
    """The box around boxes (n, 4): left, top, right, bottom."""
    left, top = boxes[:, :2].min(axis=0)
    right, bottom = boxes[:, 2:].max(axis=0)
    return int(left), int(top), int(right), int(bottom)
