"""The committed baseline: which test pictures the shipped models get wrong, one file a model.

New builds are compared with it, picture by picture. Each class stands on a line of its own, so
that a review sees which class a change touched.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.errors import ModelError
from edge.files import write_atomic
from edge.strict import Mismatch, from_dict
from export.measure import Answers
from export.reference import Reference
from export.statistics import answers_of
from train.runs import SHIPPED, Run

SCHEMA = 1
FILE = "baseline.json"


@dataclass(frozen=True)
class Mistakes:
    """What one variant got wrong on one runtime."""

    version: str
    """Of the runtime."""
    correct: int
    of: int
    wrong: dict[str, tuple[int, ...]]
    """True class -> sorted indices of the test pictures that were answered wrongly."""


@dataclass(frozen=True)
class Shipped:
    """One variant: runtime package -> its mistakes."""

    runtimes: dict[str, Mistakes]

    def wrong(self, runtime: str) -> NDArray[np.int64] | None:
        """Sorted indices of wrongly answered pictures; none when it was not measured there."""
        if runtime not in self.runtimes:
            return None
        found = self.runtimes[runtime].wrong.values()
        return np.array(sorted(index for indices in found for index in indices), np.int64)


@dataclass(frozen=True)
class Baseline:
    """baseline.json"""

    schema: int
    model: str
    test_sha256: str
    """Fingerprint of the test pictures that the indices count."""
    variants: dict[str, Shipped] = field(default_factory=dict)


def read_baseline(path: Path) -> Baseline | None:
    """The baseline of a model; none where there is no file.

    Raises:
        ModelError: the file does not fit.
    """
    if not path.is_file():
        return None
    try:
        baseline = from_dict(Baseline, json.loads(path.read_text(encoding="utf-8")), str(path))
    except (OSError, ValueError, Mismatch) as error:
        raise ModelError(f"{path}: expected a baseline: {error}") from None
    if baseline.schema != SCHEMA:
        raise ModelError(f"{path}: expected schema {SCHEMA}, got {baseline.schema}")
    return baseline


def find_baseline(run: Run) -> Baseline | None:
    """The baseline of a run: its own, else the shipped model's of the same name and data."""
    own = read_baseline(run.folder / FILE)
    if own is not None:
        if own.test_sha256 != run.record.test_sha256:
            raise ModelError(
                f"{run.folder / FILE}: was written for other test pictures; write it anew: "
                "edgeproof gate MODEL --update-baseline"
            )
        return own
    shipped = read_baseline(SHIPPED / run.record.name / FILE)
    # A folder of somebody's own may be called digits too.
    return shipped if shipped and shipped.test_sha256 == run.record.test_sha256 else None


def merge_baseline(run: Run, variants: dict[str, Shipped]) -> Path:
    """Writes variants to the run's own baseline, the others in it kept; its path."""
    path = run.folder / FILE
    before = read_baseline(path)
    kept = before.variants if before and before.test_sha256 == run.record.test_sha256 else {}
    merged = {**kept, **variants}
    record = run.record
    write_baseline(path, Baseline(SCHEMA, record.name, record.test_sha256, merged))
    return path


def mistakes(answers: Sequence[Answers], reference: Reference) -> Shipped:
    """What a candidate got wrong on each runtime."""
    found = {}
    for one in answers:
        wrong = np.flatnonzero(answers_of(one.logits) != reference.targets)
        found[one.runtime] = Mistakes(
            one.version,
            len(reference.targets) - len(wrong),
            len(reference.targets),
            {
                label: tuple(wrong[reference.targets[wrong] == target].tolist())
                for target, label in enumerate(reference.labels)
            },
        )
    return Shipped(found)


def write_baseline(path: Path, baseline: Baseline) -> None:
    """Writes baseline.json, a line for each class."""
    text = json.dumps(asdict(baseline), indent=1)
    one_line = re.sub(r"\[[\d,\s]*\]", lambda found: " ".join(found.group().split()), text)
    write_atomic(path, (one_line + "\n").encode())
