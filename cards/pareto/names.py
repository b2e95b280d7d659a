"""Names beside the points of a chart, where they cover neither each other nor the lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from train.plots.figures import PAPER

CLEARANCE_PX = 8
"""Around a point."""
PLACES = tuple(
    (across, 11 * step, side)
    for step in (0, 1, -1, 2, -2, 3, -3)
    for across, side in ((8, "left"), (-8, "right"), (0, "center"))
    if step or across
)
"""Where a name may stand, in points from its mark, the best first."""


@dataclass(frozen=True)
class Named:
    """A point of the chart."""

    name: str
    x: float
    y: float
    span: tuple[float, float]
    """Where its bar begins and ends in y."""
    look: dict[str, Any]
    """Of the text."""


def write_names(
    axes: Any,
    points: Sequence[Named],
    line: Sequence[tuple[float, float]],
    marks: Sequence[tuple[float, float]] = (),
) -> None:
    """Writes the name of each point, those first that come first.

    Call it when the figure has been laid out: a name takes the first place where it covers nothing,
    or that where it covers least.

    line: corners of a line to be kept clear. marks: other points to be kept clear.
    """
    from matplotlib.patheffects import withStroke
    from matplotlib.transforms import Bbox

    halo = [withStroke(linewidth=2.5, foreground=PAPER)]
    renderer = axes.figure.canvas.get_renderer()
    pixels = axes.transData.transform
    inside = axes.get_window_extent(renderer)
    taken = [_around(*pixels([(p.x, p.span[0]), (p.x, p.span[1])])) for p in points]
    taken += [_around(*pixels([mark, mark])) for mark in marks]
    for a, b in pairwise(pixels(line)):
        taken.append(Bbox([np.minimum(a, b), np.maximum(a, b)]).padded(2))
    for point in points:
        text = axes.annotate(
            point.name, (point.x, point.y), (0, 0), textcoords="offset points", fontsize=8,
            va="center", zorder=6, path_effects=halo, **point.look,
        )  # fmt: skip
        text.set_in_layout(False)

        def box_at(place: tuple[int, int, str], text: Any = text) -> Any:
            text.set(position=place[:2], ha=place[2])
            return text.get_window_extent(renderer)

        def cost(place: tuple[int, int, str], box_at: Any = box_at) -> int:
            """How much a name would cover there; to leave the chart costs as much as five."""
            box = box_at(place)
            is_in = Bbox.intersection(box, inside)
            is_whole = is_in is not None and np.allclose(is_in.extents, box.extents)
            return sum(box.overlaps(other) for other in taken) + (0 if is_whole else 5)

        taken.append(box_at(min(PLACES, key=cost)))


def _around(low: Any, high: Any) -> Any:
    """The box of a mark with its bar. low, high: (x, y) pixels."""
    from matplotlib.transforms import Bbox

    return Bbox([low, high]).padded(CLEARANCE_PX)
