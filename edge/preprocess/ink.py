"""`ink`: handwriting on paper, as a camera sees it, brought to the MNIST convention.

The convention (LeCun, Cortes, Burges, "The MNIST database of handwritten digits"): light ink on
black, aspect kept, the digit's longer side 20 pixels, its centre of mass at the centre of 28x28.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.errors import NothingFound
from edge.preprocess.components import find_components
from edge.preprocess.foreground import box_of, choose, shrink, threshold
from edge.preprocess.photo import resize, to_gray

WORK_SIDE = 512
"""Longer side in pixels at which ink is looked for; finer detail is lost at 28 pixels anyway."""
NOISE_SIGMAS = 4
"""What differs less from its paper is noise."""
MAX_NOISE = 8
"""Standard deviation, in steps of 255, of the worst sensor noise that is reckoned with."""
LIGHT_CELLS = 24
"""Longer side of the thumbnail that the paper's light is estimated on, in cells."""


def normalize_ink(frame: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """uint8 (H, W, 3) or (H, W) -> uint8 (height, width), light ink on black.

    Raises:
        NothingFound: nothing stands out of the paper.
    """
    ink = find_ink(shrink(to_gray(frame), WORK_SIDE))
    components = find_components(ink > threshold(ink))
    chosen = choose(components)
    left, top, right, bottom = box_of(components.boxes[chosen])
    digit = np.where(_grow(components.mask(chosen)), ink, 0)[top:bottom, left:right]
    field = place_by_mass(digit.astype(np.uint8), height, width)
    if not field.any():
        raise NothingFound("expected ink, got too little to see at the model's size")
    # Shrinking pales thin strokes; MNIST's are white.
    full = max(1.0, float(np.percentile(field[field > 0], 85)))
    return np.clip(field * (255.0 / full), 0, 255).astype(np.uint8)


def place_by_mass(digit: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Fits a cropped light-on-black picture into 20/28 of the field, centre of mass centred.

    digit: uint8 (H, W), cropped to its ink.

    Returns:
        uint8 (height, width).
    """
    rows, columns = digit.shape
    scale = min(height, width) * 20 / 28 / max(rows, columns)
    small = resize(digit, round(rows * scale), round(columns * scale))
    mass = small.astype(np.float64)
    total = max(mass.sum(), 1.0)
    center_row = float(mass.sum(axis=1) @ (np.arange(small.shape[0]) + 0.5)) / total
    center_column = float(mass.sum(axis=0) @ (np.arange(small.shape[1]) + 0.5)) / total
    top = _clamp(round(height / 2 - center_row), height - small.shape[0])
    left = _clamp(round(width / 2 - center_column), width - small.shape[1])
    field = np.zeros((height, width), np.uint8)
    field[top : top + small.shape[0], left : left + small.shape[1]] = small
    return field


def find_ink(gray: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Strength of ink at each pixel, whatever the light and the polarity.

    gray: uint8 (H, W).

    Returns:
        float32 (H, W), 0 (paper) to 255 (as far from the paper as this light allows).
    """
    paper = _paper_light(gray)
    difference = gray.astype(np.float32) - paper
    # A quarter of normal noise lies within 0.319 sigma of the paper. Without this cut, darkness is
    # all ink; without its cap, a digit cropped so tightly that it hides its paper is all noise.
    noise = float(np.percentile(np.abs(difference), 25)) / 0.319
    difference[np.abs(difference) < NOISE_SIGMAS * min(noise, MAX_NOISE)] = 0
    # Noise is as often lighter as darker; what is left of the cubes is the ink, however little.
    if float((difference**3).sum()) < 0:
        # A shadow scales the paper and the contrast of dark ink on it alike.
        strength = -difference * 255 / np.maximum(paper, 32)
    else:
        strength = difference * 255 / np.maximum(255 - paper, 64)
    return np.clip(strength, 0, 255).astype(np.float32)


def _paper_light(gray: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The paper's own brightness at each pixel: a median over 3/8 of the frame.

    Strokes fill less than half of such a window, so they vanish; slow changes of light stay.
    """
    from PIL import Image, ImageFilter

    rows, columns = gray.shape
    scale = min(1.0, LIGHT_CELLS / max(rows, columns))
    cells = resize(gray, round(rows * scale), round(columns * scale))
    window = LIGHT_CELLS * 3 // 8 // 2 * 2 + 1
    pad = window // 2
    padded = Image.fromarray(np.pad(cells, pad, mode="symmetric"))
    flat = np.asarray(padded.filter(ImageFilter.MedianFilter(window)))[pad:-pad, pad:-pad]
    return resize(np.ascontiguousarray(flat), rows, columns).astype(np.float32)


def _grow(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """One pixel more on each side, for the soft edge that the threshold cut off."""
    grown = mask.copy()
    grown[1:] |= mask[:-1]
    grown[:-1] |= mask[1:]
    grown[:, 1:] |= grown[:, :-1].copy()
    grown[:, :-1] |= grown[:, 1:].copy()
    return grown


def _clamp(value: int, most: int) -> int:
    return max(0, min(value, most))
