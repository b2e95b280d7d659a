"""Batches: which pictures a step sees and how they are varied, decided by seed and epoch alone."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from train.augment import Augment, draw_bends, draw_erasures, draw_lights, draw_moves, draw_pens

Batch = tuple[dict[str, NDArray[Any]], NDArray[np.float32], NDArray[np.float32]]
"""Inputs by name, one-hot targets (n, classes), weights (n,)."""


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """An epoch of shuffled, augmented batches; which one, `begin` says.

    Every batch is full, so that nothing is compiled twice and workers share it evenly: the last
    one of an epoch is filled up with pictures from the epoch's beginning.
    """

    def __init__(
        self,
        pixels: NDArray[np.uint8],
        chosen: NDArray[np.int64],
        targets: NDArray[np.float32],
        *,
        batch_size: int,
        augment: Augment,
        seed: int,
        is_resident: bool = True,
        share: tuple[int, int] = (0, 1),
        weights: NDArray[np.float32] | None = None,
        others: NDArray[np.int64] | None = None,
        others_each: int = 0,
        twins: NDArray[np.int64] | None = None,
        twin_share: float = 0.0,
        rounds: int = 0,
    ) -> None:
        """
        pixels: uint8 (n, height, width, channels), all pictures of the data set.
        chosen: indices of those that are fitted.
        targets: float32 (n, classes), one-hot, of all pictures.
        is_resident: the pictures are on the device already, and a batch names them by index.
        share: worker k of n, whose part of each batch this is.
        weights: (n,) of all pictures; none: 1.
        others: indices of further pictures, of which each epoch sees `others_each` drawn ones.
        twins: (n,) the index of each picture's other look, its own where it has none; so many of
            an epoch's pictures, `twin_share`, are seen in that.
        rounds: so many epochs differ, and then the first one comes again; 0: all differ.
        """
        super().__init__()
        self.pixels, self.chosen, self.targets = pixels, chosen, targets
        self.augment, self.seed = augment, seed
        self.is_resident = is_resident
        self.weights = np.ones(len(targets), np.float32) if weights is None else weights
        self.others, self.others_each = others, others_each
        self.twins, self.twin_share = twins, twin_share
        self.rounds = rounds
        self.taught: NDArray[np.float16] | None = None
        """(rounds, batches, pictures in a batch, classes): what teachers say to each."""
        worker, workers = share
        self.batch_size = min(batch_size, len(chosen) + others_each)
        if self.batch_size % workers:
            self.batch_size += workers - self.batch_size % workers
        each = self.batch_size // workers
        self.mine = slice(worker * each, (worker + 1) * each)
        self.begin(0)

    def __len__(self) -> int:
        return math.ceil((len(self.chosen) + self.others_each) / self.batch_size)

    def __getitem__(self, index: int) -> Batch:
        at = np.arange(index * self.batch_size, (index + 1) * self.batch_size) % len(self.order)
        rows = self.order[at][self.mine]
        if self.is_resident:
            inputs: dict[str, NDArray[Any]] = {"index": rows.astype(np.int32)}
        else:
            inputs = {"pixels": self.pixels[rows]}
        # Drawn for the whole batch, whoever's part this is.
        rng = np.random.default_rng((self.seed, self.epoch, index))
        count, side = self.batch_size, (self.pixels.shape[1], self.pixels.shape[2])
        if self.augment.moves:
            moves = draw_moves(self.augment, count, side, rng)
            inputs["moves"] = moves[self.mine]
            if self.augment.bend:
                inputs["bends"] = draw_bends(self.augment, moves, side, rng)[self.mine]
        if self.augment.lights:
            inputs["lights"] = draw_lights(self.augment, count, rng)[self.mine]
        if self.augment.draws:
            inputs["pens"] = draw_pens(self.augment, count, rng)[self.mine]
        if self.augment.erase:
            inputs["erasures"] = draw_erasures(self.augment, count, side, rng)[self.mine]
        if self.taught is not None:
            inputs["taught"] = self.taught[self.epoch, index].astype(np.float32)
        return inputs, self.targets[rows], self.weights[rows]

    def begin(self, epoch: int) -> None:
        """Makes the next batches those of an epoch, counted from 0."""
        self.epoch = epoch % self.rounds if self.rounds else epoch
        rng = np.random.default_rng((self.seed, self.epoch))
        chosen = self.chosen
        if self.others is not None and self.others_each:
            some = rng.choice(self.others, self.others_each, replace=False)
            chosen = np.concatenate([chosen, some])
        self.order = chosen[rng.permutation(len(chosen))]
        if self.twins is not None:
            is_other = rng.random(len(self.order)) < self.twin_share
            self.order = np.where(is_other, self.twins[self.order], self.order)


def class_weights(targets: NDArray[np.int64], classes: int) -> NDArray[np.float32]:
    """(n,) weights with which each class counts the same; their mean is 1."""
    counts = np.bincount(targets, minlength=classes)
    present = np.count_nonzero(counts)
    each = len(targets) / (present * np.maximum(counts, 1))
    return np.asarray(each[targets], np.float32)
