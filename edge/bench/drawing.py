"""Pictures to measure with, drawn here: no data set is needed, and everybody has the same."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

from edge.contract import Input
from edge.golden import draw_frames

SEED = 7
CAMERA_SIZES = ((640, 480), (1280, 720))
"""Width, height."""
DIGIT = ((0.1, 0.2), (0.5, 0.0), (0.9, 0.2), (0.8, 0.5), (0.1, 1.0), (0.95, 0.95))
"""A 2, as a pen's way within a box of 1 by 1."""
SHIRT = (
    *((0.3, 0.0), (0.7, 0.0), (1.0, 0.25), (0.85, 0.42), (0.75, 0.33), (0.75, 1.0)),
    *((0.25, 1.0), (0.25, 0.33), (0.15, 0.42), (0.0, 0.25)),
)
"""A T-shirt's outline within a box of 1 by 1."""
NOISE_STEPS = 3.0
"""Standard deviation of a camera's noise, of 255."""
JPEG_QUALITY = 85


def ready_pictures(spec: Input, count: int) -> NDArray[np.uint8]:
    """uint8 (count, height, width) or (count, height, width, 3), as in the model's data set."""
    return draw_frames(spec, SEED, count)


def camera_frame(spec: Input, width: int, height: int, seed: int = SEED) -> NDArray[np.uint8]:
    """uint8 (height, width, 3) RGB: what a camera may see of what the model is for.

    A digit on unevenly lit paper, a shirt on a table, or coloured shapes; with noise.
    """
    rng = np.random.default_rng(seed)
    across, down = np.linspace(0, 1, width), np.linspace(0, 1, height)
    slope = 0.75 + 0.25 * (across[np.newaxis, :] + down[:, np.newaxis]) / 2
    light = (255 * slope[:, :, np.newaxis] * _shapes(spec, width, height, rng)).astype(np.float32)
    noise = rng.normal(0, NOISE_STEPS, light.shape).astype(np.float32)
    return np.clip(light + noise, 0, 255).astype(np.uint8)


def to_png(frame: NDArray[np.uint8]) -> bytes:
    """frame: uint8 (H, W) or (H, W, 3)."""
    return _encoded(frame, "PNG")


def to_jpeg(frame: NDArray[np.uint8]) -> bytes:
    """frame: uint8 (H, W) or (H, W, 3)."""
    return _encoded(frame, "JPEG", quality=JPEG_QUALITY)


def _encoded(frame: NDArray[np.uint8], format: str, **options: int) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(frame).save(file, format, **options)
    return file.getvalue()


def _shapes(spec: Input, width: int, height: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """float64 (height, width, 3), 0 to 1: how much of the light comes back."""
    from PIL import Image, ImageDraw

    kind = spec.preprocess.kind
    ground = {"ink": (235, 232, 225), "object": (90, 70, 55), "photo": (120, 150, 180)}[kind]
    picture = Image.new("RGB", (width, height), ground)
    pen = ImageDraw.Draw(picture)
    side = height * 0.45
    left, top = (width - side) / 2 + rng.uniform(-0.1, 0.1) * width, height * rng.uniform(0.2, 0.35)
    if kind == "ink":
        way = [(left + 0.7 * side * x, top + side * y) for x, y in DIGIT]
        pen.line(way, fill=(35, 35, 60), width=max(2, round(side / 12)), joint="curve")
    elif kind == "object":
        outline = [(left + side * x, top + side * y) for x, y in SHIRT]
        pen.polygon(outline, fill=(230, 225, 210))
    else:
        for _ in range(12):
            x, y = rng.uniform(0, width), rng.uniform(0, height)
            radius = rng.uniform(0.05, 0.25) * height
            color = tuple(int(value) for value in rng.integers(0, 256, 3))
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=color)
    return np.asarray(picture, np.float64) / 255
