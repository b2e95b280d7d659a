"""Statistics of answers: accuracy and its interval, paired comparison, calibration, output error.

All take answers (n,) as class indices, -1 for `unknown`, or logits (n, classes) whose row is NaN
where the frame was answered with `unknown`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import binomtest, norm

from edge.contract import Output
from edge.proof import Drop, Score

CONFIDENCE = 0.95
"""Of every interval that is shown; two-sided."""
ECE_BINS = 15
"""As in Guo et al. 2017."""
MAX_SQNR_DB = 150.0
"""Stands for no error at all, and for less than float32 resolves."""


def wilson(correct: int, n: int) -> tuple[float, float]:
    """Wilson's 95 % score interval of a proportion (Wilson 1927); 0 to 1 when n is 0."""
    if not n:
        return 0.0, 1.0
    z = float(norm.ppf((1 + CONFIDENCE) / 2))
    share, z2 = correct / n, z * z
    center = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = z * sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return max(0.0, center - half), min(1.0, center + half)


def score(answers: NDArray[np.int64], targets: NDArray[np.int64]) -> Score:
    """Accuracy of answers (n,); -1 is `unknown` and never right."""
    correct, n = int((answers == targets).sum()), len(targets)
    return Score(correct, n, correct / max(1, n), wilson(correct, n))


def recall(
    answers: NDArray[np.int64], targets: NDArray[np.int64], classes: int
) -> NDArray[np.float64]:
    """(classes,) part of each class that is found, 0 to 1; NaN for a class without pictures."""
    found = np.bincount(targets[answers == targets], minlength=classes)
    with np.errstate(invalid="ignore"):
        return np.asarray(found / np.bincount(targets, minlength=classes))


def confusion(
    answers: NDArray[np.int64], targets: NDArray[np.int64], classes: int
) -> NDArray[np.int64]:
    """int64 (classes, classes + 1): true class by answer; the last column counts `unknown`."""
    matrix = np.zeros((classes, classes + 1), np.int64)
    np.add.at(matrix, (targets, answers), 1)  # -1 is the last column
    return matrix


def answers_of(logits: NDArray[np.float32]) -> NDArray[np.int64]:
    """(n,) best class of logits (n, classes); -1 where they are not finite."""
    known = np.isfinite(logits).all(axis=1)
    return np.where(known, np.nan_to_num(logits).argmax(axis=1), -1).astype(np.int64)


def paired_drop(
    answers: NDArray[np.int64], reference: NDArray[np.int64], targets: NDArray[np.int64]
) -> Drop:
    """What answers (n,) lose against other answers to the same pictures."""
    ours, theirs, n = answers == targets, reference == targets, len(targets)
    lost, gained = int((theirs & ~ours).sum()), int((ours & ~theirs).sum())
    low, high = paired_interval(lost, gained, n, (1 + CONFIDENCE) / 2)
    return Drop(
        points=100 * (lost - gained) / n,
        interval_95=(100 * low, 100 * high),
        lost=lost,
        gained=gained,
        p_value=mcnemar(lost, gained),
    )


def mcnemar(lost: int, gained: int) -> float:
    """Exact two-sided p-value of losing and gaining being equally likely (McNemar 1947)."""
    return float(binomtest(lost, lost + gained).pvalue) if lost + gained else 1.0


def paired_interval(lost: float, gained: float, n: float, confidence: float) -> tuple[float, float]:
    """Score interval of the difference of two paired proportions, (lost - gained) / n.

    Tango 1998, Statistics in Medicine 17:891-908. It stays honest where a drop is rare: with
    nothing lost or gained the upper bound is z^2 / (n + z^2), not 0.

    confidence: one-sided, of each bound by itself: 0.975 for a two-sided 95 % interval.
    """
    z2 = float(norm.ppf(confidence)) ** 2

    def excess(drop: float) -> float:
        """z^2 of the score statistic at a supposed drop, less the limit: rises away from 0."""
        linear = (2 * n - lost + gained) * drop - lost - gained
        root = sqrt(max(0.0, linear * linear + 8 * n * gained * drop * (1 - drop)))
        gained_share = (root - linear) / (4 * n)
        variance = n * (2 * gained_share + drop * (1 - drop))
        distance = (lost - gained - n * drop) ** 2
        return distance / variance - z2 if variance > 0 else (inf if distance else -z2)

    observed = (lost - gained) / n
    low = brentq(excess, -1.0, observed) if excess(-1.0) > 0 > excess(observed) else -1.0
    high = brentq(excess, observed, 1.0) if excess(1.0) > 0 > excess(observed) else 1.0
    return float(low), float(high)


def pictures_needed(limit: float, disagreement: float, confidence: float) -> int:
    """About how many pictures could carry the claim of a drop of at most `limit` (0 to 1).

    Supposes no true drop and that this part of the pictures, 0 to 1, is lost or gained.
    """
    half = disagreement / 2

    def excess(n: float) -> float:
        return paired_interval(half * n, half * n, n, confidence)[1] - limit

    return ceil(brentq(excess, 1.0, 1e9, rtol=1e-4)) if excess(1e9) < 0 else 10**9


def answered_score(
    logits: NDArray[np.float32], targets: NDArray[np.int64], output: Output
) -> Score:
    """Correct answers of logits (n, classes) among the pictures that get a label on the device.

    The others are `unknown`: nothing was found in them, or the score is below the threshold.
    """
    known = np.isfinite(logits).all(axis=1)
    chances, targets = probabilities(logits[known], output.temperature), targets[known]
    sure = chances.max(axis=1) >= (output.unknown_threshold or 0.0)
    return score(chances[sure].argmax(axis=1), targets[sure])


def probabilities(logits: NDArray[np.float32], temperature: float = 1.0) -> NDArray[np.float64]:
    """Softmax of logits (n, classes) over a temperature; a row of NaN stays one."""
    scaled = logits.astype(np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class Reliability:
    """How often answers of a given confidence are right, in ECE_BINS equal bins of 0 to 1."""

    counts: tuple[int, ...]
    confidence: tuple[float, ...]
    """Mean top probability in the bin; 0 for an empty one."""
    accuracy: tuple[float, ...]
    """Part of them that is right; 0 for an empty bin."""

    @property
    def error(self) -> float:
        """Expected calibration error, 0 to 1 (Naeini et al. 2015; Guo et al. 2017)."""
        gaps = zip(self.counts, self.confidence, self.accuracy, strict=True)
        return sum(n * abs(c - a) for n, c, a in gaps) / max(1, sum(self.counts))


def reliability(
    logits: NDArray[np.float32], targets: NDArray[np.int64], temperature: float
) -> Reliability:
    """Of the pictures (n, classes) that were answered."""
    known = np.isfinite(logits).all(axis=1)
    chances, right = probabilities(logits[known], temperature), targets[known]
    best = chances.max(axis=1)
    hit = chances.argmax(axis=1) == right
    which = np.minimum((best * ECE_BINS).astype(int), ECE_BINS - 1)
    counts = np.bincount(which, minlength=ECE_BINS)
    some = np.maximum(counts, 1)
    means = np.bincount(which, best, ECE_BINS) / some
    shares = np.bincount(which, hit, ECE_BINS) / some
    return Reliability(tuple(counts.tolist()), tuple(means.tolist()), tuple(shares.tolist()))


def nll(logits: NDArray[np.float32], targets: NDArray[np.int64], temperature: float) -> float:
    """Mean negative log-likelihood of the true class in nats, over the answered pictures."""
    known = np.isfinite(logits).all(axis=1)
    if not known.any():
        return 0.0
    scaled = logits[known].astype(np.float64) / temperature
    top = scaled.max(axis=1, keepdims=True)
    whole = np.log(np.exp(scaled - top).sum(axis=1)) + top[:, 0]
    return float((whole - scaled[np.arange(len(scaled)), targets[known]]).mean())


def sqnr_db(logits: NDArray[np.float32], reference: NDArray[np.float32]) -> NDArray[np.float64]:
    """(classes,) signal to quantisation noise of each logit in dB, over pictures that both answer.

    10 log10 of the power of the float model's logit over the power of the difference.
    """
    both = np.isfinite(logits).all(axis=1) & np.isfinite(reference).all(axis=1)
    signal = (reference[both].astype(np.float64) ** 2).sum(axis=0)
    noise = ((reference[both].astype(np.float64) - logits[both]) ** 2).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = 10 * np.log10(signal / noise)
    return np.clip(np.nan_to_num(ratio, nan=MAX_SQNR_DB), -MAX_SQNR_DB, MAX_SQNR_DB)
