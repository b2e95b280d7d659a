"""Where characters lie on a page, and the page in the camera's frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tests.glyphs import Glyph
from tests.settings import Setting

MARGIN = 0.015
"""Of the frame's height: ink stays this far from the border."""

Matrix = NDArray[np.float64]
Box = tuple[int, int, int, int]
"""Left, top, width, height, in pixels of the frame."""


@dataclass(frozen=True)
class Placed:
    """A character and where it lies on the page."""

    glyph: Glyph
    scale: float
    """Pixels of the page for each point of the glyph's field."""
    left: float
    top: float
    """Of the ink, in pixels of the page."""

    def corners(self) -> Matrix:
        """(4, 2): of the ink's box on the page."""
        width, height = self.glyph.box[2] * self.scale, self.glyph.box[3] * self.scale
        return np.array([self.left, self.top]) + np.array(
            [[0, 0], [width, 0], [width, height], [0, height]]
        )


def camera_view(setting: Setting) -> Matrix:
    """(3, 3): page -> frame, both in pixels, around the frame's middle.

    The camera's focal length is taken to be 1.2 frame heights, as a phone's is.
    """
    middle = np.array([[1, 0, setting.width / 2], [0, 1, setting.height / 2], [0, 0, 1]])
    turn, far = (_turn(degrees) for degrees in (setting.tilt_deg, setting.perspective_deg))
    lean = np.diag([np.cos(np.arctan(1.2 * setting.perspective)), 1.0, 1.0])
    lean[2, 0] = setting.perspective / setting.height
    return middle @ far @ lean @ far.T @ turn @ np.linalg.inv(middle)


def _turn(degrees: float) -> Matrix:
    sine, cosine = np.sin(np.deg2rad(degrees)), np.cos(np.deg2rad(degrees))
    return np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])


def project(view: Matrix, points: Matrix) -> Matrix:
    """(n, 2) -> (n, 2)."""
    seen = np.column_stack([points, np.ones(len(points))]) @ view.T
    return seen[:, :2] / seen[:, 2:]


def write(glyphs: list[Glyph], setting: Setting, rng: np.random.Generator) -> list[Placed]:
    """The digits side by side, line by line, as large as asked, somewhere near 0, 0."""
    wanted = setting.size * setting.height
    jitter = setting.jitter if len(glyphs) > 1 else 0.0
    placed: list[Placed] = []
    for number, line in enumerate(np.array_split(np.arange(len(glyphs)), setting.lines)):
        left = 0.0 if number == 0 else float(rng.uniform(0, 0.3)) * wanted
        for at, glyph in enumerate(glyphs[index] for index in line):
            scale = wanted / glyph.longest * float(np.exp(rng.normal(0, jitter)))
            bottom = wanted * float(1.0 + 1.45 * number + rng.normal(0, jitter))
            one = Placed(glyph, scale, left, bottom - glyph.box[3] * scale)
            gap = wanted * float(rng.uniform(*setting.gap))
            if at and gap < 0:
                one = _touch(placed[-1], one, -gap)
            elif at:
                before = placed[-1]
                right = before.left + before.glyph.box[2] * before.scale
                one = replace(one, left=right + gap)
            placed.append(one)
    return placed


def _touch(before: Placed, one: Placed, overlap: float) -> Placed:
    """`one` so near behind `before` that their ink overlaps by this in the row where it is most."""
    low = max(before.top, one.top)
    high = min(before.corners()[2, 1], one.corners()[2, 1])
    rows = np.linspace(low + 0.5, max(high, low + 1) - 0.5, 40)
    gaps = _side(one, rows, "left") - _side(before, rows, "right")
    return replace(one, left=one.left - float(gaps.min()) - overlap)


def _side(one: Placed, rows: Matrix, side: str) -> Matrix:
    """(n,): where the ink ends in these rows of the page; far away where there is none."""
    x, y = one.glyph.box[:2]
    at = np.clip((rows - one.top) / one.scale + y, 0, len(one.glyph.field) - 1).astype(int)
    ink = one.glyph.field[at] > 0
    if side == "left":
        ends = np.where(ink.any(axis=1), ink.argmax(axis=1), 9999)
    else:
        ends = np.where(ink.any(axis=1), ink.shape[1] - ink[:, ::-1].argmax(axis=1), -9999)
    return one.left + (ends - x) * one.scale


def place(placed: list[Placed], view: Matrix, setting: Setting) -> tuple[list[Placed], float]:
    """The digits where the setting wants them in the frame, and a digit's size there in pixels.

    Where the camera's view makes them larger or smaller, their size is taken back to the setting's.
    """
    frame = np.array([setting.width, setting.height])
    margin = max(3.0, MARGIN * setting.height)
    shift, shrink, most = frame / 2, 1.0, 1.0
    for _ in range(10):
        moved = [_moved(one, shrink, shift) for one in placed]
        seen = project(view, np.concatenate([one.corners() for one in moved]))
        low, high = seen.min(axis=0), seen.max(axis=0)
        scale = scale_at(view, (low + high) / 2)
        fits = 0.995 * float(((frame - 2 * margin) / (high - low)).min())
        most = min(most, fits * shrink * scale)
        shrink = most / scale
        room = np.maximum(frame - 2 * margin - (high - low), 0)
        shift = shift + 0.9 * (margin + room * setting.at - low)
    size = float(np.mean([one.glyph.longest * one.scale for one in moved]))
    return moved, size * scale


def _moved(one: Placed, shrink: float, shift: Matrix) -> Placed:
    return replace(
        one,
        scale=one.scale * shrink,
        left=one.left * shrink + float(shift[0]),
        top=one.top * shrink + float(shift[1]),
    )


def scale_at(view: Matrix, seen: Matrix) -> float:
    """Pixels of the frame for each pixel of the page, around a point of the frame."""
    at = project(np.linalg.inv(view), seen[np.newaxis])[0]
    square = project(view, at + np.array([[0, 0], [1, 0], [0, 1]]))
    return float(np.sqrt(abs(np.linalg.det(square[1:] - square[0]))))


def union(boxes: Sequence[Box]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of all."""
    left, top = (min(box[axis] for box in boxes) for axis in (0, 1))
    right, bottom = (max(box[axis] + box[axis + 2] for box in boxes) for axis in (0, 1))
    return left, top, right, bottom
