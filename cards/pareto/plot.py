"""docs/pareto.png: error over size and over multiply-adds, a row for each data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from cards.pareto.names import Named, write_names
from cards.pareto.points import DATASETS, FLOAT_BYTES, Point, frontier
from train.plots.figures import GRID, INK, MUTED, PAPER

OURS, OTHERS, FRONT = "#0b6e4f", "#8a9ba8", "#d9dee2"
"""The colours of docs/speed.png."""
Look = dict[str, Any]
TICKS = (0.1, 0.2, 0.3, 0.5, 0.7, 1, 2, 3, 4, 5, 7, 10, 15)
SIZES = (
    (1e3, "1 kB"),
    (1e4, "10 kB"),
    (1e5, "100 kB"),
    (1e6, "1 MB"),
    (1e7, "10 MB"),
    (1e8, "100 MB"),
)
WORK = ((1e5, "0.1 M"), (1e6, "1 M"), (1e7, "10 M"), (1e8, "100 M"), (1e9, "1 G"))


def facts(points: Sequence[Point]) -> Any:
    """What the picture shows, as JSON can say it."""
    shown = ("name", "dataset", "error", "interval", "size_bytes", "multiply_adds", "parameters")
    return [
        {key: value for key, value in asdict(point).items() if key in shown} for point in points
    ]


def draw(figure: Any, points: Sequence[Point]) -> None:
    """Four panels with their frontiers."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure.set_size_inches(13, 11.5)
    panels = figure.subplots(2, 2)
    named: list[tuple[Any, list[tuple[Point, float]], list[tuple[float, float]]]] = []
    for row, (dataset, title) in zip(panels, DATASETS.items(), strict=True):
        here = [point for point in points if point.dataset == dataset]
        sizes = [(point, float(point.size_bytes)) for point in here]
        work = [(point, float(p)) for point in here if (p := point.multiply_adds) is not None]
        _panel(row[0], sizes, f"{title}: wrong answers over size", SIZES)
        _panel(row[1], work, f"{title}: wrong answers over multiply-adds", WORK)
        errors = [bound for point in here for bound in (point.error, *(point.interval or ()))]
        for axes in row:
            axes.set_ylim(min(errors) / 1.15, max(errors) * 1.2)
        named += [(row[0], sizes, _as_floats(row[0], here)), (row[1], work, [])]
    figure.supxlabel(
        "size: ours the whole int8 bundle; the others as published, else 4 bytes a parameter.   "
        "Multiply-adds: of one picture.",
        fontsize=9,
        color=MUTED,
    )
    handles, labels = panels[0, 0].get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    figure.legend(unique.values(), unique.keys(), loc="outside upper center", ncols=5, fontsize=10)
    FigureCanvasAgg(figure).draw()  # lays all out: names are set where marks have come to stand
    for axes, costs, marks in named:
        _names(axes, costs, marks)


def _panel(axes: Any, costs: list[tuple[Point, float]], title: str, marks: Any) -> None:
    axes.set(xscale="log", yscale="log", ylabel="wrong, % of 10,000 test pictures")
    axes.set_title(f"{title}; lower left is better", color=INK)
    axes.grid(True, color=GRID)
    others = [(cost, point.error) for point, cost in costs if not point.is_ours]
    everyone = [(cost, point.error) for point, cost in costs]
    right = 9 * max(cost for cost, _ in everyone)  # room for names
    for ends, color, width, label in (
        (others, FRONT, 5, "frontier of the published"),
        (everyone, OURS, 1.2, "frontier with ours"),
    ):
        corners = zip(*_corners(ends, right), strict=True)
        axes.plot(*corners, color=color, linewidth=width, label=label, zorder=1)
    for point, cost in costs:
        _mark(axes, point, cost)
    axes.set_xticks([x for x, _ in marks], [name for _, name in marks])
    axes.set_yticks(TICKS, [f"{tick:g}" for tick in TICKS])
    axes.minorticks_off()
    axes.set_xlim(min(cost for cost, _ in everyone) / 3, right)


def _mark(axes: Any, point: Point, cost: float) -> None:
    """A diamond with its interval for one of ours, a dot for a published one."""
    look: Look = {"linestyle": "", "markersize": 7, "elinewidth": 1.4}
    if point.is_ours:
        look |= {"marker": "D", "color": OURS, "zorder": 5, "label": "ours, int8, 95 % interval"}
    else:
        look |= {"marker": "o", "color": OTHERS, "label": "published, mostly float32"}
    low, high = point.interval or (point.error, point.error)
    axes.errorbar([cost], [point.error], [[point.error - low], [high - point.error]], **look)


def _corners(points: list[tuple[float, float]], right: float) -> list[tuple[float, float]]:
    """The frontier as a line: level to the next point's cost, then down to it."""
    front = frontier(points)
    corners = [front[0]]
    for cost, error in front[1:]:
        corners += [(cost, corners[-1][1]), (cost, error)]
    return [*corners, (right, corners[-1][1])]


def _as_floats(axes: Any, points: Sequence[Point]) -> list[tuple[float, float]]:
    """Ours once more, as large as the published ones are taken to be; where they stand."""
    marks = [(FLOAT_BYTES * p.parameters, p.error) for p in points if p.is_ours and p.parameters]
    look = {"color": OURS, "markerfacecolor": PAPER, "markersize": 7, "zorder": 4}
    for x, y in marks:
        axes.plot([x], [y], "D", label="ours at 4 bytes a parameter", **look)
    return [(float(x), y) for x, y in marks]


def _names(axes: Any, costs: list[tuple[Point, float]], marks: list[tuple[float, float]]) -> None:
    """Ours first, for they may not be missed."""
    named = [
        Named(
            point.name,
            cost,
            point.error,
            point.interval or (point.error, point.error),
            {"color": OURS, "weight": "bold"} if point.is_ours else {"color": INK},
        )
        for point, cost in costs
    ]
    corners = _corners([(cost, point.error) for point, cost in costs], axes.get_xlim()[1])
    write_names(axes, named, corners, marks)
