"""Golden frames: pictures that the project draws itself, for a self-test on the device."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.contract import Input

DRAWN, KEPT = 128, 32
_ZOOM = 4
"""Drawn larger and shrunk, for soft edges."""


def draw_frames(spec: Input, seed: int = 20, count: int = DRAWN) -> NDArray[np.uint8]:
    """Seeded strokes, ellipses and boxes, light on black, of the input's own size.

    Returns:
        uint8 (count, height, width) or (count, height, width, 3).
    """
    rng = np.random.default_rng(seed)
    return np.stack([_draw(spec, rng) for _ in range(count)])


def choose_clear(logits: NDArray[np.float32], kept: int = KEPT) -> NDArray[np.int64]:
    """Sorted indices of the `kept` frames with the widest lead of the best class over the next.

    logits: (n, classes), or any scores. Where the lead is wide, the last bits of another kernel
    change no label.
    """
    ordered = np.sort(logits, axis=1)
    lead = np.nan_to_num(ordered[:, -1] - ordered[:, -2])
    return np.sort(np.argsort(-lead, kind="stable")[:kept])


def _draw(spec: Input, rng: np.random.Generator) -> NDArray[np.uint8]:
    from PIL import Image, ImageDraw

    mode = "L" if spec.color == "gray" else "RGB"
    size = (spec.width * _ZOOM, spec.height * _ZOOM)
    picture = Image.new(mode, size)
    pen = ImageDraw.Draw(picture)
    for _ in range(rng.integers(1, 5)):
        color = tuple(int(value) for value in rng.integers(96, 256, spec.channels))
        # The outer sixth stays black, so that the frame counts as one in the model's convention.
        points = rng.uniform(1 / 6, 5 / 6, (2, 2)) * size
        corners = [*points.min(axis=0), *points.max(axis=0)]
        kind = rng.integers(3)
        if kind == 0:
            way = [tuple(point) for point in rng.uniform(1 / 6, 5 / 6, (4, 2)) * size]
            pen.line(way, fill=color, width=int(size[0] / 10), joint="curve")
        elif kind == 1:
            pen.ellipse(corners, outline=color, width=int(size[0] / 10))
        else:
            pen.rectangle(corners, fill=color)
    small = picture.resize((spec.width, spec.height), Image.Resampling.BOX)
    return np.asarray(small)
