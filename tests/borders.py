"""What a frame shows besides the page: the table beyond its edge, a finger that holds it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from tests.camera import soften, to_linear
from tests.settings import TABLES, Setting
from tests.textures import cut, wood

SKIN = ((236, 188, 160), (224, 172, 138), (198, 134, 98), (141, 85, 54), (92, 58, 40))

Planes = list[NDArray[np.float32]]
"""R, G and B of a surface, float32 (H, W) each, linear reflectance."""


def cover(
    planes: Planes, coverage: NDArray[np.float32], color: Sequence[float | NDArray[np.float32]]
) -> None:
    """Puts a colour (or a plane for each channel) over the planes, in place."""
    for plane, one in zip(planes, color, strict=True):
        plane += (one - plane) * coverage


def _rooms(area: tuple[int, int, int, int], setting: Setting, size_px: float) -> dict[str, float]:
    """Pixels between the digits, with a little air, and each side of the frame."""
    left, top, right, bottom = area
    air = max(6.0, 0.15 * size_px)
    sides = {
        "left": left,
        "right": setting.width - right,
        "top": top,
        "bottom": setting.height - bottom,
    }
    return {side: room - air for side, room in sides.items()}


def _side_with_room(rooms: dict[str, float], wanted: str, least: float) -> str | None:
    if rooms.get(wanted, 0) >= least:
        return wanted
    widest = max(rooms, key=lambda side: rooms[side])
    return widest if rooms[widest] >= least else None


def lay_table(
    planes: Planes,
    area: tuple[int, int, int, int],
    setting: Setting,
    size_px: float,
    rng: np.random.Generator,
) -> None:
    """Lets the page end between the digits and a side of the frame, in place."""
    width, height = setting.width, setting.height
    rooms = _rooms(area, setting, size_px)
    side = _side_with_room(rooms, setting.page_edge, 0.04 * height)
    if side is None:
        return
    depths = [2 * rooms[side] * float(share) for share in rng.uniform(0.4, 1.0, 2)]
    mask = Image.new("L", (width * 2, height * 2))
    corners = _strip(side, depths, mask.width, mask.height)
    ImageDraw.Draw(mask).polygon(corners, fill=255)
    seen = soften(mask.reduce(2), setting, size_px)
    coverage = np.asarray(seen, np.float32) / np.float32(255)
    pattern = 1 + np.float32(0.15 if "wood" in setting.table else 0.05) * cut(
        wood(), (height, width), rng
    )
    edge = np.asarray(seen.filter(ImageFilter.GaussianBlur(0.01 * height)), np.float32) / 255
    shade = 1 - np.float32(0.35) * edge * (1 - coverage)  # the sheet's own shadow line
    for plane in planes:
        plane *= shade
    cover(planes, coverage, [pattern * np.float32(one) for one in to_linear(TABLES[setting.table])])


def _strip(side: str, depths: list[float], width: int, height: int) -> list[tuple[float, float]]:
    """Corners of what lies along one side, as deep at its two ends as `depths`."""
    first, second = depths
    if side in ("left", "right"):
        at = 0 if side == "left" else width
        inner = (first, second) if side == "left" else (width - first, width - second)
        return [(at, 0), (inner[0], 0), (inner[1], height), (at, height)]
    at = 0 if side == "top" else height
    inner = (first, second) if side == "top" else (height - first, height - second)
    return [(0, at), (0, inner[0]), (width, inner[1]), (width, at)]


def lay_finger(
    planes: Planes,
    area: tuple[int, int, int, int],
    setting: Setting,
    size_px: float,
    rng: np.random.Generator,
) -> None:
    """Lets a finger tip in from the side that has most room, in place."""
    width, height = setting.width, setting.height
    rooms = _rooms(area, setting, size_px)
    side = _side_with_room(rooms, "", 0.05 * height)
    if side is None:
        return
    reach = min(rooms[side], 0.35 * height) * float(rng.uniform(0.7, 1.0))
    radius = min(reach * 0.9, height * float(rng.uniform(0.05, 0.09)))
    along = float(rng.uniform(0.15, 0.85))
    tip, root = {
        "left": ((reach - radius, along * height), (-99.0, along * height)),
        "right": ((width - reach + radius, along * height), (width + 99.0, along * height)),
        "top": ((along * width, reach - radius), (along * width, -99.0)),
        "bottom": ((along * width, height - reach + radius), (along * width, height + 99.0)),
    }[side]
    mask = Image.new("L", (width * 2, height * 2))
    pen = ImageDraw.Draw(mask)
    pen.line([2 * root[0], 2 * root[1], 2 * tip[0], 2 * tip[1]], fill=255, width=int(4 * radius))
    x, y, twice = 2 * tip[0], 2 * tip[1], 2 * radius
    pen.ellipse((x - twice, y - twice, x + twice, y + twice), fill=255)
    seen = soften(mask.reduce(2), setting, size_px)
    coverage = np.asarray(seen, np.float32) / np.float32(255)
    round_off = np.asarray(seen.filter(ImageFilter.GaussianBlur(radius / 2)), np.float32) / 255
    shading = np.clip(0.35 + 0.75 * round_off, 0, 1).astype(np.float32)
    for plane in planes:
        plane *= 1 - np.float32(0.4) * round_off * (1 - coverage)
    skin = to_linear(SKIN[int(rng.integers(len(SKIN)))])
    cover(planes, coverage, [shading * np.float32(one) for one in skin])
