"""What the gate saw of a shipped model beyond its proof: kept in docs/models/NAME.json.

A proof has no confusion matrix and no curve by strength; the gate's report has, and is not kept.
So the part of it that a card shows is, bound to the proof by its content_sha256.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from math import isclose
from pathlib import Path
from typing import Any

from cards.errors import CannotTell
from edge.proof import Proof
from edge.strict import Mismatch, from_dict, parse_json

SCHEMA = 1
Matrix = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class View:
    """Answers to the test pictures: the float model's, or the candidate's on a runtime."""

    runtime: str
    """As the proof calls it; `float` for the Keras model."""
    confusion: Matrix
    """True class (rows) by answer, the best label however low its score; last column: nothing."""
    calibration_error: float
    """Expected calibration error of the scores, 0 to 1 (Guo et al. 2017)."""
    corruptions: dict[str, dict[str, float]]
    """Kind -> strength -> accuracy, 0 to 1, on the hard pictures; strength 0 is clean."""


@dataclass(frozen=True)
class Measured:
    """docs/models/NAME.json"""

    schema: int
    model: str
    content_sha256: str
    """Of the proof that this belongs to."""
    hard_pictures: int
    """How many of the test pictures were corrupted."""
    floats: View
    views: tuple[View, ...]
    """One for each runtime of the proof, in its order."""

    def to_json(self) -> str:
        text = json.dumps(asdict(self), separators=(",", ":"))
        # A row of a matrix or a kind of corruption a line: a review sees which one changed.
        return text.replace("],[", "],\n[").replace("},", "},\n") + "\n"


def find_measured(name: str, proof: Proof, kept: Path, reports: Iterable[Path]) -> Measured:
    """From the first report that saw what the proof says, else from the kept file.

    Raises:
        CannotTell: neither belongs to the shipped bundle.
    """
    for path in reports:
        if path.is_file():
            found = from_report(parse_json(path.read_text(encoding="utf-8")), name, proof)
            if found is not None:
                return found
    if kept.is_file():
        try:
            measured = from_dict(Measured, parse_json(kept.read_text(encoding="utf-8")), str(kept))
        except (Mismatch, ValueError) as error:
            raise CannotTell(f"{kept}: {error}; make it anew: make gate cards") from None
        if measured.content_sha256 == proof.content_sha256:
            return measured
    raise CannotTell(
        f"{name}: expected the gate's report of the bundle that ships, in {kept} or under build/, "
        "and there is none: make gate cards"
    )


def from_report(report: Any, name: str, proof: Proof) -> Measured | None:
    """What is kept of a report.json; none where it did not see what the proof says."""
    if report["test_sha256"] != proof.test_sha256:
        return None
    for candidate in report["candidates"]:
        if _saw(candidate["measurements"], proof):
            floats = report["float"]
            return Measured(
                SCHEMA,
                name,
                proof.content_sha256,
                report["hard_pictures"],
                _view("float", floats, floats["corruptions"]),
                tuple(
                    _view(m["runtime"], m, m["corrupted_accuracy"])
                    for m in candidate["measurements"]
                ),
            )
    return None


def _saw(found: Any, proof: Proof) -> bool:
    """Whether these are the proof's measurements, which are kept at six digits there."""
    return len(found) == len(proof.measurements) and all(
        (seen["runtime"], seen["score"]["correct"]) == (told.runtime, told.score.correct)
        and all(
            isclose(seen["class_recall"][label], recall, rel_tol=1e-5)
            for label, recall in told.class_recall.items()
        )
        for seen, told in zip(found, proof.measurements, strict=True)
    )


def _view(runtime: str, part: Any, corruptions: dict[str, dict[str, float]]) -> View:
    return View(
        runtime,
        tuple(tuple(row) for row in part["confusion"]),
        part["reliability"]["error"],
        corruptions,
    )
