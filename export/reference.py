"""The float model's answers, and the true ones: what every candidate of a run is held against."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray

from edge.contract import Input
from edge.errors import NothingFound
from edge.preprocess import prepare
from export.corruptions import CONDITIONS, Condition, at_model_size, corrupt
from train.samples import Samples, split

BATCH_BYTES = 64_000_000
"""Of tensors in memory at a time."""

Predict = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""float32 (n, height, width, channels) -> logits (n, classes)."""


@dataclass(frozen=True)
class Reference:
    """Test pictures, what they show, and what the float model says of them."""

    labels: tuple[str, ...]
    targets: NDArray[np.int64]
    """(n,) true classes."""
    logits: NDArray[np.float32]
    """(n, classes); NaN where nothing was found in the picture."""
    part: NDArray[np.int64]
    """(m,) sorted indices of the pictures that are also corrupted and given to other kernels."""
    conditions: tuple[Condition, ...]
    corrupted: NDArray[np.float32]
    """(conditions, m, classes) logits."""


def ask_float(
    predict: Predict, labels: tuple[str, ...], test: Samples, spec: Input, part: NDArray[np.int64]
) -> Reference:
    """Lets the float model answer what the candidates will be asked."""
    own = [at_model_size(test.frames[int(index)], spec) for index in part]
    bad = (
        corrupt(frame, condition, seed)
        for condition in CONDITIONS
        for frame, seed in zip(own, part.tolist(), strict=True)
    )
    logits = logits_of(predict, chain(test, bad), spec, len(labels))
    clean, corrupted = np.split(logits, [len(test)])
    shape = (len(CONDITIONS), len(part), len(labels))
    return Reference(labels, test.targets, clean, part, CONDITIONS, corrupted.reshape(shape))


def choose_part(targets: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """(m,) sorted indices of at most `count` pictures, as many of each class as it has a share."""
    if count >= len(targets):
        return np.arange(len(targets))
    return split(targets, count / len(targets), seed=1)[1]


def pixel_range(spec: Input) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """float32 (channels,) each: what black and white become on the way to the model."""
    mean = np.asarray(spec.preprocess.mean, np.float32)
    std = np.asarray(spec.preprocess.std, np.float32)
    return -mean / std, (255 - mean) / std


def logits_of(
    predict: Predict, frames: Iterable[NDArray[np.uint8]], spec: Input, classes: int
) -> NDArray[np.float32]:
    """(n, classes) of any number of frames, a batch in memory at a time; NaN for nothing found."""
    whole = [np.zeros((0, classes), np.float32)]
    tensors = _tensors(frames, spec)
    count = max(1, BATCH_BYTES // (4 * spec.height * spec.width * spec.channels))
    while batch := list(islice(tensors, count)):
        logits = predict(np.stack(batch))
        logits[[not np.isfinite(tensor).all() for tensor in batch]] = np.nan
        whole.append(logits)
    return np.concatenate(whole)


def _tensors(frames: Iterable[NDArray[np.uint8]], spec: Input) -> Iterator[NDArray[np.float32]]:
    for frame in frames:
        try:
            yield prepare(frame, spec)
        except NothingFound:
            yield np.full(spec.shape, np.nan, np.float32)
