"""Counting right answers: accuracy with its interval, recall by class, agreement."""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from edge.proof import Score

Z_95 = 1.959963984540054
"""97.5 % quantile of the normal distribution."""


def wilson(correct: int, n: int) -> tuple[float, float]:
    """Wilson's 95 % score interval of a proportion (Wilson 1927); n at least 1."""
    share, z2 = correct / n, Z_95 * Z_95
    center = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 * sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return max(0.0, center - half), min(1.0, center + half)


def score(answers: NDArray[np.int64], targets: NDArray[np.int64]) -> Score:
    """Accuracy of answers (n,); -1 is `unknown` and never right."""
    correct, n = int((answers == targets).sum()), len(targets)
    return Score(correct, n, correct / n, wilson(correct, n))


def recall(
    answers: NDArray[np.int64], targets: NDArray[np.int64], classes: int
) -> NDArray[np.float64]:
    """(classes,) part of each class that is found, 0 to 1; NaN for a class without pictures."""
    found = np.bincount(targets[answers == targets], minlength=classes)
    with np.errstate(invalid="ignore"):
        return np.asarray(found / np.bincount(targets, minlength=classes))


def answers_of(logits: NDArray[np.float32]) -> NDArray[np.int64]:
    """(n,) best class of logits (n, classes); -1 where they are not finite."""
    known = np.isfinite(logits).all(axis=1)
    return np.where(known, np.nan_to_num(logits).argmax(axis=1), -1).astype(np.int64)
