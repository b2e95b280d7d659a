"""Teachers: runs that are fitted already, whose answers another training learns from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from edge.contract import Input
from edge.errors import UsageError
from edge.strict import Mismatch, from_dict
from train.networks import build_network
from train.recipes import Recipe
from train.runs import RECORD, Split, find_run


def check_teachers(
    names: Sequence[str], spec: Input, labels: tuple[str, ...], indices: Split
) -> list[str]:
    """The ids of the runs with these names, checked to be of use to a training.

    indices: the training's. A teacher that has fitted what the training validates on would let it
        look better than it is.

    Raises:
        UsageError: no such run, or one of another input, other classes or another split.
        ModelError: a run that cannot be read.
    """
    ids = []
    for name in names:
        record = find_run(name).record
        if (record.input, record.labels) != (spec, labels):
            raise UsageError(f"teacher {name}: expected the same input and classes, got others")
        if record.split_sha256 != indices.fingerprint():
            raise UsageError(
                f"teacher {name}: expected the same split of the training data, got another; give "
                "both the same seed and validation_fraction"
            )
        ids.append(record.id)
    return ids


def load_teacher(name: str) -> Any:
    """The network of a run, in the precision that Keras is set to.

    Raises:
        UsageError: the run was not made by a recipe of today's.
    """
    run = find_run(name)
    try:
        recipe = from_dict(Recipe, {**(run.record.recipe or {}), "weights": "none"}, RECORD)
    except Mismatch as error:
        raise UsageError(f"teacher {name}: {error}") from None
    network = build_network(recipe, run.record.input, len(run.record.labels))
    network.set_weights(keras.saving.load_model(run.model_path, compile=False).get_weights())
    return network
