"""What the reports show beyond the verdict, computed from the answers. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from export.gate import Check, Regression, Verdict
from export.measure import Answers
from export.reference import Reference
from export.report.contents import Report
from export.statistics import answers_of, confusion, probabilities, recall

if TYPE_CHECKING:
    from export.bench import Finding

Word = Literal["passed", "failed", "not enough data"]

_SEVERITY = {"passed": 0, "not enough data": 1, "failed": 2}


@dataclass(frozen=True)
class Opinion:
    """One model's answers to the test pictures."""

    answers: NDArray[np.int64]
    """(n,) classes; -1 is `unknown`."""
    scores: NDArray[np.float64]
    """(n,) the top probability, 0 to 1; NaN for `unknown`."""


@dataclass(frozen=True)
class Flips:
    """Sorted indices of the test pictures on which quantisation changed right and wrong."""

    lost: tuple[int, ...]
    """The float model is right and the candidate is wrong."""
    gained: tuple[int, ...]
    """The other way round."""


def word(verdict: Verdict) -> Word:
    """The gate's word on a candidate: what is merely unproven is told from what failed."""
    if verdict.passed:
        return "passed"
    outcomes = {check.outcome for check in verdict.failures}
    return "not enough data" if outcomes == {"not enough data"} else "failed"


def worst_check(checks: Sequence[Check]) -> Check:
    """Of one policy line on several runtimes, the one that is furthest from passing."""

    def margin(check: Check) -> float:
        away = check.value - check.limit
        return away if check.name.startswith("min_") else -away

    return max(checks, key=lambda check: (_SEVERITY[check.outcome], -margin(check)))


def worst_failures(verdict: Verdict) -> tuple[tuple[Check, int], ...]:
    """One failed check of each policy line, the worst, and how many there are of that line."""
    names = dict.fromkeys(check.name for check in verdict.failures)
    same = [[check for check in verdict.failures if check.name == name] for name in names]
    return tuple((worst_check(checks), len(checks)) for checks in same)


def shown_answers(finding: Finding) -> Answers:
    """The runtime that pictures and diagrams speak of: the one with the least accuracy."""
    correct = [found.score.correct for found in finding.verdict.measurements]
    return finding.answers[correct.index(min(correct))]


def opinion(logits: NDArray[np.float32], temperature: float) -> Opinion:
    """Labels and scores of logits (n, classes)."""
    answers = answers_of(logits)
    known = answers >= 0
    scores = np.full(len(answers), np.nan)
    scores[known] = probabilities(logits[known], temperature).max(axis=1)
    return Opinion(answers, scores)


def flips(logits: NDArray[np.float32], reference: Reference) -> Flips:
    """Where the answers of logits (n, classes) and the float model's differ in being right."""
    ours = answers_of(logits) == reference.targets
    floats = answers_of(reference.logits) == reference.targets
    return Flips(
        tuple(np.flatnonzero(floats & ~ours).tolist()),
        tuple(np.flatnonzero(ours & ~floats).tolist()),
    )


def regression_on(verdict: Verdict, runtime: str) -> Regression | None:
    """The comparison with the shipped model on this runtime, or on the first that has one."""
    same = (found for found in verdict.regressions if found.runtime == runtime)
    return next(same, next(iter(verdict.regressions), None))


def matrix_of(logits: NDArray[np.float32], reference: Reference) -> NDArray[np.int64]:
    """int64 (classes, classes + 1): true class by answer, the last column `unknown`."""
    return confusion(answers_of(logits), reference.targets, len(reference.labels))


def recall_of(logits: NDArray[np.float32], reference: Reference) -> NDArray[np.float64]:
    """(classes,) part of each class that is found; NaN for a class without pictures."""
    return recall(answers_of(logits), reference.targets, len(reference.labels))


def hard_curves(
    logits: NDArray[np.float32], corrupted: NDArray[np.float32], reference: Reference
) -> dict[str, dict[int, float]]:
    """Kind of corruption -> strength -> accuracy, on the hard pictures; strength 0 is clean.

    logits: (n, classes) of all test pictures.
    corrupted: (conditions, m, classes)
    """
    targets = reference.targets[reference.part]
    clean = float((answers_of(logits[reference.part]) == targets).mean())
    curves: dict[str, dict[int, float]] = {}
    for condition, answered in zip(reference.conditions, corrupted, strict=True):
        curve = curves.setdefault(condition.kind, {0: clean})
        curve[condition.level] = float((answers_of(answered) == targets).mean())
    return curves


def curves_of(one: Answers, reference: Reference) -> dict[str, dict[int, float]]:
    """The candidate's curves on one runtime; empty when no hard pictures were asked."""
    return {} if one.corrupted is None else hard_curves(one.logits, one.corrupted, reference)


def told_pictures(report: Report) -> tuple[int, ...]:
    """Sorted indices of all test pictures that a report speaks of."""
    told: set[int] = set()
    for finding in report.findings:
        for one in finding.answers:
            found = flips(one.logits, report.reference)
            told |= {*found.lost, *found.gained}
        for regression in finding.verdict.regressions:
            told |= set(regression.newly_wrong)
    return tuple(sorted(told))


def opinions(report: Report, finding: Finding) -> tuple[Opinion, Opinion]:
    """The float model's and the candidate's, both with the candidate's temperature."""
    temperature = finding.output.temperature
    ours = opinion(shown_answers(finding).logits, temperature)
    return opinion(report.reference.logits, temperature), ours
