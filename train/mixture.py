"""What a training is shown: a data set's pictures, their looks on paper, and outliers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from train.batches import Batches, class_weights
from train.drawn import kept
from train.outliers import IN_PIECES, draw_outliers, is_wide
from train.paper import find_on_paper
from train.trainer import RESIDENT_BYTES

if TYPE_CHECKING:
    from train.fit import Job

POOL = 3
"""Outliers drawn for each one that an epoch sees: another third of them each time."""
HELD_OUT = 2000
"""Outliers drawn to see which threshold keeps them back."""


def make_batches(job: Job, pixels: NDArray[np.uint8], chosen: NDArray[np.int64]) -> Batches:
    """The batches of a training.

    pixels: uint8 (n, height, width, channels), all pictures of the data set.
    chosen: indices of those that are fitted.
    """
    dataset, recipe = job.dataset, job.recipe
    targets, classes = dataset.train.targets, len(dataset.labels)
    truth = np.eye(classes, dtype=np.float32)[targets]
    weights = np.ones(len(targets), np.float32)
    if recipe.class_weights:
        weights = class_weights(targets, classes)
    parts, twins = [pixels], np.arange(len(pixels))
    if recipe.on_paper:
        twins[chosen] = len(pixels) + np.arange(len(chosen))
        parts.append(_on_paper(job, "on-paper", pixels[chosen]))
        truth, weights = (np.concatenate([one, one[chosen]]) for one in (truth, weights))
    each, others = round(recipe.outliers * len(chosen)), len(truth)
    if each:
        count = POOL * each
        drawn = kept(
            job.runs,
            f"outliers-{count}-{recipe.on_paper}",
            pixels[chosen],
            job.seed,
            lambda: _outliers(job, count, job.seed, pixels[chosen]),
        )
        parts.append(drawn)
        every_class = np.full((len(drawn), classes), 1 / classes, np.float32)
        truth = np.concatenate([truth, every_class])
        weights = np.concatenate([weights, np.ones(len(drawn), np.float32)])
    shown = np.concatenate(parts) if len(parts) > 1 else pixels
    return Batches(
        shown,
        chosen,
        truth,
        batch_size=recipe.batch_size,
        augment=recipe.augment,
        seed=job.seed,
        is_resident=job.machine.keeps_pictures and shown.nbytes <= RESIDENT_BYTES,
        share=(job.machine.worker, job.machine.workers),
        weights=weights,
        others=np.arange(others, len(truth)),
        others_each=each,
        twins=np.concatenate([twins, np.arange(len(twins), len(truth))])
        if recipe.on_paper
        else None,
        twin_share=recipe.on_paper,
        rounds=recipe.teacher_rounds,
    )


def validation_of(
    job: Job, pixels: NDArray[np.uint8], targets: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """What is validated: the pictures held out, and each again on paper where that is fitted."""
    if not job.recipe.on_paper:
        return pixels, targets
    found = _on_paper(job, "on-paper", pixels)
    return np.concatenate([pixels, found]), np.concatenate([targets, targets])


def unseen_outliers(job: Job, digits: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 (HELD_OUT, height, width, 1): others than are fitted, made of these digits.

    As drawn, not on paper, where the finder may bring back one digit of a row.
    """
    return draw_outliers(HELD_OUT, job.dataset.input, job.seed + 1, digits)


def _outliers(job: Job, count: int, seed: int, digits: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Outliers, of which the recipe's part was found on paper: a digit's look is no sign of one."""
    found = round(job.recipe.on_paper * count)
    drawn = draw_outliers(count - found, job.dataset.input, seed, digits)
    if not found:
        return drawn
    whole = draw_outliers(found, job.dataset.input, seed, digits, without=IN_PIECES)
    seen = find_on_paper(whole, seed)
    # Of a letter whose hair lines are lost a stem is left: an upright bar is a 1.
    is_bar = np.array([not is_wide(one[:, :, 0] > 127) for one in seen])
    seen[is_bar] = whole[is_bar]
    return np.concatenate([seen, drawn])


def _on_paper(job: Job, name: str, pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return kept(job.runs, name, pictures, job.seed, lambda: find_on_paper(pictures, job.seed))
