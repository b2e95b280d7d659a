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
    digests: tuple[bytes, ...] | None = None
    """Of each picture's frame, as `digest` gives it, where a scan has seen them."""

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        return decode_file(self.paths[index])

    def take(self, indices: NDArray[np.int64]) -> PictureFiles:
        chosen = [int(index) for index in indices]
        known = self.digests and tuple(self.digests[index] for index in chosen)
        return PictureFiles(tuple(self.paths[index] for index in chosen), known)


@dataclass(frozen=True)
class Samples:
    """Frames and what they show."""

    frames: NDArray[np.uint8] | PictureFiles
    """uint8 (n, H, W) gray in one array, or files."""
    targets: NDArray[np.int64]
    """(n,) index into the data set's labels."""
    groups: NDArray[np.int64] | None = None
    """(n,) samples of one group are near copies, which no split may part; none: no two are."""

    def __len__(self) -> int:
        return len(self.targets)

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        return (self.frames[index] for index in range(len(self)))

    def take(self, indices: NDArray[np.int64]) -> Samples:
        """The samples at `indices`, in that order."""
        groups = None if self.groups is None else self.groups[indices]
        if isinstance(self.frames, PictureFiles):
            return Samples(self.frames.take(indices), self.targets[indices], groups)
        return Samples(self.frames[indices], self.targets[indices], groups)

    def tensors(self, spec: Input) -> NDArray[np.float32]:
        """Model inputs, float32 (n, height, width, channels), by the edge's own preprocessing."""
        tensors = np.empty((len(self), *spec.shape), np.float32)
        for index, frame in enumerate(self):
            tensors[index] = prepare(frame, spec)
        return tensors

    def digests(self) -> list[bytes]:
        """SHA-256 of each frame's shape and pixels: the same picture has the same digest."""
        if isinstance(self.frames, PictureFiles) and self.frames.digests is not None:
            return list(self.frames.digests)
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
    whole = hashlib.sha256(repr(frame.shape).encode())
    whole.update(np.ascontiguousarray(frame).data)
    return whole.digest()


def split(
    targets: NDArray[np.int64],
    fraction: float,
    seed: int,
    groups: NDArray[np.int64] | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Stratified, seeded split: sorted indices (rest, held out).

    Each class gives `fraction` of itself, rounded, but at least one and never its last one.
    groups: (n,) samples of one group stay together. A class then gives at most that many, keeps
    two groups where it has three, and where no group is small enough gives its smallest one. A
    class that is one single group gives none.
    """
    rng = np.random.default_rng(seed)
    owners = np.arange(len(targets)) if groups is None else groups
    classes, group_of = (np.unique(one, return_inverse=True)[1] for one in (targets, owners))
    table = np.zeros((group_of.max() + 1, classes.max() + 1), np.int64)
    np.add.at(table, (group_of, classes), 1)  # samples of each class in each group
    whole, scenes = table.sum(0), (table > 0).sum(0)
    wanted = np.minimum(np.maximum(1, np.round(whole * fraction)), whole - 1)
    keep = 1 if groups is None else 2  # of groups, one is for training and one for validation
    left = np.stack([wanted, np.maximum(np.minimum(1, scenes - 1), scenes - keep)])
    held_out = np.zeros(len(table), bool)
    for one in range(table.shape[1]):
        order = rng.permutation(np.flatnonzero(table[:, one]))
        for group in order:
            cost = np.stack([table[group], table[group] > 0])
            if not left[:, one].all():
                break
            if not held_out[group] and (cost <= left).all():
                held_out[group] = True
                left -= cost
        if not held_out[order].any():
            stays = (table[~held_out] > 0).sum(0) > 1
            able = [group for group in order if stays[table[group] > 0].all()]
            held_out[sorted(able, key=lambda group: table[group].sum())[:1]] = True
    chosen = held_out[group_of]
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)
