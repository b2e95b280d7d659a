"""What the numbers of a model from elsewhere mean: logits, or probabilities."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge.contract import PROBABILITY_TOLERANCE
from edge.errors import ModelError, UsageError
from edge.tflite.structure import Structure

Meaning = Literal["logits", "probabilities"]

SHARED, SINGLE = "SOFTMAX", "LOGISTIC"
"""Operators that give probabilities: of all classes together, or of each by itself."""


def choose_meaning(structure: Structure, said: Meaning | None) -> tuple[Meaning, str]:
    """What the outputs are, and who says so: the user, else the operator that makes them."""
    if said is not None:
        return said, "--scores"
    maker = structure.output_operator or "no operator"
    is_probability = maker in (SHARED, SINGLE)
    return ("probabilities" if is_probability else "logits"), f"{maker} makes the output"


def check_scores(
    values: NDArray[np.float32],
    meaning: Meaning,
    said: Meaning | None,
    structure: Structure,
    where: str,
) -> None:
    """Holds a meaning against what the model really answered.

    values: float32 (n, classes), dequantised.

    Raises:
        ModelError: probabilities that are none.
        UsageError: what is taken for logits looks like probabilities, and nobody said which.
    """
    step = structure.outputs[0].scale
    low, high = float(values.min()), float(values.max())
    sums = values.sum(axis=1, dtype=np.float64)
    in_range = low >= -PROBABILITY_TOLERANCE - step and high <= 1 + PROBABILITY_TOLERANCE + step
    # Each of n quantised numbers is off by up to half a step.
    adds_up = bool((np.abs(sums - 1) <= PROBABILITY_TOLERANCE + values.shape[1] * step / 2).all())
    if meaning == "probabilities" and not in_range:
        raise ModelError(
            f"{where}: expected probabilities from 0 to 1, it answers {low:.3g} to {high:.3g}: "
            "say --scores logits"
        )
    if meaning == "probabilities" and structure.output_operator == SHARED and not adds_up:
        raise ModelError(
            f"{where}: expected probabilities that add up to 1, they add up to "
            f"{sums.min():.3g} to {sums.max():.3g}"
        )
    if meaning == "logits" and said is None and in_range and adds_up and step < 1 / 64:
        raise UsageError(
            f"{where}: its answers look like probabilities, from 0 to 1 and 1 in all, and no "
            f"{SHARED} makes them: say --scores probabilities, or --scores logits"
        )
