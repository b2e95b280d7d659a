"""Digits that broke apart: which pieces lie so that they may be one.

By itself a piece says little: the loop of a 6 whose stroke ran dry is a 0. Beside others the height
of a digit is known, and a piece that is much lower than they are is put together with the rest of
it (`mend`); of a mark by itself it is left to the model (`extended`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edge.preprocess.strokes import Mark

NEIGHBOURS = 2
"""Marks as high as each other, from which on they say how high a digit is."""
WHOLE = 0.75
"""Of their height: what is as high is no piece."""
TALLEST = 1.3
"""Of their height: what is higher was not one digit."""
WIDEST = 1.25
"""Of their height: the same for the width."""
BETWEEN = 0.4
"""Of their height: the widest gap between two pieces of one digit."""
FAINTEST = 0.5
"""Of their strength: where ink runs dry it is paler, but no specks of the paper are meant."""
STROKE = (0.3, 2.5)
"""Of their strokes' width: a loop may be filled, and what runs dry is thin."""
MOST = 3
"""Pieces that are tried together with a mark by itself."""
NEAR = 0.25
"""Of its longer side: how far away they may be."""


def mend(chosen: list[Mark], marks: Sequence[Mark]) -> list[Mark]:
    """The chosen marks, with those that were pieces of one digit replaced by all of it.

    marks: everything that was found, the rest of the pieces among it.
    """
    height = float(np.median([mark.height for mark in chosen]))
    wholes = [mark for mark in chosen if mark.height >= WHOLE * height]
    if len(wholes) < NEIGHBOURS:
        return chosen
    used: set[Mark] = set()
    mended = []
    strength = float(np.median([mark.strength for mark in wholes]))
    stroke = float(np.median([mark.stroke for mark in wholes]))
    pieces = [
        mark
        for mark in marks
        if (mark.is_light, mark.level) == (wholes[0].is_light, wholes[0].level)
        and not mark.touches
        and 0.1 * height <= mark.side
        and mark.height < WHOLE * height
        and mark.strength >= FAINTEST * strength
        and STROKE[0] * stroke <= mark.stroke <= STROKE[1] * stroke
        and not any(_covers(whole, mark) for whole in wholes)
    ]
    for seed in sorted(pieces, key=lambda mark: -mark.area):
        if seed in used:
            continue
        group = _gather(seed, [one for one in pieces if one not in used], height)
        whole = _union(group)
        if whole.height >= WHOLE * height and _is_in_line(whole, wholes, height):
            used.update(group)
            mended.append(whole)
    kept = [mark for mark in chosen if not any(_covers(whole, mark) for whole in mended)]
    return kept + mended


def extended(mark: Mark, marks: Sequence[Mark]) -> list[Mark]:
    """The mark together with pieces near by that the same pen may have drawn, ever more of them."""
    pieces = [
        one
        for one in marks
        if (one.is_light, one.level) == (mark.is_light, mark.level)
        and not one.touches
        and one.side >= 0.1 * mark.side
        and one.strength >= FAINTEST * mark.strength
        and STROKE[0] * mark.stroke <= one.stroke <= STROKE[1] * mark.stroke
        and not _covers(mark, one)
    ]
    group, unions = [mark], []
    while len(group) <= MOST:
        box = _box(group)
        near = [(_gap(box, one.box), index) for index, one in enumerate(pieces) if one not in group]
        if not near or min(near)[0] > NEAR * max(box[2] - box[0], box[3] - box[1]):
            break
        group.append(pieces[min(near)[1]])
        unions.append(_union(group))
    return unions


def _gather(seed: Mark, pieces: list[Mark], height: float) -> list[Mark]:
    """The seed and what belongs to it, the nearest first."""
    group = [seed]
    while True:
        box = _box(group)
        near = [
            (gap, index, piece)
            for index, piece in enumerate(pieces)
            if piece not in group
            and (gap := _gap(box, piece.box)) <= BETWEEN * height
            and _fits(_box([*group, piece]), height)
        ]
        if not near:
            return group
        group.append(min(near)[2])


def _fits(box: tuple[float, float, float, float], height: float) -> bool:
    return box[2] - box[0] <= WIDEST * height and box[3] - box[1] <= TALLEST * height


def _gap(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> float:
    """The larger of the distances across and down between two boxes; 0 where they overlap."""
    across = max(one[0], other[0]) - min(one[2], other[2])
    down = max(one[1], other[1]) - min(one[3], other[3])
    return max(across, down, 0)


def _box(marks: Sequence[Mark]) -> tuple[float, float, float, float]:
    corners = np.array([mark.box for mark in marks])
    left, top = corners[:, :2].min(axis=0)
    right, bottom = corners[:, 2:].max(axis=0)
    return float(left), float(top), float(right), float(bottom)


def _is_in_line(whole: Mark, wholes: list[Mark], height: float) -> bool:
    """Whether the nearest digit beside it stands on its line."""
    beside = min(
        wholes, key=lambda mark: abs(mark.box[0] + mark.box[2] - whole.box[0] - whole.box[2])
    )
    level = min(whole.box[3], beside.box[3]) - max(whole.box[1], beside.box[1])
    return level >= 0.6 * height and _gap(whole.box, beside.box) <= 1.5 * height


def _covers(whole: Mark, part: Mark) -> bool:
    """Whether half of a mark's box lies within another's."""
    wide = min(whole.box[2], part.box[2]) - max(whole.box[0], part.box[0])
    high = min(whole.box[3], part.box[3]) - max(whole.box[1], part.box[1])
    return wide > 0 and high > 0 and wide * high >= 0.5 * part.width * part.height


def _union(group: list[Mark]) -> Mark:
    """Marks of one view as one."""
    first = group[0]
    if len(group) == 1:
        return first
    box = _box(group)
    corners = np.rint(np.array([mark.box for mark in group]) / first.scale).astype(int)
    corners -= np.tile(corners[:, :2].min(axis=0), 2)
    mask = np.zeros(corners[:, 2:].max(axis=0)[::-1], bool)
    for mark, (left, top, right, bottom) in zip(group, corners, strict=True):
        mask[top:bottom, left:right] |= mark.mask
    areas = [mark.area for mark in group]

    def mean(values: list[float]) -> float:
        return float(np.average(values, weights=areas))

    return replace(
        first,
        box=box,
        mask=mask,
        strength=mean([mark.strength for mark in group]),
        thickness=mean([mark.stroke for mark in group]) / max(box[2] - box[0], box[3] - box[1]),
        edged=mean([mark.edged for mark in group]),
        alone=mean([mark.alone for mark in group]),
        is_whole=all(mark.is_whole for mark in group),
    )
