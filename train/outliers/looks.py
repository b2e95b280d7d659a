"""The look that `ink` gives: a drawn mark is bent, thickened, blurred and placed as MNIST's are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from scipy.ndimage import map_coordinates

from edge.preprocess.ink import place_by_mass

CANVAS = 64
"""Side in pixels on which marks are drawn: three times what the model sees of them."""
MARGIN = 1.4
"""The bent picture shows so much more than the mark, that a turned one is not cut."""
FAINT = 40
"""Of 255: paler than this is no ink, when a mark is cropped."""


def bend(
    mark: NDArray[np.uint8], rng: np.random.Generator, strength: float = 1.0
) -> NDArray[np.uint8]:
    """Turns by up to 15 degrees, slants, stretches and bends smoothly, as a hand and a lens do.

    mark: uint8 (H, W), light on black.

    Returns:
        uint8 (CANVAS, CANVAS).
    """
    angle = np.radians(rng.uniform(-15, 15) * strength)
    slant, stretch = rng.uniform(-0.25, 0.25) * strength, 1 + rng.uniform(-0.15, 0.15) * strength
    cosine, sine = np.cos(angle), np.sin(angle)
    down, right = (np.mgrid[:CANVAS, :CANVAS] + 0.5) * (2 / CANVAS) - 1
    wave = rng.uniform(-0.06, 0.06, (2, 2)) * strength
    pace, phase = rng.uniform(1.5, 4, (2, 2)), rng.uniform(0, 2 * np.pi, (2, 2))
    right = right + wave[0, 0] * np.sin(pace[0, 0] * down + phase[0, 0])
    down = down + wave[1, 0] * np.sin(pace[1, 0] * right + phase[1, 0])
    right = right + wave[0, 1] * np.sin(pace[0, 1] * (right + down) + phase[0, 1])
    down = down + wave[1, 1] * np.sin(pace[1, 1] * (right - down) + phase[1, 1])
    x = (cosine * right - sine * down + slant * down) * stretch
    y = sine * right + cosine * down
    rows, columns = mark.shape
    half = max(rows, columns) / 2 * MARGIN
    at = [rows / 2 - 0.5 + half * y, columns / 2 - 0.5 + half * x]
    return np.asarray(map_coordinates(mark, at, order=1, mode="constant"), np.uint8)


def press(mark: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A thicker or thinner pen: uint8 (H, W) -> the same."""
    picture = Image.fromarray(mark)
    kind = rng.integers(5)
    if kind == 0:
        thin = np.asarray(picture.filter(ImageFilter.MinFilter(3)))
        return thin if int((thin > FAINT).sum()) * 3 > int((mark > FAINT).sum()) else mark
    if kind < 3:
        picture = picture.filter(ImageFilter.MaxFilter(3 if kind == 1 else 5))
    return np.asarray(picture)


def settle(
    mark: NDArray[np.uint8], side: tuple[int, int], rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Crops a mark to its ink and places it in the field; its strokes are white and soft.

    mark: uint8 (H, W), light on black.
    side: height and width of the model's input.

    Returns:
        uint8 (height, width); black where the mark has no ink.
    """
    rows = np.flatnonzero((mark > FAINT).any(axis=1))
    columns = np.flatnonzero((mark > FAINT).any(axis=0))
    if not len(rows):
        return np.zeros(side, np.uint8)
    box = mark[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    field = place_by_mass(np.ascontiguousarray(box), *side)
    if not field.any():
        return np.zeros(side, np.uint8)
    full = max(1.0, float(np.percentile(field[field > 0], rng.uniform(70, 95))))
    return np.clip(field * (255.0 / full), 0, 255).astype(np.uint8)
