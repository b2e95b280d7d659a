"""How `ink` went about a frame: what may be written in it, and what stands out of the paper."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge.classifier import Result
from edge.drawing.canvas import UNSURE, draw_box
from edge.drawing.panels import Panel, draw_table, fit
from edge.drawing.steps import Candidate, Steps, draw_taken, merit_of, title_of_taken
from edge.preprocess.choice import merits_of
from edge.preprocess.foreground import shrink
from edge.preprocess.photo import to_gray
from edge.preprocess.pieces import Pieces
from edge.preprocess.region import Box, to_box
from edge.preprocess.relief import MIN_STRENGTH, Relief
from edge.preprocess.strokes import MIN_SIDE, VIEWS, Mark, find_marks, look_at

if TYPE_CHECKING:
    from PIL.Image import Image

CANDIDATES = 7
"""So many are told of."""
WEAK = 0.05
"""Of the best one's merit: what has less was never in question."""
SAME = 0.6
"""Of the area that two boxes cover together: those that share more show one thing in two views."""
MEANINGS = {
    "dark": "how much of the light it takes",
    "edges": "its outline is sharp",
    "pen": "its strokes are a pen's",
    "alone": "plain paper is around it",
    "whole": "its strokes fit the view",
    "shape": "it is not too long",
    "border": "it is off the frame's border",
}
"""Of the parts of the merit, for people."""


def ink_steps(frame: NDArray[np.uint8], results: Sequence[Result], many: bool) -> Steps:
    """Looks at a frame as `find_ink` does, and keeps what that throws away.

    results: what came of it; they say which of the marks were chosen.
    """
    gray = to_gray(frame)
    chosen = [result.box for result in results if result.box is not None]
    merits = _merits(gray, many)
    marks = _in_question(merits, chosen)
    seen, ground, pieces = _view(gray, marks)
    most = float(ground.strength.max())
    kind = "lighter" if ground.is_light else "darker"
    strokes = pieces.components.mask(np.ones(len(pieces.components.areas), bool))
    scale = gray.shape[1] / seen.shape[1]
    panels = [
        Panel("In gray", fit(_gray_picture(gray))),
        Panel(
            f"What stands out: {kind} by up to {100 * most:.0f} %",
            fit(_relief_picture(ground, show_most=not marks)),
        ),
        Panel(title_of_taken("Strokes, cut out", chosen), fit(draw_taken(strokes, scale, chosen))),
    ]
    candidates = tuple(
        Candidate(number, to_box(*mark.box), merit_of(merits[mark]))
        for number, mark in enumerate(marks, 1)
    )
    if not marks:
        return Steps((), tuple(panels), _why_nothing(ground, most))
    rows = [(str(one.number), merits[mark]) for one, mark in zip(candidates, marks, strict=True)]
    panels.append(Panel("Merit, the product of what follows it", draw_table(rows, MEANINGS)))
    return Steps(candidates, tuple(panels))


def _merits(gray: NDArray[np.uint8], many: bool) -> dict[Mark, dict[str, float]]:
    """What speaks for each mark; as `choose` or `choose_all` weighs them."""
    widest = {"widest": float("inf")} if many else {}
    return {mark: merits_of(mark, gray.shape, **widest) for mark in find_marks(gray)}


def _in_question(merits: dict[Mark, dict[str, float]], chosen: Sequence[Box]) -> list[Mark]:
    """The chosen marks and the best others, each thing once."""
    ranked = sorted(merits, key=lambda mark: -merit_of(merits[mark]))
    first = [mark for mark in ranked if to_box(*mark.box) in chosen]
    kept: list[Mark] = []
    for mark in [*first, *ranked]:
        least = 0.0 if mark in first else WEAK * merit_of(merits[ranked[0]])
        if len(kept) == CANDIDATES or merit_of(merits[mark]) < least:
            break
        if all(_likeness(mark, other) < SAME for other in kept):
            kept.append(mark)
    return kept


def _likeness(one: Mark, other: Mark) -> float:
    """What two boxes share, as a part of what they cover together."""
    wide = min(one.box[2], other.box[2]) - max(one.box[0], other.box[0])
    high = min(one.box[3], other.box[3]) - max(one.box[1], other.box[1])
    shared = max(0.0, wide) * max(0.0, high)
    return shared / (one.width * one.height + other.width * other.height - shared)


def _view(
    gray: NDArray[np.uint8], marks: Sequence[Mark]
) -> tuple[NDArray[np.uint8], Relief, Pieces]:
    """The frame as it was looked at when the first of the marks was found.

    Where there is none: in the view in which something comes nearest to being one.
    """
    if marks:
        views = [(marks[0].level, marks[0].is_light)]
    else:
        views = [(level, is_light) for level in range(len(VIEWS)) for is_light in (False, True)]
    looks = []
    for level, is_light in views:
        seen = shrink(gray, VIEWS[level].side)
        looks.append((seen, *look_at(seen, level, is_light)))
    return max(looks, key=lambda look: float((look[1].strength / look[1].floor).max()))


def _why_nothing(ground: Relief, most: float) -> str:
    least = float(ground.floor.min())
    if most < least:
        grain = "" if least <= 1.01 * MIN_STRENGTH else ", for the paper is grainy"
        return (
            f"Nothing stands out of the paper: the strongest difference is {100 * most:.0f} % of "
            f"the light, and it takes {100 * least:.0f} %{grain}."
        )
    return (
        f"What stands out, by {100 * most:.0f} % of the light at most, is in specks: less than "
        f"{MIN_SIDE} pixels of the view."
    )


def _relief_picture(ground: Relief, show_most: bool) -> Image:
    """The darker, the more a pixel differs from the surface around it.

    show_most: a box shows where that is.
    """
    from PIL import ImageDraw

    most = max(float(ground.strength.max()), 2 * MIN_STRENGTH)
    picture = _gray_picture((255 * (1 - ground.strength / most)).astype(np.uint8)).convert("RGB")
    if show_most:
        row, column = divmod(int(ground.strength.argmax()), ground.strength.shape[1])
        around = max(MIN_SIDE, max(ground.strength.shape) // 40)
        corners = (column - around, row - around, column + around, row + around)
        draw_box(ImageDraw.Draw(picture), picture.size, corners, UNSURE, max(1, around // 4))
    return picture


def _gray_picture(pixels: NDArray[np.uint8]) -> Image:
    from PIL import Image

    return Image.fromarray(np.ascontiguousarray(pixels))
