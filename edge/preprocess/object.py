"""`object`: one thing on a plain ground, brought to the Fashion-MNIST convention.

The convention (Xiao, Rasul, Vollgraf 2017, section 2): trimmed to the object, the longer side
28 pixels, centred, gray, intensities negated so that the white ground of the shop becomes black.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.preprocess.components import find_components
from edge.preprocess.foreground import box_of, choose, shrink, threshold
from edge.preprocess.photo import letterbox, to_gray, to_rgb
from edge.preprocess.region import Region, to_box

WORK_SIDE = 256
"""Longer side in pixels at which the object is looked for."""


def find_objects(
    frame: NDArray[np.uint8], height: int, width: int, many: bool = False
) -> list[Region]:
    """uint8 (H, W, 3) or (H, W) -> regions of uint8 (height, width, 1), objects light on black.

    many: all things on the ground, in no order; otherwise the one that is meant.

    Raises:
        NothingFound: nothing stands out of the ground.
    """
    whole = to_rgb(frame)
    rgb = shrink(whole, WORK_SIDE)
    scale = whole.shape[1] / rgb.shape[1]
    ground = _ground_color(rgb)
    distance = np.abs(rgb.astype(np.float32) - ground).max(axis=2)
    components = find_components(distance > threshold(distance))
    chosen = choose(components)
    left, top, right, bottom = box_of(components.boxes[chosen])
    gray = to_gray(rgb)
    is_light_ground = float(to_gray(ground.astype(np.uint8).reshape(1, 1, 3))[0, 0]) >= 128
    thing = (255 - gray) if is_light_ground else gray
    thing = np.where(_close_holes(components.mask(chosen)), thing, 0).astype(np.uint8)
    pixels = letterbox(thing[top:bottom, left:right], height, width)[:, :, np.newaxis]
    return [Region(pixels, to_box(left * scale, top * scale, right * scale, bottom * scale))]


def _ground_color(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Median colour of the frame's outermost pixels: float32 (3,)."""
    edges = np.concatenate([rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1]])
    return np.median(edges, axis=0).astype(np.float32)


def _close_holes(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Closes holes: a pixel with mask on all four sides belongs to the object.

    A print or a pale patch of the ground's own colour is part of the garment.
    """
    left = np.maximum.accumulate(mask, axis=1)
    right = np.maximum.accumulate(mask[:, ::-1], axis=1)[:, ::-1]
    above = np.maximum.accumulate(mask, axis=0)
    below = np.maximum.accumulate(mask[::-1], axis=0)[::-1]
    return left & right & above & below
