"""What `edgeproof plots` prints: a table for people, JSON for machines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge.classifier import UNKNOWN
from train.plots.answers import Answers, confident_mistakes, confusion, recall
from train.plots.figures import spoken
from train.plots.parts import Part

BAR = 24
"""Characters of a full bar."""


def prediction_table(
    part: Part, answers: Answers, indices: Sequence[int], written: Sequence[Path]
) -> str:
    """The probabilities of each picture's classes, the most probable first."""
    lines = []
    width = max(map(len, answers.labels))
    for place, number in enumerate(indices):
        truth = int(answers.targets[place])
        true = f"true: {answers.labels[truth]}"
        lines.append(f"{part.title} picture {number}: {spoken(answers, place)}; {true}")
        chances = answers.probabilities[place]
        for index in np.argsort(-chances, kind="stable").tolist():
            bar = "#" * round(BAR * chances[index])
            mark = "<- true" if index == truth else ""
            chance = f"{100 * chances[index]:6.2f} %"
            lines.append(f"  {answers.labels[index]:{width}}  {chance}  {bar} {mark}".rstrip())
    return "\n".join([*lines, *_wrote(written)])


def run_table(part: Part, answers: Answers, written: Sequence[Path]) -> str:
    """How many are right, and the part of each class that is found."""
    counts = confusion(answers)
    width = max(map(len, answers.labels))
    lines = [
        f"  {label:{width}}  {100 * found:6.2f} % of {total:,} found"
        for label, found, total in zip(
            answers.labels, recall(counts), counts.sum(axis=1).tolist(), strict=True
        )
        if found is not None
    ]
    headline = f"{part.run.record.name}: {part.headline(answers)}"
    return "\n".join([headline, *lines, *_wrote(written)])


def prediction_json(
    part: Part, answers: Answers, indices: Sequence[int], written: Sequence[Path]
) -> str:
    """One object: the picture's numbers, and what is said of each."""
    predictions = [
        {**_said(answers, place, number), "probabilities": _chances(answers, place)}
        for place, number in enumerate(indices)
    ]
    return _json(part, {"predictions": predictions}, written)


def run_json(part: Part, answers: Answers, written: Sequence[Path]) -> str:
    """One object: accuracy, recall, confusion counts, mistakes, surest first."""
    counts = confusion(answers)
    table = {
        "pictures": len(answers.targets),
        "accuracy": float(answers.right.mean()),
        "recall": dict(zip(answers.labels, recall(counts), strict=True)),
        "confusion": {"called": [*answers.labels, UNKNOWN], "counts": counts.tolist()},
        "mistakes": [
            _said(answers, index, index) for index in confident_mistakes(answers).tolist()
        ],
    }
    return _json(part, table, written)


def _json(part: Part, table: dict[str, Any], written: Sequence[Path]) -> str:
    head = {"run": part.run.record.id, "split": part.split}
    return json.dumps({**head, **table, "written": [str(path) for path in written]}, indent=1)


def _wrote(written: Sequence[Path]) -> list[str]:
    return [f"wrote {path}" for path in written]


def _said(answers: Answers, place: int, number: int) -> dict[str, Any]:
    called = int(answers.called[place])
    return {
        "index": number,
        "true": answers.labels[int(answers.targets[place])],
        "called": UNKNOWN if called < 0 else answers.labels[called],
        "score": float(answers.scores[place]),
        "is_unknown": answers.is_unknown(place),
    }


def _chances(answers: Answers, place: int) -> dict[str, float]:
    return dict(zip(answers.labels, answers.probabilities[place].tolist(), strict=True))
