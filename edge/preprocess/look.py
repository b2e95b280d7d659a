"""A thing on a ground -> the look of Fashion-MNIST's pictures.

Xiao, Rasul, Vollgraf ("Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning
Algorithms", 2017, section 2): trimmed, the longer side 28 pixels, sharpened by a Gaussian of
sigma 1, centred, negated so that the shop's white ground is black, gray.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge.errors import NothingFound
from edge.preprocess.photo import to_gray
from edge.preprocess.spread import Mask

if TYPE_CHECKING:
    from PIL import Image

Float = NDArray[np.float32]
Box = tuple[int, int, int, int]

CANVAS = 4
"""Pixels for each of the model's at which a thing is cut out and turned."""
MARGIN = 0.2
"""Of the longer side: what is cut out around a thing, so that it can be turned."""
MOST_TILT_DEG = 16
LEAST_GAIN = 0.05
"""A thing is turned where its box becomes smaller by this part: a little tells nothing."""
TOP = (98, 240)
"""This percentile of the cloth is brought to this of 255 steps."""
FLOOR = 0.4
"""Part of the way from the ground to the cloth's palest tenth that is taken away: the published
pictures reach from near black to white, whatever their cloth."""
FAINT = 0.1
"""Part of the range that is left to what is paler."""
SHARPEN = 0.7
"""Part added again of what a Gaussian of sigma 1 takes away."""
GAUSSIAN = (0.0545, 0.2442, 0.4026, 0.2442, 0.0545)


@dataclass(frozen=True)
class Cutting:
    """A thing cut out of its frame; all of one size."""

    gray: Image.Image
    """Mode L, the frame."""
    ground: Image.Image
    """Mode F, the ground beneath, 4 to 255."""
    thing: Image.Image
    """Mode L, 255 where the thing is."""
    near: Image.Image
    """The same, and a pixel around it: its outline's blur."""


def render(
    frame: NDArray[np.uint8], thing: Mask, luma: Float, height: int, width: int
) -> NDArray[np.uint8]:
    """uint8 (height, width): the thing bright on black, upright.

    frame: uint8 (H, W, 3) or (H, W).
    thing: bool (h, w), of the frame at this or a smaller size.
    luma: float32 (h, w), 4 to 255: the ground there, as gray.

    Raises:
        NothingFound: less than a pixel of it would be left.
    """
    cutting = _cut(frame, thing, luma, CANVAS * max(height, width))
    box = cutting.thing.point(lambda value: 255 * (value > 127)).getbbox()
    if box is None:
        raise NothingFound("expected a thing on the ground, got one too thin to see")
    columns, rows = box[2] - box[0], box[3] - box[1]
    scale = min(height / rows, width / columns)
    columns, rows = max(1, round(columns * scale)), max(1, round(rows * scale))
    top, left = (height - rows) // 2, (width - columns) // 2
    picture = np.zeros((height, width), np.float32)
    picture[top : top + rows, left : left + columns] = _tone(cutting, (columns, rows), box)
    if scale < 1:
        picture += np.float32(SHARPEN) * (picture - _blur(picture))
    return np.rint(np.clip(picture, 0, 255)).astype(np.uint8)


def trim(mask: Mask) -> Box:
    """Left, top, right and bottom of a bool (H, W) mask that is not empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def tilt_deg(thing: Mask) -> float:
    """How far a thing is turned clockwise: as far as turning it back makes its box smallest."""
    rows, columns = np.flatnonzero(thing.any(axis=1)), np.flatnonzero(thing.any(axis=0))
    height, width = thing.shape
    left, top = thing.argmax(axis=1)[rows], thing.argmax(axis=0)[columns]
    right = width - 1 - thing[:, ::-1].argmax(axis=1)[rows]
    bottom = height - 1 - thing[::-1].argmax(axis=0)[columns]
    x, y = (
        np.concatenate([left, right, columns, columns]),
        np.concatenate([rows, rows, top, bottom]),
    )
    angles = np.arange(-MOST_TILT_DEG, MOST_TILT_DEG + 1)
    cosine, sine = (of(np.deg2rad(angles))[:, np.newaxis] for of in (np.cos, np.sin))
    wide, high = np.ptp(cosine * x + sine * y, axis=1), np.ptp(cosine * y - sine * x, axis=1)
    areas = (wide + 1) * (high + 1)
    best = int(areas.argmin())
    return float(angles[best]) if areas[best] < (1 - LEAST_GAIN) * areas[MOST_TILT_DEG] else 0.0


def _cut(frame: NDArray[np.uint8], thing: Mask, luma: Float, side_px: int) -> Cutting:
    """Cuts a thing out and turns it upright, its longer side at most `side_px`."""
    from PIL import Image

    scale = frame.shape[1] / thing.shape[1]
    left, top, right, bottom = trim(thing)
    side = max(right - left, bottom - top)
    margin = int(np.ceil(MARGIN * side))
    left, top = max(left - margin, 0), max(top - margin, 0)
    right, bottom = min(right + margin, thing.shape[1]), min(bottom + margin, thing.shape[0])
    rows = slice(int(top * scale), int(np.ceil(bottom * scale)))
    columns = slice(int(left * scale), int(np.ceil(right * scale)))
    gray = to_gray(frame[rows, columns])
    factor = min(1.0, side_px / (side * scale))
    size = (max(1, round(gray.shape[1] * factor)), max(1, round(gray.shape[0] * factor)))
    around, turn = np.s_[top:bottom, left:right], tilt_deg(thing)
    linear, sharp = Image.Resampling.BILINEAR, (Image.Resampling.LANCZOS, Image.Resampling.BICUBIC)
    parts = (
        (gray, *sharp),
        (luma[around], linear, linear),
        (np.uint8(255) * thing[around], linear, linear),
        (np.uint8(255) * _grown(thing)[around], linear, linear),
    )
    return Cutting(*(
        Image.fromarray(np.ascontiguousarray(part)).resize(size, by).rotate(turn, to, expand=True)
        for part, by, to in parts
    ))  # fmt: skip


def _grown(mask: Mask) -> Mask:
    """With the four neighbours of each pixel."""
    grown = mask.copy()
    grown[1:] |= mask[:-1]
    grown[:-1] |= mask[1:]
    grown[:, 1:] |= mask[:, :-1]
    grown[:, :-1] |= mask[:, 1:]
    return grown


def _tone(cutting: Cutting, size: tuple[int, int], box: Box) -> Float:
    """float32 (rows, columns): how far the cloth is from the ground, TOP at its strongest.

    On a light ground by the light that it takes away, as a negative has it; on a darker one by
    its own light, as if the ground were lit evenly.
    """
    from PIL import Image

    linear, area = Image.Resampling.BILINEAR, Image.Resampling.BOX
    gray = np.asarray(cutting.gray.resize(size, Image.Resampling.LANCZOS, box), np.float32)
    ground = np.maximum(np.asarray(cutting.ground.resize(size, linear, box), np.float32), 4)
    near, covered = (
        np.asarray(one.resize(size, area, box), np.float32) / 255
        for one in (cutting.near, cutting.thing)
    )
    inner = covered >= 0.8 * covered.max()
    if np.median((gray - ground)[inner]) < 0:
        tone = 1 - gray / ground
    else:
        typical = np.median(ground[inner])
        tone = (gray * np.clip(typical / ground, 0.3, 3) - typical) / 255
    # Of what is covered only, or the outline would be stretched as pale cloth is.
    part = np.clip(np.maximum(covered, near / 2), 0.05, 1)
    cloth = np.maximum(tone, 0) * near / part
    strongest = max(float(np.percentile(cloth[inner], TOP[0])), 1e-3)
    cloth = np.clip(cloth / strongest, 0, 1.1)
    palest = max(FLOOR * float(np.percentile(cloth[inner], 10)), 1e-3)
    stretched = np.interp(cloth, (0, palest, 1), (0, FAINT, 1)) + np.maximum(cloth - 1, 0)
    return np.asarray(TOP[1] * part * stretched, np.float32)


def _blur(picture: Float) -> Float:
    """A Gaussian of sigma 1 over float32 (H, W), black beyond."""
    for _ in range(2):
        padded = np.pad(picture, ((2, 2), (0, 0)))
        rows = len(picture)
        parts = (weight * padded[at : at + rows] for at, weight in enumerate(GAUSSIAN))
        picture = np.sum(list(parts), axis=0, dtype=np.float32).T
    return picture
