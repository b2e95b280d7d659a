"""Calibration pictures: from the training split alone, class-balanced, seeded, on record."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.errors import UsageError
from train.samples import Samples

COUNT = 500
"""Pictures in all; ranges settle at a few hundred (TensorFlow's guide says 100 to 500)."""


def choose_calibration(
    targets: NDArray[np.int64], allowed: NDArray[np.int64], count: int, seed: int
) -> NDArray[np.int64]:
    """Sorted indices of the calibration pictures, the same number of each class.

    targets: (n,) of the whole training data.
    allowed: indices that were fitted; validation stays out.
    count: in all; a class with too few gives all that it has.
    """
    rng = np.random.default_rng(seed)
    classes = np.unique(targets[allowed])
    each = max(1, count // len(classes))
    chosen = [rng.permutation(allowed[targets[allowed] == target])[:each] for target in classes]
    return np.sort(np.concatenate(chosen))


def check_apart(calibration: Samples, test: Samples) -> None:
    """Refuses calibration pictures that the gate will judge by.

    Raises:
        UsageError: the same pixels are in both.
    """
    shared = set(calibration.digests()) & set(test.digests())
    if shared:
        raise UsageError(
            f"{len(shared)} calibration pictures are also test pictures: the gate would judge the "
            "model by what it was tuned on; remove the copies from one of the splits"
        )
