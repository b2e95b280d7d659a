"""What a run's Keras model says of labelled pictures, and what is counted from it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.contract import Input
from edge.errors import ModelError, NothingFound
from edge.preprocess import prepare
from edge.quiet import quiet
from train.runs import Run
from train.samples import Samples

BATCH_BYTES = 64_000_000
"""Of model inputs in memory at a time."""


@dataclass(frozen=True)
class Answers:
    """What a model calls each picture, beside what the picture shows."""

    labels: tuple[str, ...]
    targets: NDArray[np.int64]
    """(n,) true classes."""
    probabilities: NDArray[np.float64]
    """(n, classes), 0 to 1; a row of zeros where nothing was found in the picture."""
    threshold: float | None = None
    """A top probability below it, 0 to 1, is answered as `unknown` on the device; none: never."""

    @property
    def called(self) -> NDArray[np.int64]:
        """(n,) most probable class, whatever the threshold; -1 where nothing was found."""
        found = self.probabilities.any(axis=1)
        return np.where(found, self.probabilities.argmax(axis=1), -1).astype(np.int64)

    @property
    def scores(self) -> NDArray[np.float64]:
        """(n,) probability of the called class."""
        return np.asarray(self.probabilities.max(axis=1))

    @property
    def right(self) -> NDArray[np.bool_]:
        """(n,) whether the called class is the true one."""
        return self.called == self.targets

    def is_unknown(self, index: int) -> bool:
        """Whether the device would answer `unknown`."""
        return bool(self.called[index] < 0 or self.scores[index] < (self.threshold or 0.0))


def ask(run: Run, samples: Samples) -> Answers:
    """Asks a run's model, with its calibrated temperature where it has one.

    Raises:
        ModelError: the model does not load, is not what the record says, or answers nonsense.
    """
    record = run.record
    model = load_model(run)
    logits = np.empty((len(samples), len(record.labels)))
    found = np.ones(len(samples), bool)
    tensors = _tensors(samples, record.input, found)
    size = max(1, BATCH_BYTES // (4 * int(np.prod(record.input.shape))))
    with quiet():
        for start in range(0, len(samples), size):
            batch = np.stack(list(islice(tensors, size)))
            logits[start : start + size] = model.predict(batch, batch_size=256, verbose=0)
    if not np.isfinite(logits).all():
        raise ModelError(f"{run.model_path}: it answers with numbers that are not finite")
    confidence = record.confidence
    probabilities = softmax(logits, confidence.temperature if confidence else 1.0)
    probabilities[~found] = 0.0
    threshold = confidence.unknown_threshold if confidence else None
    return Answers(record.labels, samples.targets, probabilities, threshold)


def load_model(run: Run) -> Any:
    """The Keras model of a run, not compiled: float32 (n, height, width, channels) to logits.

    Raises:
        ModelError: it does not load, or its input or output is not what the record says.
    """
    with quiet():
        import keras

        try:
            model = keras.models.load_model(run.model_path, compile=False)
        except Exception as error:  # Keras raises anything from KeyError to OSError here
            reason = " ".join(str(error).split())[:200]
            raise ModelError(f"{run.model_path}: it does not load: {reason}") from None
    record = run.record
    expected = (record.input.shape, (len(record.labels),))
    got = (model.input_shape[1:], model.output_shape[1:])
    if expected != got:
        raise ModelError(
            f"{run.model_path}: expected input {expected[0]} and {expected[1][0]} labels, got a "
            f"model with input {got[0]} and output {got[1]}"
        )
    return model


def _tensors(samples: Samples, spec: Input, found: NDArray[np.bool_]) -> Any:
    """Model inputs one by one; where nothing is found a black one, and `found` says so."""
    from tqdm import tqdm

    bar = tqdm(
        samples, total=len(samples), unit=" pictures", leave=False, disable=not sys.stderr.isatty()
    )
    for index, frame in enumerate(bar):
        try:
            yield prepare(frame, spec)
        except NothingFound:
            found[index] = False
            yield np.zeros(spec.shape, np.float32)


def softmax(logits: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """float64 (n, classes) probabilities of logits (n, classes) over a temperature."""
    scaled = logits / temperature
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def confusion(answers: Answers) -> NDArray[np.int64]:
    """int64 (classes, classes + 1): true class by called one; the last column is `unknown`."""
    classes = len(answers.labels)
    counts = np.zeros((classes, classes + 1), np.int64)
    np.add.at(counts, (answers.targets, answers.called), 1)  # -1 is the last column
    return counts


def recall(counts: NDArray[np.int64]) -> list[float | None]:
    """Part of each class that is found, 0 to 1; none for a class without pictures."""
    totals = counts.sum(axis=1)
    found = zip(np.diagonal(counts), totals, strict=True)
    return [float(right / total) if total else None for right, total in found]


def confident_mistakes(answers: Answers) -> NDArray[np.int64]:
    """Indices of the wrongly called pictures, surest first; those called nothing last."""
    wrong = np.flatnonzero(~answers.right)
    return wrong[np.argsort(-answers.scores[wrong], kind="stable")]


def balanced(targets: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    """At most `count` indices, as many of each class as can be, sorted by class; seeded."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(targets))
    turn = np.zeros(len(targets), np.int64)
    for target in np.unique(targets):
        members = order[targets[order] == target]
        turn[members] = np.arange(len(members))
    chosen = order[np.argsort(turn[order], kind="stable")][:count]
    return np.asarray(chosen[np.argsort(targets[chosen], kind="stable")])
