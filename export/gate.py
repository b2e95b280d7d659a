"""The accuracy gate: measured answers and a policy in, a verdict out. Pure; touches no file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge.contract import Output
from edge.proof import Difference, Drop, Measurement, Score
from export.baseline import Shipped
from export.measure import Answers
from export.policy import Policy
from export.reference import Reference
from export.statistics import (
    answered_score,
    answers_of,
    nll,
    paired_drop,
    paired_interval,
    pictures_needed,
    recall,
    reliability,
    score,
    sqnr_db,
)

FLOAT = "the Keras float model"
PLAIN = Output()

Outcome = Literal["passed", "failed", "not enough data"]


@dataclass(frozen=True)
class Check:
    """One line of the policy, held against one candidate."""

    name: str
    """The policy's key."""
    where: str
    """Runtime, or FLOAT, or empty where the check is of the file."""
    limit: float
    value: float
    outcome: Outcome
    note: str = ""

    @property
    def passed(self) -> bool:
        return self.outcome == "passed"

    def __str__(self) -> str:
        relation = "at least" if self.name.startswith("min_") else "at most"
        where = f" on {self.where}" if self.where else ""
        note = f" ({self.note})" if self.note else ""
        return (
            f"{self.name}{where}: expected {relation} {_told(self.limit)}, "
            f"got {_told(self.value)}{note}"
        )


@dataclass(frozen=True)
class Regression:
    """A candidate against the shipped model's answers to the same pictures, on one runtime."""

    runtime: str
    drop: Drop
    class_drop_points: dict[str, float]
    """Recall that each class lost, in percentage points."""
    newly_wrong: tuple[int, ...]
    """Indices of test pictures."""


@dataclass(frozen=True)
class Cost:
    """What a candidate asks of a device."""

    model_bytes: int
    """Without what the bundle adds."""
    multiply_adds: int
    """For one picture, as `edge.tflite.cost` counts."""
    bundle_bytes: int | None = None
    """The file that is copied; none: there is none of a candidate that failed before."""


@dataclass(frozen=True)
class Verdict:
    """What the gate says of one candidate."""

    variant: str
    cost: Cost
    float_score: Score
    float_answered: Score
    """Of the pictures that the float model answers, with the candidate's output contract."""
    measurements: tuple[Measurement, ...]
    checks: tuple[Check, ...]
    regressions: tuple[Regression, ...] = ()

    @property
    def passed(self) -> bool:
        return bool(self.measurements) and all(check.passed for check in self.checks)

    @property
    def failures(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if not check.passed)


def judge(
    policy: Policy,
    variant: str,
    cost: Cost,
    reference: Reference,
    answers: Sequence[Answers],
    shipped: Shipped | None = None,
    output: Output = PLAIN,
) -> Verdict:
    """Holds a candidate's answers on every runtime against the labels and the float model's.

    answers: one for each runtime; each must pass by itself.
    shipped: what the model that is shipped today got wrong, to compare with.
    output: what the candidate's contract says of its logits; the float model's are read alike.
    """
    float_score = score(answers_of(reference.logits), reference.targets)
    float_answered = answered_score(reference.logits, reference.targets, output)
    temperature = output.temperature
    measurements = tuple(
        compare(one, reference, output, [o for o in answers if o is not one]) for one in answers
    )
    float_error = reliability(reference.logits, reference.targets, temperature).error
    float_nll = nll(reference.logits, reference.targets, temperature)
    pictures = _at_least("min_test_pictures", "", policy.min_test_pictures, float_score.n)
    checks = [
        pictures if pictures.passed else _too_few(pictures, ""),
        _at_most("max_size_bytes", "", policy.max_size_bytes, cost.model_bytes),
        _at_most("max_multiply_adds", "", policy.max_multiply_adds, cost.multiply_adds),
        _at_least("min_accuracy", FLOAT, policy.min_accuracy, float_score.accuracy),
    ]
    for measurement in measurements:
        checks.extend(_checks(policy, measurement, float_error, float_nll))
        checks.append(_unknown_check(policy, measurement, float_answered))
    regressions = tuple(
        _regression(one, reference, shipped.wrong(one.runtime))
        for one in (answers if shipped else ())
        if shipped and shipped.wrong(one.runtime) is not None
    )
    for found in regressions:
        checks.extend(_regression_checks(policy, found))
    return Verdict(
        variant, cost, float_score, float_answered, measurements, tuple(checks), regressions
    )


def weigh(policy: Policy, verdict: Verdict, bundle_bytes: int) -> Verdict:
    """The verdict with the finished bundle's size held against the policy.

    It comes last: the bundle carries the measurements, so it is made when they are there.
    """
    return replace(
        verdict,
        cost=replace(verdict.cost, bundle_bytes=bundle_bytes),
        checks=(
            *verdict.checks,
            _at_most("max_bundle_bytes", "", policy.max_bundle_bytes, bundle_bytes),
        ),
    )


def compare(
    one: Answers, reference: Reference, output: Output, others: Sequence[Answers]
) -> Measurement:
    """One candidate on one runtime, against the labels and the float model's answers."""
    targets, labels = reference.targets, reference.labels
    answered, floats = answers_of(one.logits), answers_of(reference.logits)
    recalls = recall(answered, targets, len(labels))
    drops = 100 * (recall(floats, targets, len(labels)) - recalls)
    worst = int(np.nanargmax(drops))
    return Measurement(
        runtime=one.name,
        score=score(answered, targets),
        answered=answered_score(one.logits, targets, output),
        drop=paired_drop(answered, floats, targets),
        agreement=float((answered == floats).mean()),
        sqnr_db=float(sqnr_db(one.logits, reference.logits).min()),
        calibration_error=reliability(one.logits, targets, output.temperature).error,
        nll=nll(one.logits, targets, output.temperature),
        class_recall={
            label: float(value)
            for label, value in zip(labels, recalls, strict=True)
            if np.isfinite(value)
        },
        worst_class=labels[worst],
        worst_class_drop_points=float(drops[worst]),
        corruptions=corruption_drops(one, reference),
        differences=tuple(_differences(one, reference.part, others)),
    )


def corruption_drops(one: Answers, reference: Reference) -> dict[str, Drop]:
    """Kind of corruption -> paired comparison with the float model, its strengths together."""
    if one.corrupted is None:
        return {}
    targets = reference.targets[reference.part]
    drops = {}
    for kind in dict.fromkeys(condition.kind for condition in reference.conditions):
        rows = [i for i, condition in enumerate(reference.conditions) if condition.kind == kind]
        ours = answers_of(np.concatenate(one.corrupted[rows]))
        floats = answers_of(np.concatenate(reference.corrupted[rows]))
        drops[kind] = paired_drop(ours, floats, np.tile(targets, len(rows)))
    return drops


def _differences(
    one: Answers, part: NDArray[np.int64], others: Sequence[Answers]
) -> Iterator[Difference]:
    for kernels, logits in one.kernels.items():
        yield _difference(f"{kernels} kernels", one.logits[part], logits)
    for other in others:
        yield _difference(other.name, one.logits, other.logits)


def _difference(against: str, ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> Difference:
    distance = np.abs(ours.astype(np.float64) - theirs)
    same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    return Difference(
        against=against,
        pictures=len(ours),
        different=int((~same.all(axis=1)).sum()),
        largest=float(np.nan_to_num(distance).max(initial=0.0)),
        other_labels=int((answers_of(ours) != answers_of(theirs)).sum()),
    )


def _regression(one: Answers, reference: Reference, wrong: NDArray[np.int64] | None) -> Regression:
    targets, answered = reference.targets, answers_of(one.logits)
    shipped = targets.copy()
    shipped[wrong] = -1  # what it said instead is not recorded, only that it was wrong
    drops = 100 * (
        recall(shipped, targets, len(reference.labels))
        - recall(answered, targets, len(reference.labels))
    )
    newly_wrong = np.flatnonzero((answered != targets) & (shipped == targets))
    return Regression(
        one.name,
        paired_drop(answered, shipped, targets),
        {
            label: float(drop)
            for label, drop in zip(reference.labels, drops, strict=True)
            if np.isfinite(drop)
        },
        tuple(newly_wrong.tolist()),
    )


def _checks(
    policy: Policy, found: Measurement, float_error: float, float_nll: float
) -> Iterator[Check]:
    where = found.runtime
    yield _at_least("min_accuracy", where, policy.min_accuracy, found.score.accuracy)
    yield _drop_check(policy, found)
    yield _at_most(
        "max_class_recall_drop_points",
        where,
        policy.max_class_recall_drop_points,
        found.worst_class_drop_points,
        f"class {found.worst_class!r}",
    )
    yield _at_least("min_agreement", where, policy.min_agreement, found.agreement)
    yield _at_least("min_sqnr_db", where, policy.min_sqnr_db, found.sqnr_db)
    yield _at_most(
        "max_calibration_error_rise",
        where,
        policy.max_calibration_error_rise,
        found.calibration_error - float_error,
    )
    yield _at_most("max_nll_rise", where, policy.max_nll_rise, found.nll - float_nll)
    if found.corruptions:
        kind, worst = max(found.corruptions.items(), key=lambda item: item[1].points)
        yield _at_most(
            "max_corrupted_drop_points",
            where,
            policy.max_corrupted_drop_points,
            worst.points,
            f"under {kind}",
        )
    if found.differences:
        least = max(found.differences, key=lambda one: one.other_labels / one.pictures)
        yield _at_least(
            "min_kernel_agreement",
            where,
            policy.min_kernel_agreement,
            1 - least.other_labels / least.pictures,
            f"against {least.against}",
        )


def _drop_check(policy: Policy, found: Measurement) -> Check:
    """The drop as measured, or with the confidence that the policy asks for."""
    drop, limit, asked = found.drop, policy.max_drop_points, policy.drop_confidence
    check = _at_most("max_drop_points", found.runtime, limit, drop.points)
    if not asked or not check.passed:
        return check
    n = found.score.n
    bound = 100 * paired_interval(drop.lost, drop.gained, n, asked)[1]
    if bound <= limit:
        return _at_most(
            "max_drop_points",
            found.runtime,
            limit,
            drop.points,
            f"at most {bound:.3g} with {100 * asked:g} % confidence",
        )
    needed = pictures_needed(limit / 100, (drop.lost + drop.gained) / n, asked)
    return _too_few(
        check,
        f"{n} pictures say at most {bound:.3g} with {100 * asked:g} % confidence; "
        f"the claim needs about {needed}",
    )


def _unknown_check(policy: Policy, found: Measurement, floats: Score) -> Check:
    """How many more pictures become `unknown` than with the float model."""
    n = found.score.n
    return _at_most(
        "max_unknown_rise_points",
        found.runtime,
        policy.max_unknown_rise_points,
        100 * (floats.n - found.answered.n) / n,
        f"{n - found.answered.n} pictures are unknown, {n - floats.n} to the float model",
    )


def _regression_checks(policy: Policy, found: Regression) -> Iterator[Check]:
    yield _at_most(
        "max_regression_points",
        found.runtime,
        policy.max_regression_points,
        found.drop.points,
        f"{len(found.newly_wrong)} newly wrong, {found.drop.gained} newly right",
    )
    label, worst = max(found.class_drop_points.items(), key=lambda item: item[1])
    yield _at_most(
        "max_class_regression_points",
        found.runtime,
        policy.max_class_regression_points,
        worst,
        f"class {label!r}",
    )


def _told(value: float) -> str:
    """A count in full, for one byte too many is one; else six digits."""
    return str(value) if isinstance(value, int) else f"{value:.6g}"


def _at_least(name: str, where: str, limit: float, value: float, note: str = "") -> Check:
    return Check(name, where, limit, value, "passed" if value >= limit else "failed", note)


def _at_most(name: str, where: str, limit: float, value: float, note: str = "") -> Check:
    # A drop of exactly the limit is allowed; 100 * (a - b) may miss it by a rounding error.
    return Check(name, where, limit, value, "passed" if value <= limit + 1e-9 else "failed", note)


def _too_few(check: Check, note: str) -> Check:
    return Check(check.name, check.where, check.limit, check.value, "not enough data", note)
