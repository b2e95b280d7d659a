"""Camera frames with known truth: digits written on paper, under a lamp, seen by a camera.

Reflectance is composed in linear light (paper, printed lines, ink, table, finger), the light falls
on it, and the camera blurs, exposes, adds noise and packs. The same digits, setting and seed give
the same frame to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.borders import Planes, cover, lay_finger, lay_table
from tests.camera import expose, soften, to_linear
from tests.conditions import LADDERS, hardest, on_ladder, plain, several
from tests.glyphs import make_glyph
from tests.page import Box, Matrix, Placed, camera_view, place, project, scale_at, union, write
from tests.settings import INKS, PAPERS, RULES, Setting
from tests.textures import cut, paper_grain, tooth
from train.datasets import load_dataset
from train.samples import Samples

__all__ = [
    "LADDERS",
    "Scene",
    "Setting",
    "draw_scene",
    "hardest",
    "labelled_digits",
    "on_ladder",
    "plain",
    "several",
]


@dataclass(frozen=True)
class Scene:
    """One frame and what is true of it."""

    frame: NDArray[np.uint8]
    """uint8 (H, W, 3), RGB."""
    boxes: tuple[Box, ...]
    """Left, top, width and height of each digit's ink, in the digits' order."""
    setting: Setting
    """As it was asked for."""


def labelled_digits(split: str, data_dir: Path | None) -> Samples:
    """MNIST where it is at hand, else optdigits. split: `train` (to develop with) or `test`."""
    found = load_dataset("digits", data_dir) if data_dir else load_dataset("optdigits")
    return found.train if split == "train" else found.test


def draw_scene(digits: Sequence[NDArray[np.uint8]], setting: Setting, seed: int) -> Scene:
    """Draws digits in reading order on one page.

    digits: uint8 (28, 28) each, light strokes on black.
    """
    rng = np.random.default_rng((seed, 5))
    glyphs = [make_glyph(digit, setting.pen) for digit in digits]
    view = camera_view(setting)
    placed, size_px = place(write(glyphs, setting, rng), view, setting)
    ink, boxes = _ink(placed, view, setting, size_px, rng)
    planes = _surface(setting, view, placed, size_px, rng)
    area = union(boxes)
    if setting.page_edge != "none":
        lay_table(planes, area, setting, size_px, rng)
    cover(planes, ink, to_linear(INKS[setting.ink]))
    if setting.finger:
        lay_finger(planes, area, setting, size_px, rng)
    ground = to_linear(PAPERS[setting.paper])[1]
    return Scene(expose(planes, ground, setting, rng), boxes, setting)


def _ink(
    placed: list[Placed], view: Matrix, setting: Setting, size_px: float, rng: np.random.Generator
) -> tuple[NDArray[np.float32], tuple[Box, ...]]:
    """float32 (H, W), 0 to 1: how much ink lies where; and each digit's box."""
    whole = np.zeros((setting.height, setting.width), np.uint8)
    boxes = []
    for one in placed:
        coverage, (left, top) = _draw(one, view, setting)
        boxes.append(_inked(coverage, left, top))
        part = whole[top : top + coverage.shape[0], left : left + coverage.shape[1]]
        np.maximum(part, (255 * coverage).astype(np.uint8), out=part)
    if setting.grain:
        bare = np.float32(setting.grain) * cut(tooth(), (setting.height, setting.width), rng)
        whole = (whole * (1 - bare)).astype(np.uint8)
    left, top, right, bottom = union(boxes)
    air = 6 + int((4 * setting.defocus + setting.motion) * size_px)
    near = whole[max(0, top - air) : bottom + air, max(0, left - air) : right + air]
    near[:] = soften(Image.fromarray(near), setting, size_px)
    return whole * np.float32(setting.contrast / 255), tuple(boxes)


def _inked(coverage: NDArray[np.float32], left: int, top: int) -> Box:
    rows, columns = (np.flatnonzero((coverage > 0.5).any(axis=axis)) for axis in (1, 0))
    if not len(rows):  # a hair line between two pixels' middles
        rows, columns = (np.flatnonzero((coverage > 0).any(axis=axis)) for axis in (1, 0))
    width, height = int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1
    return left + int(columns[0]), top + int(rows[0]), width, height


def _draw(
    one: Placed, view: Matrix, setting: Setting
) -> tuple[NDArray[np.float32], tuple[int, int]]:
    """One character's coverage, float32 (h, w), 0 to 1, and its left and top in the frame."""
    seen = project(view, one.corners())
    low = np.maximum(np.floor(seen.min(axis=0)) - 3, 0).astype(int)
    high = np.minimum(np.ceil(seen.max(axis=0)) + 3, [setting.width, setting.height]).astype(int)
    x, y = one.glyph.box[:2]
    on_page = np.array(
        [
            [one.scale, 0, one.left - x * one.scale],
            [0, one.scale, one.top - y * one.scale],
            [0, 0, 1],
        ]
    )
    back = np.linalg.inv(view @ on_page) @ [[1, 0, low[0]], [0, 1, low[1]], [0, 0, 1]]
    back = (back / back[2, 2]).ravel()[:8]
    depth = Image.fromarray(one.glyph.field).transform(
        (int(high[0] - low[0]), int(high[1] - low[1])),
        Image.Transform.PERSPECTIVE,
        back.tolist(),
        Image.Resampling.BICUBIC,
        fillcolor=-99.0,
    )
    points = one.scale * scale_at(view, seen.mean(axis=0))
    coverage = np.clip(0.5 + np.asarray(depth) * np.float32(points), 0, 1)
    return coverage, (int(low[0]), int(low[1]))


def _surface(
    setting: Setting,
    view: Matrix,
    placed: list[Placed],
    size_px: float,
    rng: np.random.Generator,
) -> Planes:
    """R, G and B of the empty page, float32 (H, W), linear reflectance."""
    shape = (setting.height, setting.width)
    grain = 1 + np.float32(setting.texture) * cut(paper_grain(), shape, rng)
    planes = [grain * np.float32(one) for one in to_linear(PAPERS[setting.paper])]
    if setting.rules != "none":
        lines = _rule(setting, view, placed)
        soft = soften(Image.fromarray((255 * lines).astype(np.uint8)), setting, size_px)
        strength = np.float32(setting.rule_strength / 255)
        cover(planes, np.asarray(soft, np.float32) * strength, to_linear(RULES[setting.rule_color]))
    return planes


def _rule(setting: Setting, view: Matrix, placed: list[Placed]) -> NDArray[np.float32]:
    """float32 (H, W), 0 to 1: printed lines; the first digit's foot stands on one."""
    first = placed[0]
    pitch = max(6.0, setting.rule_pitch * first.glyph.longest * first.scale)
    width = float(np.clip(0.03 * pitch, 0.9, 4.0))
    rows, columns = np.indices((setting.height, setting.width), np.float32)
    back = np.linalg.inv(view).astype(np.float32)
    depth = back[2, 0] * columns + back[2, 1] * rows + back[2, 2]
    foot = first.top + first.glyph.box[3] * first.scale
    lines = np.zeros(rows.shape, np.float32)
    for axis, start in ((1, foot), (0, first.left - pitch / 2))[: 1 + (setting.rules == "grid")]:
        along = (back[axis, 0] * columns + back[axis, 1] * rows + back[axis, 2]) / depth
        off = np.abs((along - start + pitch / 2) % pitch - pitch / 2)
        np.maximum(lines, np.clip(0.5 + width / 2 - off, 0, 1) * min(1.0, width), out=lines)
    return lines
