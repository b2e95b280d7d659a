"""Why a candidate fails: the usual mistakes have signatures in the answers. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from export.gate import FLOAT, Verdict
from export.layers import LayerError, first_broken
from export.measure import Answers
from export.reference import Reference
from export.statistics import answers_of, sqnr_db

Kind = Literal[
    "too few pictures", "float model", "runtime", "labels", "polarity", "offset", "regression",
    "layer", "ranges", "quantisation",
]  # fmt: skip

MATCH = 0.9
"""Agreement with an explanation, 0 to 1, from which on it is believed."""
NEGATIVE_MATCH = 0.7
"""The same for negatives: a network never saw them, so its last bits decide more often."""
CUT_OFF = 0.001
"""Part of a layer's values beyond its range, 0 to 1, that honest calibration does not reach."""
RIGHT_DB = 3.0
"""SQNR of what is mostly right and cut off; weights that are wrong leave more noise than signal."""
CLEARER_DB = 10.0
"""Gain in SQNR from which on a constant offset is believed: nine tenths of the noise."""


@dataclass(frozen=True)
class Cause:
    """One explanation of a failure."""

    kind: Kind
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


@dataclass(frozen=True)
class Negatives:
    """What the float model says of pictures whose black and white are exchanged."""

    indices: NDArray[np.int64]
    """(k,) of the test pictures."""
    logits: NDArray[np.float32]
    """(k, classes)"""


def diagnose(
    verdict: Verdict,
    reference: Reference,
    answers: Sequence[Answers],
    negatives: Negatives,
) -> tuple[Cause, ...]:
    """What the answers say about the reason of a failure; empty for a candidate that passed."""
    if verdict.passed:
        return ()
    causes = [*_data_causes(verdict), *_runtime_causes(verdict, answers)]
    for one in answers:
        found = (
            _swapped_labels(one, reference)
            or _polarity(one, reference, negatives)
            or _offset(one, reference)
        )
        if found and found.kind not in {cause.kind for cause in causes}:
            causes.append(found)
    return tuple(causes)


def explains(causes: Sequence[Cause], verdict: Verdict) -> bool:
    """Whether these causes leave nothing open; cost, numbers and history explain themselves."""
    open_checks = [
        check
        for check in verdict.failures
        if check.outcome == "failed"
        and check.name not in ("max_size_bytes", "max_bundle_bytes", "max_multiply_adds")
        and "regression" not in check.name
    ]
    told = {cause.kind for cause in causes} - {"too few pictures", "regression"}
    return not open_checks or bool(told)


def diagnose_layers(layers: Sequence[LayerError]) -> Cause:
    """What the errors by layer say, where the answers did not say enough."""
    broken = first_broken(layers)
    before = layers[: layers.index(broken)] if broken else layers
    cut = [layer for layer in before if layer.saturated >= CUT_OFF]
    if broken and broken.saturated >= CUT_OFF and broken.sqnr_db >= RIGHT_DB:
        cut.append(broken)
    if cut:
        worst = max(cut, key=lambda layer: layer.saturated)
        return Cause(
            "ranges",
            f"{100 * worst.saturated:.2g} % of the values of {worst.name} lie beyond its range and "
            "are cut off: it was calibrated on pictures unlike these",
        )
    if broken is None:
        return Cause(
            "quantisation",
            "no usual mistake explains it: eight bits are too few somewhere; see the layers",
        )
    return Cause(
        "layer",
        f"the error begins in {broken.name} ({broken.operator}): the layers before it keep the "
        f"signal, half of its channels have an SQNR below {broken.channel_sqnr_db:.1f} dB",
    )


def _data_causes(verdict: Verdict) -> list[Cause]:
    causes = []
    failed = verdict.failures
    if any(check.outcome == "not enough data" for check in failed):
        causes.append(
            Cause(
                "too few pictures",
                f"{verdict.float_score.n} test pictures cannot carry what the policy asks for: "
                "give more, or ask for less",
            )
        )
    if any(check.where == FLOAT for check in failed):
        agreement = min((m.agreement for m in verdict.measurements), default=0.0)
        causes.append(
            Cause(
                "float model",
                f"it reaches {100 * verdict.float_score.accuracy:.2f} % itself and the candidate "
                f"agrees with it on {100 * agreement:.2f} %: look for wrong labels among the test "
                "pictures, wrong preprocessing or a poor training, not at the quantisation",
            )
        )
    if any("regression" in check.name for check in failed):
        newly = max((r for r in verdict.regressions), key=lambda r: len(r.newly_wrong))
        classes = [f"{k!r} {v:+.2f}" for k, v in newly.class_drop_points.items() if v > 0]
        causes.append(
            Cause(
                "regression",
                f"the shipped model gets {len(newly.newly_wrong)} pictures right that this one "
                f"misses; classes that lost: {', '.join(classes)} points",
            )
        )
    return causes


def _runtime_causes(verdict: Verdict, answers: Sequence[Answers]) -> list[Cause]:
    """Right on one runtime and wrong on another: the model is fine, its operators there are not."""
    wrong = {check.where for check in verdict.failures if check.name == "min_agreement"}
    right = [m for m in verdict.measurements if m.runtime not in wrong]
    if not wrong or not right:
        return []
    bad = ", ".join(sorted(wrong))
    rates = ", ".join(f"{100 * m.agreement:.1f} % on {m.runtime}" for m in verdict.measurements)
    return [
        Cause(
            "runtime",
            f"{bad} computes this model wrongly and says nothing; it agrees with the float model "
            f"on {rates}: an operator there does not do what this model's version of it means",
        )
    ]


def _swapped_labels(one: Answers, reference: Reference) -> Cause | None:
    """Another order of the labels makes the answers those of the float model."""
    ours, floats = answers_of(one.logits), answers_of(reference.logits)
    known = (ours >= 0) & (floats >= 0)
    labels = reference.labels
    together = np.zeros((len(labels), len(labels)), np.int64)
    np.add.at(together, (floats[known], ours[known]), 1)
    rows, columns = linear_sum_assignment(together, maximize=True)
    moved = [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if r != c]
    matched = together[rows, columns].sum() / max(1, known.sum())
    if matched < MATCH or not any(together[r, c] for r, c in moved):
        return None
    pairs = ", ".join(f"{labels[r]!r} is called {labels[c]!r}" for r, c in moved)
    return Cause(
        "labels",
        f"{pairs}; with the labels put back it would agree on {100 * matched:.1f} %",
    )


def _polarity(one: Answers, reference: Reference, negatives: Negatives) -> Cause | None:
    ours, negative = answers_of(one.logits[negatives.indices]), answers_of(negatives.logits)
    plain = answers_of(reference.logits[negatives.indices])
    telling = negative != plain
    if telling.mean() < 1 - MATCH or (ours == negative)[telling].mean() < NEGATIVE_MATCH:
        return None
    return Cause(
        "polarity",
        f"it answers {100 * (ours == negative).mean():.1f} % of the pictures as the float model "
        "answers their negatives: black and white are exchanged on the way to its input",
    )


def _offset(one: Answers, reference: Reference) -> Cause | None:
    """The same amount too much on every picture: a zero point, or a bias."""
    shift = np.nanmean(one.logits.astype(np.float64) - reference.logits, axis=0)
    if not np.isfinite(shift).all():
        return None
    before = float(sqnr_db(one.logits, reference.logits).min())
    after = float(sqnr_db((one.logits - shift).astype(np.float32), reference.logits).min())
    if after - before < CLEARER_DB:
        return None
    return Cause(
        "offset",
        f"its logits are off by a constant of {np.median(shift):+.2f} on every picture; without "
        f"it the SQNR would be {after:.1f} dB instead of {before:.1f}: a zero point is shifted",
    )
