"""Which figures a run has, by their file names."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from edge.classifier import UNKNOWN
from train.plots import figures
from train.plots.answers import Answers, balanced, confident_mistakes, confusion
from train.plots.figures import Draw, Tile
from train.plots.parts import Part
from train.plots.pictures import as_seen
from train.samples import Samples

GRID = 40
"""Pictures of a grid."""


def run_figures(part: Part, answers: Answers, fitted: Samples) -> dict[str, Draw]:
    """Everything about a run: samples, curves, predictions, confusion matrix, mistakes.

    fitted: the pictures that the model learned from.
    """
    record, headline = part.run.record, f"{part.run.record.name}: {part.headline(answers)}"
    shown = fitted.take(balanced(fitted.targets, GRID, record.seed))
    learned = [
        Tile(picture, (record.labels[target],))
        for picture, target in zip(as_seen(shown, record.input), shown.targets, strict=True)
    ]
    some = balanced(answers.targets, GRID, record.seed)
    wrong = confident_mistakes(answers)
    surest = f"the surest of {len(wrong):,} mistakes" if len(wrong) else "no mistakes"
    counts = confusion(answers)
    drawn: dict[str, Draw] = {
        "samples.png": partial(
            figures.draw_tiles, title=f"{record.name}: training pictures", tiles=learned
        )
    }
    if figures.curve_names(record):
        drawn["curves.png"] = partial(figures.draw_curves, record=record)
    drawn |= {
        "predictions.png": partial(
            figures.draw_tiles, title=headline, tiles=_tiles(part, answers, some)
        ),
        "confusion.png": partial(
            figures.draw_confusion, title=headline, counts=counts, labels=record.labels
        ),
        "mistakes.png": partial(
            figures.draw_tiles,
            title=f"{record.name}: {surest}",
            tiles=_tiles(part, answers, wrong[:GRID]),
        ),
    }
    return drawn


def prediction_figures(part: Part, answers: Answers, indices: Sequence[int]) -> dict[str, Draw]:
    """One figure for each picture.

    answers: to the pictures at `indices`, in their order.
    """
    record = part.run.record
    pictures = as_seen(part.only(indices), record.input)
    return {
        f"prediction-{number}.png": partial(
            figures.draw_prediction,
            title=f"{record.name}, {part.title} picture {number}",
            picture=pictures[place],
            answers=answers,
            index=place,
        )
        for place, number in enumerate(indices)
    }


def _tiles(part: Part, answers: Answers, chosen: NDArray[np.int64]) -> list[Tile]:
    """Pictures with what they are called; what is wrong says the true class too."""
    pictures = as_seen(part.samples.take(chosen), part.run.record.input)
    tiles = []
    for picture, index in zip(pictures, chosen.tolist(), strict=True):
        truth, called = int(answers.targets[index]), int(answers.called[index])
        label = UNKNOWN if called < 0 else answers.labels[called]
        lines = (label, f"{100 * answers.scores[index]:.1f} %, #{index}")
        if called == truth:
            tiles.append(Tile(picture, lines, figures.RIGHT))
        else:
            true = f"true: {answers.labels[truth]}"
            tiles.append(Tile(picture, (*lines, true), figures.WRONG))
    return tiles
