"""Which marks are meant: the one, or all that are written, and what speaks for handwriting."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edge.errors import NothingFound
from edge.preprocess.strokes import Mark

FAINT = 0.7
"""Of the strength of most: what is fainter and broader too was not written with them."""
BROAD = 1.5
"""Of their strokes' width."""
SEVERAL = 3
"""Marks alike from which none of them is the one that is meant."""


def choose(marks: list[Mark], shape: tuple[int, ...]) -> Mark:
    """The one mark that is meant.

    Raises:
        NothingFound: there is none, or so many alike that no single one can be meant: a number, a
            word, a pattern.
    """
    if not marks:
        raise NothingFound("expected ink that stands out of its paper, got none")
    merits = {mark: merit(mark, shape) for mark in marks}
    marks = without_gaps(marks, merits)
    weight = _weights(merits)
    best = max(marks, key=weight)
    if best.touches:  # a page's edge, a finger; unless nothing free is nearly as good
        free = [mark for mark in marks if not mark.touches and not _overlap(mark, best)]
        best = max(
            (one for one in free if merits[one] >= 0.5 * merits[best]), key=weight, default=best
        )
    while wholes := [mark for mark in marks if _is_more_of(mark, best, merits)]:
        best = max(wholes, key=lambda mark: merits[mark])
    others = sum(_is_another(mark, best, merits) for mark in choose_all(marks, shape))
    if others + 1 >= SEVERAL:
        raise NothingFound(
            f"expected one thing, found {others + 1} alike; `--regions auto` reads each"
        )
    return best


def _weights(merits: dict[Mark, float]) -> Callable[[Mark], float]:
    """By which marks are ranked: their merit, the larger and the finer view first."""

    def weight(mark: Mark) -> float:
        return merits[mark] * float(mark.extent**0.5) * 0.9**mark.level

    return weight


def _is_another(mark: Mark, best: Mark, merits: dict[Mark, float]) -> bool:
    """Whether a mark could be meant as well as the best one."""
    return (
        mark.is_light == best.is_light
        and merits[mark] >= 0.6 * merits[best]
        and 0.5 * best.height <= mark.height <= 2 * best.height
        and not _overlap(mark, best)
    )


def choose_all(marks: list[Mark], shape: tuple[int, ...]) -> list[Mark]:
    """All marks that are written: of one polarity, of like size, none within another.

    Things written together are of one pen and one size, so one of the views shows them best.

    Raises:
        NothingFound: there is none.
    """
    if not marks:
        raise NothingFound("expected ink that stands out of its paper, got none")
    # Digits that touch make a wide mark: no worse here, for it is better cut than overlooked.
    merits = {mark: merit(mark, shape, widest=np.inf) for mark in marks}
    marks = without_gaps(marks, merits)
    views: dict[tuple[int, bool], list[Mark]] = {}
    for mark in marks:
        views.setdefault((mark.level, mark.is_light), []).append(mark)
    weight = _weights(merits)

    def total(view: list[Mark]) -> float:
        # Squares: a hundred specks of noise do not outweigh five digits.
        return sum(weight(mark) ** 2 for mark in _written(view, merits))

    best = max(views.values(), key=total)
    chosen = _completed(_written(best, merits), marks, merits)
    typical = float(np.median([merits[mark] for mark in chosen]))
    height = float(np.median([mark.height for mark in chosen]))
    for mark in sorted(marks, key=weight, reverse=True):
        is_like = mark.is_light == chosen[0].is_light and merits[mark] >= 0.6 * typical
        is_as_high = 0.6 * height <= mark.height <= 1.6 * height
        if is_like and is_as_high and not any(_overlap(mark, other) for other in chosen):
            chosen.append(mark)
    return _without_shadows(chosen)


def _without_shadows(chosen: list[Mark]) -> list[Mark]:
    """Without what is fainter and broader than the pen of most, on no line: a shadow's tip."""
    faint = FAINT * float(np.median([mark.strength for mark in chosen]))
    broad = BROAD * float(np.median([mark.stroke for mark in chosen]))
    return [
        mark
        for mark in chosen
        if mark.strength > faint
        or mark.stroke < broad
        or any(_is_level(mark, other) for other in chosen if other is not mark)
    ]


def _is_level(one: Mark, other: Mark) -> bool:
    """Whether marks stand on one line."""
    overlap = min(one.box[3], other.box[3]) - max(one.box[1], other.box[1])
    return overlap >= 0.4 * min(one.height, other.height)


def _completed(chosen: list[Mark], marks: list[Mark], merits: dict[Mark, float]) -> list[Mark]:
    """Pieces replaced by the whole that another view shows, but never two digits by a pair."""
    for whole in sorted(marks, key=lambda mark: mark.extent):
        pieces = [part for part in chosen if _is_inside(part, whole, 0.1 * part.side)]
        is_better = any(_is_more_of(whole, part, merits) for part in pieces)
        is_pair = sum(part.height > 0.75 * whole.height for part in pieces) > 1
        if is_better and not is_pair and whole.width < 1.2 * whole.height:
            chosen = [mark for mark in chosen if mark not in pieces] + [whole]
    return chosen


def _written(view: list[Mark], merits: dict[Mark, float]) -> list[Mark]:
    """Marks of one view that are nearly as good and as large as the best of it."""
    best = max(view, key=lambda mark: merits[mark] * mark.extent**0.5)
    good = [mark for mark in view if merits[mark] >= 0.4 * merits[best]]
    return [mark for mark in good if 0.4 * best.height <= mark.height <= 2.5 * best.height]


def _overlap(one: Mark, other: Mark) -> bool:
    """Whether marks share a quarter of the smaller one's box."""
    wide = min(one.box[2], other.box[2]) - max(one.box[0], other.box[0])
    high = min(one.box[3], other.box[3]) - max(one.box[1], other.box[1])
    least = min(one.width * one.height, other.width * other.height)
    return wide > 0 and high > 0 and wide * high > 0.25 * least


def without_gaps(marks: list[Mark], merits: dict[Mark, float]) -> list[Mark]:
    """Without gaps between strokes of others: a hole in a 0 is light where ink is dark.

    A gap is of the other polarity, and lies between strokes of a larger mark that has merit.
    """
    if not marks:
        return marks
    boxes = np.array([mark.box for mark in marks])
    merit = np.array([merits[mark] for mark in marks])
    is_light = np.array([mark.is_light for mark in marks])
    touches = np.array([mark.touches > 0 for mark in marks])
    extents = np.array([mark.extent for mark in marks])
    slack = 0.05 * np.array([mark.side for mark in marks])[:, np.newaxis]
    low, high = boxes[:, np.newaxis, :2], boxes[:, np.newaxis, 2:]  # outer ones down, inner across
    encloses = (boxes[:, :2] >= low - slack[:, :, np.newaxis]).all(axis=2)
    encloses &= (boxes[:, 2:] <= high + slack[:, :, np.newaxis]).all(axis=2)
    encloses &= is_light[:, np.newaxis] != is_light
    encloses &= extents[:, np.newaxis] > extents
    encloses &= merit[:, np.newaxis] >= np.where(touches, 0.9, 0.6)[:, np.newaxis] * merit
    return [
        mark
        for mark, is_gap in zip(marks, encloses.any(axis=0).tolist(), strict=True)
        if not is_gap
    ]


def _is_inside(inner: Mark, outer: Mark, slack: float) -> bool:
    left, top, right, bottom = inner.box
    return (
        left >= outer.box[0] - slack
        and top >= outer.box[1] - slack
        and right <= outer.box[2] + slack
        and bottom <= outer.box[3] + slack
    )


def _is_more_of(whole: Mark, part: Mark, merits: dict[Mark, float]) -> bool:
    """Whether a mark is what another, found at a finer level, is only a piece of."""
    return (
        _is_inside(part, whole, 0.1 * part.side)
        and whole.is_light == part.is_light
        and whole.level > part.level
        and (whole.extent > 1.15 * part.extent or whole.area > 1.4 * part.area)
        and merits[whole] >= 0.8 * merits[part]
    )


def merit(mark: Mark, shape: tuple[int, ...], widest: float = 2.5) -> float:
    """How much like handwriting a mark is: the product of `merits_of`."""
    merit = 1.0
    for part in merits_of(mark, shape, widest).values():
        merit *= part
    return merit


def merits_of(mark: Mark, shape: tuple[int, ...], widest: float = 2.5) -> dict[str, float]:
    """What speaks for handwriting, each 0 to 1: dark, strokes with edges, and their proportions.

    Thickness: 99 of 100 of MNIST's training digits lie within 0.075 and 0.27.

    widest: width over height of what may still be a digit.
    """
    is_slim = mark.width > widest * mark.height or mark.side > 15 * min(mark.width, mark.height)
    border = 1.0
    if mark.touches:  # a finger or a page edge reaches in from outside
        border = 0.9 if mark.touches == 1 and mark.side > 0.5 * min(shape[:2]) else 0.3
    return {
        "dark": mark.strength,
        "edges": min(1, mark.edged / 0.93) ** 8,
        "pen": float(np.interp(mark.thickness, [0.03, 0.06, 0.42, 0.6], [0.2, 1, 1, 0.2])),
        "alone": float(np.interp(mark.alone, [0.35, 0.7], [0.15, 1])),
        "whole": 1 if mark.is_whole else 0.3,
        "shape": 0.2 if is_slim else 1,
        "border": border,
    }
