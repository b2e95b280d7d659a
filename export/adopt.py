"""A Keras model from elsewhere and a folder of pictures become a run that can be gated."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from edge.adopt.pixels import PIXELS
from edge.contract import Input, Preprocess, fitting_name
from edge.errors import ModelError, UsageError
from export.progress import say
from export.reference import logits_of
from export.source import float_logits, open_keras, without_softmax
from train.confidence import fit_confidence
from train.datasets import load_dataset
from train.runs import MODEL, RECORD, SCHEMA, RunRecord, Split, find_run, write_record, write_split
from train.samples import Dataset, relabel, split
from train.versions import versions

VALIDATION_FRACTION = 0.2
"""Of the training pictures: confidence is fitted on them, and a repair tried."""
SEED = 1


@dataclass(frozen=True)
class Statement:
    """What a .keras file does not say of itself."""

    pixels: str | None
    """A key of PIXELS; none: 0..255 when the model rescales them itself, else 0..1."""
    fit: Literal["crop", "letterbox", "stretch"]
    labels: tuple[str, ...] | None
    """In the order of the outputs; none: the class folders by name."""


def adopt(model_path: Path, folder: Path, said: Statement, runs: Path) -> Path:
    """Writes the run folder of a model that was trained elsewhere; returns it.

    folder: class folders, or train/ and test/ with class folders in each.

    Raises:
        ModelError: the model does not load, or is no classifier of pictures.
        UsageError: the folder, the labels and the model do not fit each other, or a run of the
            same name was trained by edgeproof.
    """
    name = fitting_name(model_path.stem)
    if not (folder / "test").is_dir():
        say(
            f"{folder} has no train/ and test/: a fifth of it is set apart; if the model was "
            "trained on those pictures, the accuracies flatter it"
        )
    dataset = load_dataset(str(folder.resolve()))
    if said.labels is not None:
        dataset = _in_order(dataset, said.labels)
    model = without_softmax(open_keras(model_path), model_path)
    spec = _input(model, said, model_path)
    outputs = model.output_shape[-1]
    if outputs != len(dataset.labels):
        raise UsageError(
            f"{model_path} has {outputs} outputs, and {folder} has {len(dataset.labels)} class "
            f"folders: {', '.join(dataset.labels)}"
        )
    train = dataset.train
    indices = Split(*split(train.targets, VALIDATION_FRACTION, SEED, train.groups))
    prints = (dataset.train.fingerprint(), dataset.test.fingerprint(), indices.fingerprint())
    validation = dataset.train.take(indices.validation)
    logits = logits_of(partial(float_logits, model), validation, spec, outputs)
    content = hashlib.sha256(model_path.read_bytes())
    content.update(json.dumps([*prints, repr(spec), dataset.labels]).encode())
    record = RunRecord(
        SCHEMA,
        f"{name}-{content.hexdigest()[:12]}",
        name,
        str(folder.resolve()),
        dataset.labels,
        spec,
        None,
        SEED,
        *prints,
        versions=versions("keras", "tensorflow", "numpy", "pillow"),
        epochs=0,
        best_epoch=0,
        history={},
        train_seconds=0.0,
        confidence=fit_confidence(logits, validation.targets),
    )
    run = runs / name
    _refuse_trained(run)
    run.mkdir(parents=True, exist_ok=True)
    model.save(run / MODEL)
    write_split(run, indices)
    write_record(run, record)
    return run


def _in_order(dataset: Dataset, labels: tuple[str, ...]) -> Dataset:
    if sorted(labels) != sorted(dataset.labels):
        raise UsageError(
            f"expected the labels of the class folders, {', '.join(dataset.labels)}, "
            f"got {', '.join(labels)}"
        )
    return relabel(dataset, labels)


def _input(model: Any, said: Statement, path: Path) -> Input:
    shape = model.input_shape[1:]
    if len(shape) != 3 or shape[2] not in (1, 3) or None in shape:
        raise ModelError(
            f"{path}: expected a model for pictures (height, width, 1 or 3), got input {shape}"
        )
    pixels = said.pixels or ("0..255" if _rescales(model) else "0..1")
    say(f"{path}: pictures are fitted by {said.fit!r}, pixels are {pixels} (--fit, --pixels)")
    mean, std = (values[: shape[2]] for values in PIXELS[pixels])
    color: Literal["gray", "rgb"] = "gray" if shape[2] == 1 else "rgb"
    return Input(shape[0], shape[1], color, Preprocess("photo", mean, std, said.fit))


def _rescales(model: Any) -> bool:
    """Whether one of the first layers, nested ones included, brings pixels to its own range."""
    names = [type(layer).__name__ for layer in model._flatten_layers()]
    return bool({"Rescaling", "Normalization"} & set(names[:8]))


def _refuse_trained(folder: Path) -> None:
    """An earlier state of the same file may be replaced; what edgeproof trained may not."""
    if (folder / RECORD).exists() and find_run(str(folder)).record.recipe is not None:
        raise UsageError(f"{folder} holds a model that edgeproof trained; rename yours")
