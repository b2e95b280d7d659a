"""The charts of the report: trade-offs, reliability, robustness. Each returns an `<svg>`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edge.proof import Score
from export.report.svg import PAINT, Drawing, plain_ticks
from export.statistics import Reliability, wilson

MARKERS = "osD^v"
COMPACT = {"handlelength": 1.4, "columnspacing": 1.1, "handletextpad": 0.5, "borderaxespad": 0}
LARGEST_MARK, SMALLEST_MARK = 150.0, 49.0
"""Areas in square points."""
FLOOR = 0.7
"""Where bars begin on a logarithmic scale, so that one picture is seen."""
Curves = Mapping[str, Mapping[int, float]]
"""Kind of corruption -> strength -> accuracy, 0 to 1."""


@dataclass(frozen=True)
class Mark:
    """One variant on one runtime."""

    variant: str
    runtime: str
    score: Score
    latency_us: float
    size_bytes: int


def trade_offs(marks: Sequence[Mark], floats: Score, name: str) -> tuple[str, ...]:
    """Accuracy over latency, a chart for each runtime, and over size; with the Pareto fronts."""
    runtimes = list(dict.fromkeys(mark.runtime for mark in marks))
    variants = list(dict.fromkeys(mark.variant for mark in marks))
    looks = {variant: _look(number) for number, variant in enumerate(variants)}
    times = [mark.latency_us / 1000 for mark in marks]
    charts = []
    for number, runtime in enumerate(runtimes):
        with Drawing(f"{name}{number}", 3.3, f"Accuracy over latency on {runtime}") as drawing:
            axes = drawing.figure.subplots()
            here = [mark for mark in marks if mark.runtime == runtime]
            _scatter(axes, here, [mark.latency_us / 1000 for mark in here], floats, looks)
            if min(times) > 0:
                axes.set_xscale("log")
                axes.set_xlim(min(times) / 1.4, max(times) * 1.4)
                plain_ticks(axes.xaxis)
            axes.set(title=runtime, xlabel="milliseconds a picture")
            _finish(drawing.figure, axes, marks, floats)
        charts.append(drawing.svg)
    with Drawing(f"{name}-size", 3.3, "Accuracy over size") as drawing:
        axes = drawing.figure.subplots()
        worst = [min((m for m in marks if m.variant == v), key=_accuracy) for v in variants]
        sizes = [mark.size_bytes / 1000 for mark in worst]
        _scatter(axes, worst, sizes, floats, looks)
        title = "lower accuracy of the runtimes" if len(runtimes) > 1 else ""
        axes.set(title=title, xlabel="size, kB")
        axes.set_xlim(0, max(sizes) * 1.1)
        _finish(drawing.figure, axes, marks, floats)
    return (*charts, drawing.svg)


def reliability_diagram(
    floats: Reliability, ours: Reliability, variant: str, color: int, name: str
) -> str:
    """How often answers of a given score are right, and how many have it."""
    spoken = (
        f"Reliability: calibration error {100 * floats.error:.2f} % float, "
        f"{100 * ours.error:.2f} % {variant}"
    )
    with Drawing(name, 4.4, spoken) as drawing:
        ratio = {"height_ratios": (3, 1)}
        top, bottom = drawing.figure.subplots(2, 1, sharex=True, gridspec_kw=ratio)
        top.plot([0, 100], [0, 100], color=PAINT["muted"], linewidth=0.8, linestyle=":")
        models = ((floats, "float", PAINT["ink"], "o"), (ours, variant, _color(color), "s"))
        for which, (bins, label, paint, marker) in enumerate(models):
            full = [index for index, count in enumerate(bins.counts) if count]
            xs = [100 * bins.confidence[index] for index in full]
            ys = [100 * bins.accuracy[index] for index in full]
            bars = [wilson(round(bins.accuracy[i] * bins.counts[i]), bins.counts[i]) for i in full]
            told = f"{label}, error {100 * bins.error:.2f} %"
            _with_bars(top, xs, ys, bars, {"color": paint, "marker": marker, "label": told})
            width = 100 / len(bins.counts)
            lefts = [(index + 0.08 + 0.42 * which) * width for index in range(len(bins.counts))]
            heights = [max(0.0, count - FLOOR) for count in bins.counts]
            bottom.bar(lefts, heights, 0.42 * width, FLOOR, align="edge", color=paint, log=True)
        top.set(ylabel="of these right, %", ylim=(-2, 102), xlim=(0, 100))
        bottom.set(ylabel="pictures", xlabel="score of the answer, %")
        bottom.set_ylim(bottom=FLOOR)
        plain_ticks(bottom.yaxis)
        top.legend(loc="upper left")
    return drawing.svg


def robustness(floats: Curves, ours: Curves, variant: str, color: int, name: str) -> str:
    """Accuracy by strength, a panel for each kind of corruption."""
    rows = (len(ours) + 1) // 2
    spoken = f"Accuracy of the float model and of {variant} by strength of {', '.join(ours)}"
    with Drawing(name, 0.7 + 1.25 * rows, spoken) as drawing:
        panels = drawing.figure.subplots(rows, 2, sharex=True, sharey=True, squeeze=False)
        for axes, kind in zip(panels.flat, ours, strict=False):
            for curve, label, paint, style in (
                (floats[kind], "float", PAINT["ink"], "o--"),
                (ours[kind], variant, _color(color), "s-"),
            ):
                ys = [100 * share for share in curve.values()]
                axes.plot(list(curve), ys, style, color=paint, label=label, markersize=3.5)
            axes.set_title(kind)
        for axes in panels.flat[len(ours) :]:
            axes.set_axis_off()
        levels = sorted({level for curve in ours.values() for level in curve})
        panels[0, 0].set_xticks(levels, ["clean" if level == 0 else f"{level}" for level in levels])
        drawing.figure.supxlabel("strength", fontsize=10)
        drawing.figure.supylabel("accuracy, %", fontsize=10)
        handles, labels = panels[0, 0].get_legend_handles_labels()
        drawing.figure.legend(handles, labels, loc="outside upper left", ncols=2)
    return drawing.svg


def pareto_front(xs: Sequence[float], ys: Sequence[float]) -> list[int]:
    """Indices of the points that no other beats in both, less x and more y, by rising x."""
    front: list[int] = []
    for index in sorted(range(len(xs)), key=lambda i: (xs[i], -ys[i])):
        if not front or ys[index] > ys[front[-1]]:
            front.append(index)
    return front


def _scatter(
    axes: Any,
    marks: Sequence[Mark],
    xs: Sequence[float],
    floats: Score,
    looks: Mapping[str, dict[str, Any]],
) -> None:
    """Marks with intervals, the float model's accuracy as a line, the front as steps."""
    ys = [100 * mark.score.accuracy for mark in marks]
    level = 100 * floats.accuracy
    axes.axhline(level, color=PAINT["ink"], linewidth=1, linestyle="--", label="float model")
    front = pareto_front(xs, ys)
    axes.step(
        [xs[i] for i in front],
        [ys[i] for i in front],
        where="post",
        color=PAINT["muted"],
        linewidth=1,
        label="Pareto front",
    )
    largest = max(mark.size_bytes for mark in marks)
    for x, y, mark in zip(xs, ys, marks, strict=True):
        area = max(SMALLEST_MARK, LARGEST_MARK * mark.size_bytes / largest)
        look = {**looks[mark.variant], "markersize": area**0.5, "label": mark.variant}
        look["zorder"] = 4 - mark.size_bytes / largest  # a large mark hides no small one
        _with_bars(axes, [x], [y], [mark.score.interval_95], look)


def _finish(figure: Any, axes: Any, marks: Sequence[Mark], floats: Score) -> None:
    """The same range of accuracy in each chart, and one legend above it."""
    bounds = [bound for score in [floats, *(m.score for m in marks)] for bound in score.interval_95]
    room = max(0.02, 5 * (max(bounds) - min(bounds)))
    axes.set_ylim(100 * min(bounds) - room, 100 * max(bounds) + room)
    axes.set_ylabel("accuracy, %")
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=min(4, len(labels)), **COMPACT)


def _look(number: int) -> dict[str, Any]:
    return {"color": _color(number), "marker": MARKERS[number % len(MARKERS)]}


def _with_bars(
    axes: Any,
    xs: Sequence[float],
    ys: Sequence[float],
    intervals: Sequence[Sequence[float]],
    look: dict[str, Any],
) -> None:
    """Points in percent with 95 % intervals that are given as fractions."""
    below = [max(0.0, y - 100 * low) for y, (low, _) in zip(ys, intervals, strict=True)]
    above = [max(0.0, 100 * high - y) for y, (_, high) in zip(ys, intervals, strict=True)]
    axes.errorbar(
        xs,
        ys,
        yerr=[below, above],
        linestyle="",
        elinewidth=1,
        markeredgecolor=PAINT["paper"],
        markeredgewidth=0.7,
        **{"markersize": 5.5, **look},
    )


def _color(number: int) -> str:
    return PAINT[f"series-{number % 5 + 1}"]


def _accuracy(mark: Mark) -> float:
    return mark.score.accuracy
