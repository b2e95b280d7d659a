"""The figures of a run: curves, grids of pictures, the confusion matrix, one prediction."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.classifier import UNKNOWN
from edge.files import write_atomic
from train.plots.answers import Answers
from train.runs import RunRecord

INK, MUTED, GRID, PAPER = "#1a1d23", "#596070", "#e3e6ea", "#ffffff"
RIGHT, WRONG = "#0b62bd", "#b4500a"
"""The colours of the gate's report; blue and orange are told apart by nearly everybody."""
DPI = 130
MOST_BARS = 40
LARGEST_MATRIX_IN = 15
MOST_COUNTED_CLASSES = 50
"""With more classes the matrix is shaded without numbers, which nobody could read."""
SMOOTH_PX = 48
"""From this side on a picture is shown smoothly, below it pixel by pixel."""

STYLE = {
    "text.parse_math": False,  # a label may hold a dollar sign
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "text.color": INK,
    "legend.frameon": False,
    "figure.facecolor": PAPER,
}

Draw = Callable[[Any], None]
"""Draws on an empty matplotlib.figure.Figure and sets its size."""


@dataclass(frozen=True)
class Tile:
    """One picture of a grid."""

    picture: NDArray[np.uint8]
    """(height, width, channels)"""
    lines: tuple[str, ...]
    """Below it, the first one coloured."""
    color: str = INK


def save(path: Path, draw: Draw) -> Path:
    """Writes a figure as a PNG; the path."""
    import matplotlib
    from matplotlib.figure import Figure

    buffer = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        figure = Figure(layout="constrained")
        draw(figure)
        figure.savefig(buffer, format="png", dpi=DPI)
    write_atomic(path, buffer.getvalue())
    return path


def plot_curves(path: Path, record: RunRecord) -> None:
    """Writes a PNG: loss and accuracy by epoch, fitted and validation, the kept epoch marked."""
    save(path, lambda figure: draw_curves(figure, record))


def curve_names(record: RunRecord) -> list[str]:
    """Which of loss and accuracy the run has a history of; none for a model from elsewhere."""
    names = ("loss", "accuracy")
    return [name for name in names if {name, f"val_{name}"} & set(record.history)]


def draw_curves(figure: Any, record: RunRecord) -> None:
    """Loss and accuracy by epoch; the record has a history of at least one."""
    names = curve_names(record)
    figure.set_size_inches(4.5 * len(names), 3.6)
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        curves = ((name, "training", RIGHT), (f"val_{name}", "validation", WRONG))
        scale = 100 if name == "accuracy" else 1
        for key, label, color in curves:
            values = [scale * value for value in record.history.get(key, ())]
            if values:
                marker = "o" if len(values) == 1 else ""  # one epoch makes no line
                epochs = range(1, len(values) + 1)
                axes.plot(epochs, values, label=label, color=color, marker=marker)
        if record.best_epoch:
            axes.axvline(record.best_epoch, color=MUTED, linewidth=0.8, linestyle="--")
        axes.set(xlabel="epoch", title="accuracy, %" if name == "accuracy" else name)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(True)
        axes.legend()
    figure.suptitle(f"{record.name}: epoch {record.best_epoch} of {record.epochs} is kept")


def draw_tiles(figure: Any, title: str, tiles: Sequence[Tile], columns: int = 8) -> None:
    """A grid of captioned pictures, row by row."""
    rows = max(1, -(-len(tiles) // columns))
    across, line = 1.12, 0.16  # in units of a picture's side, which is an inch
    down = 1.1 + line * max((len(tile.lines) for tile in tiles), default=0)
    figure.set_size_inches(across * columns + 0.1, down * rows + 0.35)
    axes = figure.subplots()
    for number, tile in enumerate(tiles):
        left, top = across * (number % columns), down * (number // columns)
        _picture(axes, tile.picture, (left, left + 1, top + 1, top))
        for place, text in enumerate(tile.lines):
            axes.text(
                left + 0.5,
                top + 1.03 + place * line,
                short(text, 18),
                color=MUTED if place else tile.color,
                ha="center",
                va="top",
                size=7.5 if place else 8.5,
            )
    axes.set(xlim=(-0.05, across * columns - 0.07), ylim=(down * rows, -0.05), aspect="equal")
    axes.axis("off")
    figure.suptitle(title)


def draw_confusion(
    figure: Any, title: str, counts: NDArray[np.int64], labels: Sequence[str]
) -> None:
    """Counts by true class (rows) and called class (columns), shaded by the part of their row.

    counts: (classes, classes + 1); the last column, `unknown`, is left out when empty.
    """
    answers = [*labels, UNKNOWN] if counts[:, -1].any() else list(labels)
    counts = counts[:, : len(answers)]
    cell_in = min(0.5, LARGEST_MATRIX_IN / len(labels))
    margin_in = 0.9 + 0.07 * min(18, max(map(len, answers)))
    side = max(3.2, cell_in * len(labels))
    figure.set_size_inches(side + margin_in, side + margin_in + 0.3)
    axes = figure.subplots()
    axes.imshow(_shades(counts))
    if len(labels) <= MOST_COUNTED_CLASSES:
        size = float(np.clip(19 * cell_in, 4.5, 9))
        for row, column in np.argwhere(counts):
            count = int(counts[row, column])
            axes.text(column, row, f"{count:,}", ha="center", va="center", size=size)
        is_long = max(map(len, answers)) > 3
        axes.set_xticks(range(len(answers)), [short(name, 18) for name in answers])
        axes.tick_params("x", rotation=90 if is_long else 0)
        axes.set_yticks(range(len(labels)), [short(name, 18) for name in labels])
    axes.tick_params(length=0, labelcolor=INK)
    axes.set(xlabel="called", ylabel="true")
    axes.spines[:].set_visible(False)
    figure.suptitle(title)


def draw_prediction(
    figure: Any, title: str, picture: NDArray[np.uint8], answers: Answers, index: int
) -> None:
    """One picture beside the probabilities of all classes; the true one is marked.

    picture: uint8 (height, width, channels)
    """
    truth, called = int(answers.targets[index]), int(answers.called[index])
    chances = answers.probabilities[index]
    shown = shown_classes(chances, truth)
    figure.set_size_inches(8, max(3.2, 0.25 * len(shown) + 0.9))
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.7))
    height, width = picture.shape[:2]
    _picture(left, picture, (0, width, height, 0))
    left.set(xlim=(0, width), ylim=(height, 0), aspect="equal", xticks=[], yticks=[])
    left.spines[:].set_visible(False)
    color = RIGHT if called == truth else WRONG
    left.set_title(spoken(answers, index), color=color)
    left.set_xlabel(f"true: {short(answers.labels[truth], 30)}", loc="left")
    colors = [RIGHT if c == truth else WRONG if c == called else MUTED for c in shown]
    right.barh(range(len(shown)), 100 * chances[shown], color=colors)
    for row, label in enumerate(shown):
        value = 100 * chances[label]
        right.text(value + 1, row, f"{value:.2f}", va="center", size=8, color=MUTED)
    names = [short(answers.labels[c], 22) + (" ◂ true" if c == truth else "") for c in shown]
    right.set_yticks(range(len(shown)), names)
    right.set(xlim=(0, 112), ylim=(len(shown) - 0.4, -0.6), xlabel="probability, %")
    right.set_xticks(range(0, 101, 20))
    right.tick_params("y", length=0, labelcolor=INK)
    right.get_yticklabels()[shown.index(truth)].set_fontweight("bold")
    figure.suptitle(title)


def shown_classes(chances: NDArray[np.float64], truth: int) -> list[int]:
    """All classes in their order; of very many the most probable ones and the true one."""
    if len(chances) <= MOST_BARS:
        return list(range(len(chances)))
    best = np.argsort(-chances, kind="stable")[: MOST_BARS - 1].tolist()
    return sorted({*best, truth})


def spoken(answers: Answers, index: int) -> str:
    """Such as `called Sneaker, 98.50 %`."""
    called = int(answers.called[index])
    if called < 0:
        return f"called {UNKNOWN}: nothing found in it"
    said = f"called {short(answers.labels[called], 20)}, {100 * answers.scores[index]:.2f} %"
    return f"{said}: {UNKNOWN}" if answers.is_unknown(index) else said


def short(text: str, most: int) -> str:
    """The text, cut to at most that many characters."""
    return text if len(text) <= most else text[: most - 1] + "…"


def _picture(axes: Any, picture: NDArray[np.uint8], extent: tuple[float, ...]) -> None:
    pixels = picture[..., 0] if picture.shape[2] == 1 else picture
    smooth = max(picture.shape) >= SMOOTH_PX
    axes.imshow(
        pixels,
        extent=extent,
        cmap="gray",
        vmin=0,
        vmax=255,
        interpolation="antialiased" if smooth else "nearest",
    )


def _shades(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """(rows, columns, 3) RGB, 0 to 1: blue on the diagonal, orange off it."""
    from matplotlib.colors import to_rgb

    heat = shading(counts)[..., np.newaxis]
    is_diagonal = np.eye(counts.shape[0], counts.shape[1], dtype=bool)[..., np.newaxis]
    color = np.where(is_diagonal, to_rgb(RIGHT), to_rgb(WRONG))
    return np.asarray(1 - heat * (1 - color))


def shading(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """(rows, columns) opacity of each cell, 0 to 0.55, by its part of the row.

    By the square root: few must be visible beside many, and no number hard to read.
    """
    share = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    return np.where(counts > 0, np.minimum(0.55, 0.05 + 0.75 * np.sqrt(share)), 0.0)
