"""Digits that are not one whole digit: several in the field, halves changed over, crossed out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from train.outliers.looks import CANVAS
from train.outliers.pen import draw_strokes


def draw_row(digits: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """uint8 (H, W), two to four of the digits side by side, or two above two.

    digits: uint8 (n, height, width), light on black.
    """
    count = rng.integers(2, 5)
    chosen = [_cropped(digits[index]) for index in rng.integers(len(digits), size=count)]
    gap = int(rng.integers(-1, 5))
    if count == 4 and rng.random() < 0.5:
        return _beside([_beside(chosen[:2], gap).T, _beside(chosen[2:], gap).T], gap).T
    return _beside(chosen, gap)


def draw_parts(digits: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """uint8 (H, W), a digit whose left and right halves have changed places."""
    digit = _cropped(digits[rng.integers(len(digits))])
    middle = digit.shape[1] // 2
    return _beside([digit[:, middle:], digit[:, :middle]], int(rng.integers(0, 5)))


def draw_crossed(digits: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """uint8 (CANVAS, CANVAS), a digit with two to four heavy lines through it.

    Not one: a crossed 7 and a crossed 0 are a 7 and a 0.
    """
    digit = _cropped(digits[rng.integers(len(digits))])
    size = round(CANVAS * rng.uniform(0.6, 0.9))
    scale = size / max(digit.shape)
    shape = (max(1, round(digit.shape[1] * scale)), max(1, round(digit.shape[0] * scale)))
    large = np.asarray(Image.fromarray(digit).resize(shape, Image.Resampling.BILINEAR))
    field = np.zeros((CANVAS, CANVAS), np.uint8)
    top, left = (CANVAS - large.shape[0]) // 2, (CANVAS - large.shape[1]) // 2
    field[top : top + large.shape[0], left : left + large.shape[1]] = large
    angle = rng.uniform(-0.5, 0.5) + rng.choice([0, 1, -1], rng.integers(2, 5))
    middle = 4 + rng.uniform(-2, 2, (len(angle), 1, 2))
    reach = np.stack([np.cos(angle), np.sin(angle)], axis=1)[:, None] * [[[-5.0], [5.0]]]
    lines = np.clip(middle + reach, 0, 8)
    return np.maximum(field, draw_strokes(list(lines), rng.uniform(4, 9)))


def _cropped(digit: NDArray[np.uint8]) -> NDArray[np.uint8]:
    rows, columns = np.flatnonzero(digit.any(axis=1)), np.flatnonzero(digit.any(axis=0))
    if not len(rows):
        return np.ones((1, 1), np.uint8)
    return np.ascontiguousarray(digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def _beside(parts: list[NDArray[np.uint8]], gap: int) -> NDArray[np.uint8]:
    """The parts from left to right, centred; a gap below 0 lets them overlap."""
    rows = max(part.shape[0] for part in parts)
    width = sum(part.shape[1] + max(gap, 0) for part in parts)
    field, left = np.zeros((rows, width), np.uint8), 0
    for part in parts:
        top, right = (rows - part.shape[0]) // 2, left + part.shape[1]
        space = field[top : top + part.shape[0], left:right]
        np.maximum(space, part, out=space)
        left = max(left + 1, right + gap)
    return field
