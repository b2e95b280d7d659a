"""Calibrated confidence: the temperature and the `unknown` threshold, from validation logits."""

from __future__ import annotations

from math import exp, log

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from train.runs import Confidence

TEMPERATURES = (0.05, 20.0)
"""No network that learnt anything lies beyond; a hopeless one would run off to infinity."""
TYPICAL_FACTOR = 2.0
"""Most networks are twice too sure to twice too unsure: the standard deviation of a normal prior
on the logarithm of the temperature. On subsets of 36 validation pictures of `digits`, nearly all
right, it keeps the log-likelihood loss of the others at 0.026 nats; without it that is 0.17."""
LOST_ONE_IN = 100
"""Of the pictures that would be answered rightly, one in so many may become `unknown`: little
enough to go unnoticed, and on `digits` it already catches most of the wrong answers."""
ANSWERED_ONE_IN = 50
"""Of pictures that show no class, one in so many may be answered, where such pictures are at hand:
what is left are those that are nearly one."""
MAX_THRESHOLD = 0.9
"""A calibrated answer with this score is right nine times in ten, too good to be kept back, even
where a model is surer than that of nearly everything."""


def fit_confidence(
    logits: NDArray[np.float32],
    targets: NDArray[np.int64],
    outlier_logits: NDArray[np.float32] | None = None,
) -> Confidence:
    """What makes the scores of a model mean something.

    logits: (n, classes) of validation pictures, which were not fitted; a row that is not finite
        is a picture in which nothing was found, and says nothing.
    targets: (n,) true classes.
    outlier_logits: (m, classes) of pictures that show none of the classes, which were not fitted
        either. With them no more is held back than they call for: the threshold is the lowest at
        which one in ANSWERED_ONE_IN of them is answered, and at most what it is without them.
    """
    temperature = fit_temperature(logits, targets)
    threshold = fit_threshold(logits, targets, temperature)
    if threshold is not None and outlier_logits is not None:
        threshold = min(threshold, threshold_against(outlier_logits, temperature))
    return Confidence(temperature, threshold)


def fit_temperature(logits: NDArray[np.float32], targets: NDArray[np.int64]) -> float:
    """The temperature that gives logits (n, classes) the least negative log-likelihood.

    Temperature scaling of Guo et al. 2017 (arXiv:1706.04599): no answer changes, only its score.
    Where every picture is right the plain optimum is 0, all scores 1, however few they are; so the
    most likely temperature under the prior TYPICAL_FACTOR is taken, which decides for 36 pictures
    and not for 6,000.

    Returns:
        A number in TEMPERATURES; 1 where nothing was found in any picture.
    """
    found, classes = _answered(logits, targets)
    if not len(classes):
        return 1.0
    truth = np.arange(len(classes)), classes

    def loss(log_temperature: float) -> float:
        scaled = found / exp(log_temperature)
        prior = (log_temperature / log(TYPICAL_FACTOR)) ** 2 / 2
        return prior - float(log_softmax(scaled, axis=1)[truth].sum())

    bounds = (log(TEMPERATURES[0]), log(TEMPERATURES[1]))
    return exp(minimize_scalar(loss, bounds=bounds, method="bounded").x)


def fit_threshold(
    logits: NDArray[np.float32], targets: NDArray[np.int64], temperature: float
) -> float | None:
    """The score below which an answer of logits (n, classes) is better kept back.

    Of n right answers in the order of their scores, the k-th one: a right answer to a further
    picture of the same kind lies below it with a chance of at most k / (n + 1), whatever the
    distribution (conformal prediction, Vovk et al. 2005). k is the largest that keeps to
    LOST_ONE_IN.

    Returns:
        A score of 0 to MAX_THRESHOLD; none where too few are right to promise that much.
    """
    found, classes = _answered(logits, targets)
    scores = softmax(found / temperature, axis=1)
    right = np.sort(scores.max(axis=1)[scores.argmax(axis=1) == classes])
    place = (len(right) + 1) // LOST_ONE_IN
    return min(MAX_THRESHOLD, float(right[place - 1])) if place else None


def threshold_against(outlier_logits: NDArray[np.float32], temperature: float) -> float:
    """The lowest score at which one in ANSWERED_ONE_IN of logits (m, classes) is answered, or less.

    Returns:
        A score, 0 to 1; 0 where there are no outliers in which something was found.
    """
    found = outlier_logits[np.isfinite(outlier_logits).all(axis=1)].astype(np.float64)
    scores = np.sort(softmax(found / temperature, axis=1).max(axis=1, initial=0.0))
    kept_back = len(scores) - len(scores) // ANSWERED_ONE_IN
    # The next number above the best score that is kept back; a score equal to it is answered.
    return float(np.nextafter(scores[kept_back - 1], 2.0)) if len(scores) else 0.0


def _answered(
    logits: NDArray[np.float32], targets: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Without the pictures in which nothing was found."""
    known = np.isfinite(logits).all(axis=1)
    return logits[known].astype(np.float64), targets[known]
