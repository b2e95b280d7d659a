"""Golden frames: pictures that the project draws itself, for a self-test on the device, and how
the answers to them are compared with those on record."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from edge.contract import Input
from edge.interpreter import with_kernels

DRAWN, KEPT = 128, 32
QUANTIZED_TOLERANCE_STEPS = 16
"""Kernels differ in the last bits: up to 11 steps between two runtimes over 10,000 pictures."""
FLOAT_TOLERANCE = 1e-3
"""Of the largest golden logit. Float kernels differ by about 1e-6; a wrong one by far more."""
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


def choose_record(outputs: Iterable[str], runtime: str, kernels: str) -> str:
    """Whose golden outputs to compare with: these kernels' own, else the runtime's, else others'.

    outputs: the runtimes on record, as `edge.interpreter.with_kernels` names them; at least one.
    """
    own = (with_kernels(runtime, kernels), runtime)
    return next((name for name in own if name in outputs), min(outputs))


def differences(
    got: NDArray[np.generic], expected: NDArray[np.generic], scale: float
) -> tuple[NDArray[np.float64], float, NDArray[np.bool_]]:
    """Answers against those on record, both (n, classes) and raw.

    scale: the output tensor's; 0 when it is not quantised.

    Returns:
        (n,) the largest difference of each frame in what the outputs mean, how large it may be,
        and (n,) whether the frame is wrong: a difference too large, or another label.
    """
    by_output = np.abs(got.astype(np.float64) - expected.astype(np.float64)) * (scale or 1.0)
    difference = by_output.max(axis=1)
    largest = float(np.abs(expected.astype(np.float64)).max())
    tolerance = QUANTIZED_TOLERANCE_STEPS * scale if scale else FLOAT_TOLERANCE * largest
    has_other_label = got.argmax(axis=1) != expected.argmax(axis=1)
    return difference, tolerance, has_other_label | ~(difference <= tolerance)


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
