"""The accuracy gate: measured answers and a policy in, a verdict out. Pure; touches no file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.proof import Measurement, Score
from export.measure import Answers
from export.policy import Policy
from export.statistics import answers_of, recall, score


@dataclass(frozen=True)
class Check:
    """One line of the policy, held against one candidate."""

    name: str
    """The policy's key."""
    runtime: str
    """Package, or empty where the check is of the file."""
    limit: float
    value: float
    passed: bool

    def __str__(self) -> str:
        relation = "at least" if self.name.startswith("min_") else "at most"
        where = f" on {self.runtime}" if self.runtime else ""
        return f"{self.name}{where}: expected {relation} {self.limit:g}, got {self.value:.6g}"


@dataclass(frozen=True)
class Verdict:
    """What the gate says of one candidate."""

    variant: str
    size_bytes: int
    """Of the model, without what the bundle adds."""
    float_score: Score
    measurements: tuple[Measurement, ...]
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        return bool(self.measurements) and all(check.passed for check in self.checks)


def judge(
    policy: Policy,
    variant: str,
    size_bytes: int,
    labels: tuple[str, ...],
    targets: NDArray[np.int64],
    float_logits: NDArray[np.float32],
    answers: Sequence[Answers],
) -> Verdict:
    """Holds a candidate's answers on every runtime against the labels and the float model's.

    targets: (n,) true class of each test picture.
    float_logits: (n, classes) of the Keras model on the same pictures, in the same order.
    answers: one for each runtime; each must pass by itself.
    """
    reference = answers_of(float_logits)
    float_score = score(reference, targets)
    measurements = tuple(
        compare(answers_of(one.logits), reference, targets, labels, f"{one.runtime} {one.version}")
        for one in answers
    )
    checks = [
        _at_least("min_test_pictures", "", policy.min_test_pictures, len(targets)),
        _at_most("max_size_bytes", "", policy.max_size_bytes, size_bytes),
    ]
    for measurement in measurements:
        checks.extend(_checks(policy, measurement))
    return Verdict(variant, size_bytes, float_score, measurements, tuple(checks))


def compare(
    answered: NDArray[np.int64],
    reference: NDArray[np.int64],
    targets: NDArray[np.int64],
    labels: tuple[str, ...],
    runtime: str,
) -> Measurement:
    """One candidate on one runtime, against the labels and the float model's answers (n,)."""
    own, floats = score(answered, targets), score(reference, targets)
    recalls = recall(answered, targets, len(labels))
    drops = 100 * (recall(reference, targets, len(labels)) - recalls)
    worst = int(np.nanargmax(drops))
    return Measurement(
        runtime=runtime,
        score=own,
        drop_points=100 * (floats.accuracy - own.accuracy),
        agreement=float((answered == reference).mean()),
        class_recall={
            label: float(value)
            for label, value in zip(labels, recalls, strict=True)
            if np.isfinite(value)
        },
        worst_class=labels[worst],
        worst_class_drop_points=float(drops[worst]),
    )


def _checks(policy: Policy, found: Measurement) -> Iterator[Check]:
    runtime = found.runtime
    yield _at_least("min_accuracy", runtime, policy.min_accuracy, found.score.accuracy)
    yield _at_most("max_drop_points", runtime, policy.max_drop_points, found.drop_points)
    yield _at_most(
        "max_class_recall_drop_points",
        runtime,
        policy.max_class_recall_drop_points,
        found.worst_class_drop_points,
    )
    yield _at_least("min_agreement", runtime, policy.min_agreement, found.agreement)


def _at_least(name: str, runtime: str, limit: float, value: float) -> Check:
    return Check(name, runtime, limit, value, bool(value >= limit))


def _at_most(name: str, runtime: str, limit: float, value: float) -> Check:
    # A drop of exactly the limit is allowed; 100 * (a - b) may miss it by a rounding error.
    return Check(name, runtime, limit, value, bool(value <= limit + 1e-9))
