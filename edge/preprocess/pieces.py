"""What stands out of a relief: connected pieces of strokes, each cut off at half its strength."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.preprocess.components import Components, find_components
from edge.preprocess.foreground import otsu
from edge.preprocess.lines import MIN_LENGTH, erase_lines
from edge.preprocess.relief import MIN_BRIGHTNESS, Relief

EDGE = 3
"""Pixels outside of a stroke at which its surface is looked for."""
CUTOFF = (0.45, 0.62)
"""Of a stroke's own strength: what is fainter is no part of it. Between the two by Otsu."""
LARGEST = 16
"""Components that may be more than one stroke; the others are cut at the lower."""
MAX_RUNS = 12_000
"""More runs than any writing has: noise, which is cut off higher up."""


@dataclass(frozen=True)
class Pieces:
    """Connected pieces of strokes at one level, and what is known of each: arrays of (n,)."""

    components: Components
    strength: NDArray[np.float64]
    thickness: NDArray[np.float64]
    """Pixels of the level."""
    edged: NDArray[np.float64]
    """Part of the outline across which the picture really changes, 0 to 1."""


def find_pieces(ground: Relief, line_px: int = 0) -> Pieces:
    """Connected strokes of a relief, each cut off at half of its own strength.

    So what is fainter than a stroke and touches it, a ruled line or a shadow, falls off.

    line_px: the thickest that a printed line can be; 0: lines are not looked for.
    """
    strength, floor = ground.strength, ground.floor
    mask = strength > floor
    found = find_components(mask)
    while len(found.rows) > MAX_RUNS:
        floor = floor * 1.5
        mask = strength > floor
        found = find_components(mask)
    if line_px and _spans(found):
        mask = erase_lines(mask, line_px)
        found = find_components(mask)
    # From here on only the pixels of strokes are looked at, by their place in the raveled frame.
    flat = np.ascontiguousarray(strength).ravel()
    places, labels = found.pixels()
    values = flat[places]
    stronger = values > _cutoffs(found, values, labels).astype(np.float32)[labels]
    refined = np.zeros(strength.shape, np.bool_)
    refined.ravel()[places[stronger]] = True
    found = find_components(refined)
    places, labels = found.pixels()
    typical = _strength_of(found, flat[places], labels)
    tops, bottoms = _ends(refined, places)
    return Pieces(
        found,
        typical,
        _thickness_of(found, labels[tops]),
        _edged(found, places, labels, tops, bottoms, ground, typical),
    )


def _ends(
    mask: NDArray[np.bool_], places: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which pixels, of those at `places`, are the first and the last of a vertical run."""
    width = mask.shape[1]
    padded = np.zeros((mask.shape[0] + 2, width), np.bool_)
    padded[1:-1] = mask
    flat = padded.ravel()
    return ~flat[places], ~flat[places + 2 * width]


def _edged(
    found: Components,
    places: NDArray[np.int64],
    labels: NDArray[np.int64],
    tops: NDArray[np.bool_],
    bottoms: NDArray[np.bool_],
    ground: Relief,
    typical: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(n,) part of each outline that is an edge in the picture.

    Where a gap between strokes, or between a stroke and a page's edge, widens beyond the window,
    it ends without one; so does a shadow, and a stroke that is too thick for the window.

    places, labels: of each pixel; tops, bottoms: which of them end a vertical run.
    """
    height, width = found.shape
    smooth = ground.smooth.ravel()
    base, left, right = found.rows * width, found.starts, found.ends - 1
    top, bottom = places[tops], places[bottoms]
    last = (height - 1) * width
    outline = [
        (found.labels, base + left, base + np.maximum(left - EDGE, 0)),
        (found.labels, base + right, base + np.minimum(right + EDGE, width - 1)),
        (labels[tops], top, np.where(top >= EDGE * width, top - EDGE * width, top % width)),
        (
            labels[bottoms],
            bottom,
            np.where(
                bottom + EDGE * width < last + width, bottom + EDGE * width, last + bottom % width
            ),
        ),
    ]
    count = len(found.areas)
    edges, all_of = np.zeros(count), np.zeros(count)
    for label, at, outside_at in outline:
        inside = smooth[at].astype(np.float32)
        outside = smooth[outside_at].astype(np.float32)
        step = inside - outside if ground.is_light else outside - inside
        light = np.maximum(np.maximum(inside, outside), MIN_BRIGHTNESS)
        edges += np.bincount(label, step / light > 0.2 * typical[label], minlength=count)
        all_of += np.bincount(label, minlength=count)
    return edges / np.maximum(all_of, 1)


def _spans(found: Components) -> bool:
    """Whether anything is so long that it may be a line."""
    sides = found.boxes[:, 2:] - found.boxes[:, :2]
    return bool((sides >= MIN_LENGTH / 2 * np.array(found.shape[::-1])).any())


def _cutoffs(
    found: Components, values: NDArray[np.float32], labels: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(n,) strength that parts each component's strokes from what is fainter and touches them.

    values, labels: of each pixel.
    """
    typical = _strength_of(found, values, labels)
    cutoffs = CUTOFF[0] * typical
    for component in np.argsort(-found.areas, kind="stable")[:LARGEST]:
        own = values[labels == component]
        most = CUTOFF[1] * typical[component]
        cutoffs[component] = min(max(cutoffs[component], otsu(own)), most)
    return cutoffs


def _strength_of(
    found: Components, values: NDArray[np.float32], labels: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(n,) mean strength, weighted by its cube: that of the strokes, not of what touches them."""
    count = len(found.areas)
    cubes = values.astype(np.float64) ** 3
    total = np.bincount(labels, weights=cubes, minlength=count)
    return np.bincount(labels, weights=cubes * values, minlength=count) / np.maximum(total, 1e-12)


def _thickness_of(found: Components, tops: NDArray[np.int64]) -> NDArray[np.float64]:
    """(n,) stroke width in pixels, from the mean lengths of horizontal and of vertical runs.

    tops: component of each vertical run.
    """
    count = len(found.areas)
    across = found.areas / np.maximum(np.bincount(found.labels, minlength=count), 1)
    along = found.areas / np.maximum(np.bincount(tops, minlength=count), 1)
    return np.asarray(1 / np.sqrt(1 / across**2 + 1 / along**2))
