"""Labelled frames: what every data set is made of, and how they are split and fingerprinted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.contract import Input
from edge.preprocess import prepare
from edge.sources.picture import decode_file


@dataclass(frozen=True)
class PictureFiles:
    """Picture files as frames, each decoded when asked for: uint8 (H, W, 3) or (H, W)."""

    paths: tuple[Path, ...]

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        return decode_file(self.paths[index])

    def take(self, indices: NDArray[np.int64]) -> PictureFiles:
        return PictureFiles(tuple(self.paths[int(index)] for index in indices))


@dataclass(frozen=True)
class Samples:
    """Frames and what they show."""

    frames: NDArray[np.uint8] | PictureFiles
    """uint8 (n, H, W) gray in one array, or files."""
    targets: NDArray[np.int64]
    """(n,) index into the data set's labels."""

    def __len__(self) -> int:
        return len(self.targets)

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        return (self.frames[index] for index in range(len(self)))

    def take(self, indices: NDArray[np.int64]) -> Samples:
        """The samples at `indices`, in that order."""
        if isinstance(self.frames, PictureFiles):
            return Samples(self.frames.take(indices), self.targets[indices])
        return Samples(self.frames[indices], self.targets[indices])

    def tensors(self, spec: Input) -> NDArray[np.float32]:
        """Model inputs, float32 (n, height, width, channels), by the edge's own preprocessing."""
        tensors = np.empty((len(self), *spec.shape), np.float32)
        for index, frame in enumerate(self):
            tensors[index] = prepare(frame, spec)
        return tensors

    def digests(self) -> list[bytes]:
        """SHA-256 of each frame's shape and pixels: the same picture has the same digest."""
        return [digest(frame) for frame in self]

    def fingerprint(self) -> str:
        """SHA-256 over all frames and targets, in order."""
        whole = hashlib.sha256(self.targets.astype("<i8").tobytes())
        for one in self.digests():
            whole.update(one)
        return whole.hexdigest()


@dataclass(frozen=True)
class Dataset:
    """A data set with its test split set apart, and the input that its models take."""

    name: str
    labels: tuple[str, ...]
    input: Input
    train: Samples
    """For fitting, validation and calibration."""
    test: Samples
    """For the gate alone, once per candidate."""


def relabel(dataset: Dataset, labels: tuple[str, ...]) -> Dataset:
    """The same data with the labels in another order.

    labels: the data set's own, each once.
    """
    where = np.array([labels.index(label) for label in dataset.labels], np.int64)
    return replace(
        dataset,
        labels=labels,
        train=replace(dataset.train, targets=where[dataset.train.targets]),
        test=replace(dataset.test, targets=where[dataset.test.targets]),
    )


def digest(frame: NDArray[np.uint8]) -> bytes:
    """SHA-256 of one frame's shape and pixels."""
    return hashlib.sha256(repr(frame.shape).encode() + frame.tobytes()).digest()


def split(
    targets: NDArray[np.int64], fraction: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Stratified, seeded split: sorted indices (rest, held out).

    Each class gives `fraction` of itself, rounded, but at least one and never its last one.
    """
    rng = np.random.default_rng(seed)
    held_out = []
    for target in np.unique(targets):
        members = rng.permutation(np.flatnonzero(targets == target))
        count = min(max(1, round(len(members) * fraction)), len(members) - 1)
        held_out.append(members[:count])
    chosen = np.sort(np.concatenate(held_out))
    rest = np.setdiff1d(np.arange(len(targets)), chosen)
    return rest, chosen
