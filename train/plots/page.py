"""index.html: one file to look around in, without anything from elsewhere."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.classifier import UNKNOWN
from edge.contract import Input
from edge.files import write_atomic
from train.plots.answers import Answers, balanced, confident_mistakes, confusion, recall
from train.plots.figures import MOST_COUNTED_CLASSES, curve_names, shading
from train.plots.parts import Part
from train.plots.pictures import as_seen, make_sprite, most_that_fit
from train.runs import RunRecord
from train.samples import PictureFiles, Samples

MOST_CHANCES = 400_000
"""Probabilities in a page, of two bytes each."""
MOST_PAIRS = 12
SAMPLES = 40
NARROW = 3
"""Column heads up to this long stand upright."""


def write_page(path: Path, part: Part, answers: Answers, fitted: Samples) -> Path:
    """Writes the page of a run's answers to one part of its data; the path.

    fitted: the pictures that the model learned from, some of which are shown.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("train", "plots"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    record = part.run.record
    data = page_data(part, answers, fitted)
    text = environment.get_template("page.html.j2").render(
        page={**_head(part, answers), **_counted(answers), "fitted": f"{len(fitted):,}"}
        | {"curves": data["curves"], "left_out": _left_out(part, len(data["numbers"]), record)},
        data=data,
        style=_text("page.css"),
        script=_text("page.js"),
    )
    write_atomic(path, text.encode("utf-8", "replace"))  # a label may be no text in any encoding
    return path


def page_data(part: Part, answers: Answers, fitted: Samples) -> dict[str, Any]:
    """What the script of the page reads: pictures in sprites, and what was said of them."""
    record, samples = part.run.record, part.samples
    chosen = choose_pictures(answers, record.input)
    sprite, count = make_sprite(as_seen(samples.take(chosen), record.input))
    chosen = chosen[:count]
    chances = np.round(answers.probabilities[chosen] * 65535).astype("<u2")
    shown = fitted.take(balanced(fitted.targets, SAMPLES, record.seed))
    learned, learned_count = make_sprite(as_seen(shown, record.input))
    return {
        "name": record.name,
        "labels": answers.labels,
        "total": len(samples),
        "size": record.input.shape[:2],
        "sprite": asdict(sprite),
        "numbers": chosen.tolist(),
        "names": _names(samples, chosen),
        "targets": answers.targets[chosen].tolist(),
        "called": answers.called[chosen].tolist(),
        "chances": base64.b64encode(chances.tobytes()).decode(),
        "threshold": answers.threshold,
        "curves": _curves(record),
        "best_epoch": record.best_epoch,
        "samples": asdict(learned),
        "sample_targets": shown.targets[:learned_count].tolist(),
    }


def choose_pictures(answers: Answers, spec: Input) -> NDArray[np.int64]:
    """The pictures that a page may hold: the mistakes, surest first, then others at random."""
    most = min(most_that_fit(spec), max(1, MOST_CHANCES // len(answers.labels)))
    others = np.random.default_rng(1).permutation(np.flatnonzero(answers.right))
    return np.concatenate([confident_mistakes(answers), others])[:most]


def _head(part: Part, answers: Answers) -> dict[str, Any]:
    record = part.run.record
    facts = {
        "data set": Path(record.dataset).name,
        "pictures": f"{len(part.samples):,} {part.title}",
        "wrong": f"{int((~answers.right).sum()):,}",
        "run": record.id,
    }
    if record.epochs:
        facts["epoch kept"] = f"{record.best_epoch} of {record.epochs}"
    if record.confidence:
        facts["temperature"] = f"{record.confidence.temperature:.3g}"
    return {
        "name": record.name,
        "headline": part.headline(answers),
        "split": part.title,
        "total": len(part.samples),
        "facts": list(facts.items()),
    }


def _counted(answers: Answers) -> dict[str, Any]:
    """The confusion matrix as rows of cells, and the pairs that are confused most."""
    counts = confusion(answers)
    columns = [*answers.labels, UNKNOWN] if counts[:, -1].any() else list(answers.labels)
    is_readable = len(answers.labels) <= MOST_COUNTED_CLASSES
    return {
        "columns": columns,
        "is_narrow": max(map(len, columns)) <= NARROW,
        "matrix": _rows(counts, answers.labels, len(columns)) if is_readable else [],
        "pairs": _pairs(counts, answers.labels),
    }


def _rows(counts: NDArray[np.int64], labels: Sequence[str], columns: int) -> list[dict[str, Any]]:
    heat = shading(counts)
    found = ["" if part is None else f"{100 * part:.1f}" for part in recall(counts)]
    return [
        {
            "label": label,
            "true": row,
            "recall": found[row],
            "cells": [
                {
                    "count": int(counts[row, column]),
                    "called": _class(column, len(labels)),
                    "heat": f"{heat[row, column]:.2f}",
                }
                for column in range(columns)
            ],
        }
        for row, label in enumerate(labels)
    ]


def _pairs(counts: NDArray[np.int64], labels: Sequence[str]) -> list[dict[str, Any]]:
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    pairs = []
    for place in np.argsort(-wrong, axis=None, kind="stable")[:MOST_PAIRS].tolist():
        row, column = divmod(place, wrong.shape[1])
        if wrong[row, column]:
            called = _class(column, len(labels))
            answer = UNKNOWN if called < 0 else labels[called]
            count = int(wrong[row, column])
            pair = {"true": row, "called": called, "label": labels[row], "answer": answer}
            pairs.append({**pair, "count": count})
    return pairs


def _class(column: int, classes: int) -> int:
    """The class of a matrix's column; -1 is `unknown`, the last one."""
    return column if column < classes else -1


def _curves(record: RunRecord) -> list[dict[str, Any]]:
    curves = []
    for name in curve_names(record):
        series = {
            "training": record.history.get(name),
            "validation": record.history.get(f"val_{name}"),
        }
        scale = 100 if name == "accuracy" else 1
        curves.append(
            {
                "title": "accuracy, %" if name == "accuracy" else name,
                "series": {
                    key: [scale * value for value in values]
                    for key, values in series.items()
                    if values
                },
            }
        )
    return curves


def _left_out(part: Part, count: int, record: RunRecord) -> str:
    total = len(part.samples)
    if count == total:
        return ""
    return (
        f"This page holds {count:,} of the {total:,} pictures, mistakes first, so that it opens "
        f"quickly; any other: edgeproof plots {record.name} --index N."
    )


def _names(samples: Samples, chosen: NDArray[np.int64]) -> list[str] | None:
    """Class folder and file name of pictures that are files."""
    frames = samples.frames
    if not isinstance(frames, PictureFiles):
        return None
    return [f"{path.parent.name}/{path.name}" for path in (frames.paths[i] for i in chosen)]


def _text(name: str) -> str:
    return files("train.plots").joinpath(name).read_text(encoding="utf-8")
