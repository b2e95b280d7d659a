"""Pictures that the tests draw themselves: digits on paper, a garment on the ground."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

STROKES: dict[str, list[list[tuple[float, float]]]] = {
    "1": [[(0.5, 0.0), (0.5, 1.0)]],
    "4": [[(0.7, 1.0), (0.7, 0.0), (0.1, 0.65), (0.95, 0.65)]],
    "7": [[(0.1, 0.05), (0.9, 0.05), (0.4, 1.0)]],
}
"""Digits as polylines in the unit square: x to the right, y down."""


def draw_digit(digit: str, side: int = 200, width: int = 18) -> NDArray[np.uint8]:
    """uint8 (side, side): white strokes on black, filling the square but for the pen's width."""
    picture = Image.new("L", (side, side))
    pen = ImageDraw.Draw(picture)
    inner = side - 2 * width
    for stroke in STROKES[digit]:
        points = [(width + x * inner, width + y * inner) for x, y in stroke]
        pen.line(points, fill=255, width=width, joint="curve")
    return np.asarray(picture)


def on_paper(  # one keyword for each thing that a photo of a page can have
    digit: str,
    *,
    at: tuple[int, int] = (150, 90),
    paper: int = 210,
    ink: int = 40,
    slope: float = 0.0,
    noise: float = 0.0,
) -> NDArray[np.uint8]:
    """uint8 (480, 640): a digit on paper. at: left, top; slope: light lost from left to right."""
    mask = np.zeros((480, 640))
    drawn = draw_digit(digit) / 255
    mask[at[1] : at[1] + drawn.shape[0], at[0] : at[0] + drawn.shape[1]] = drawn
    light = 1 - slope * np.arange(640) / 640
    frame = (paper * (1 - mask) + ink * mask) * light
    frame += np.random.default_rng(3).normal(0, noise, frame.shape)
    return np.clip(frame, 0, 255).astype(np.uint8)


def shirt(ground: tuple[int, int, int], cloth: tuple[int, int, int]) -> NDArray[np.uint8]:
    """uint8 (300, 400, 3): a T-shirt laid on a plain ground, right of the middle."""
    picture = Image.new("RGB", (400, 300), ground)
    pen = ImageDraw.Draw(picture)
    outline = [(170, 60), (330, 60), (370, 120), (335, 140), (320, 115), (320, 250), (180, 250)]
    pen.polygon([*outline, (180, 115), (165, 140), (130, 120)], fill=cloth)
    return np.asarray(picture)
