"""PNG files that say what they were drawn from, so that a stale one is found without drawing it.

Matplotlib's releases draw the same numbers in different pixels; what was drawn is compared instead.
"""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from cards.facts import Card
from edge.files import write_atomic
from train.plots.figures import DPI, INK, MUTED, RIGHT, STYLE, Draw, draw_confusion

KEY = "Drawn-from"
STRENGTHS = ("clean", "mild", "middle", "harsh")


def digest(facts: Any) -> str:
    """Of what a picture shows: anything that JSON can say."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def drawn_from(path: Path) -> str | None:
    """The digest that a picture was saved with; none where there is no such picture."""
    if not path.is_file():
        return None
    with Image.open(path) as picture:
        return picture.info.get(KEY)


def save(path: Path, draw: Draw, facts: Any) -> None:
    """Draws and writes a PNG that says what it shows."""
    import matplotlib
    from matplotlib.figure import Figure

    buffer = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        figure = Figure(layout="constrained")
        draw(figure)
        metadata = {KEY: digest(facts), "Software": None}
        figure.savefig(buffer, format="png", dpi=DPI, metadata=metadata)
    write_atomic(path, buffer.getvalue())


def confusion_facts(card: Card) -> Any:
    return [card.name, card.labels, card.view.confusion]


def draw_matrix(figure: Any, card: Card) -> None:
    """The confusion matrix of the runtime that the card speaks of."""
    title = f"{card.name} {card.bundle.contract.variant}: {card.shown.score.n:,} test pictures"
    counts = np.array(card.view.confusion, np.int64)
    draw_confusion(figure, title=title, counts=counts, labels=card.labels)


def robustness_facts(card: Card) -> Any:
    return [card.name, card.view.corruptions, card.measured.floats.corruptions]


def draw_robustness(figure: Any, card: Card) -> None:
    """Accuracy by strength, a panel for each kind of corruption, float and quantised."""
    curves, variant = card.view.corruptions, card.bundle.contract.variant
    columns = 4
    rows = -(-len(curves) // columns)
    figure.set_size_inches(9, 0.6 + 1.75 * rows)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes, (kind, curve) in zip(panels.flat, curves.items(), strict=False):
        floats = card.measured.floats.corruptions[kind]
        for values, color, style, label in (
            (floats, MUTED, "o--", "float"),
            (curve, RIGHT, "s-", variant),
        ):
            shares = [100 * share for share in values.values()]
            axes.plot(range(len(shares)), shares, style, color=color, label=label, markersize=3.5)
        axes.set_title(kind, color=INK)
        axes.set_ylim(0, 102)
        axes.grid(True, axis="y")
    for axes in panels.flat[len(curves) :]:
        axes.set_axis_off()
    panels[0, 0].set_xticks(range(len(STRENGTHS)), STRENGTHS)
    figure.supylabel("right, %", fontsize=9)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=2)
    figure.suptitle(f"{card.name}: corrupted test pictures", x=0.01, ha="left")
