"""The training loop: fit a recipe on a data set, keep the best epoch, survive an interruption."""

from __future__ import annotations

import json
import math
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from edge.files import write_atomic
from train.augment import shift
from train.networks import build_network
from train.plots import plot_curves
from train.progress import EpochProgress
from train.recipes import Recipe
from train.runs import MODEL, SCHEMA, RunRecord, Split, run_id, write_record, write_split
from train.samples import Dataset, split
from train.versions import versions


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Shuffled, augmented batches; what an epoch holds depends on seed and epoch alone."""

    def __init__(
        self,
        inputs: NDArray[np.float32],
        targets: NDArray[np.int64],
        recipe: Recipe,
        seed: int,
        epoch: int,
    ) -> None:
        super().__init__()
        self.inputs, self.targets = inputs, targets
        self.recipe, self.seed, self.epoch = recipe, seed, epoch
        self._shuffle()

    def __len__(self) -> int:
        return math.ceil(len(self.targets) / self.recipe.batch_size)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        size = self.recipe.batch_size
        chosen = self.order[index * size : (index + 1) * size]
        rng = np.random.default_rng((self.seed, self.epoch, index))
        return shift(self.inputs[chosen], self.recipe.shift_pixels, rng), self.targets[chosen]

    def on_epoch_end(self) -> None:
        self.epoch += 1
        self._shuffle()

    def _shuffle(self) -> None:
        rng = np.random.default_rng((self.seed, self.epoch))
        self.order = rng.permutation(len(self.targets))


@dataclass
class Progress:
    """checkpoint.json: where an unfinished training stands."""

    id: str
    epoch: int = 0
    """Epochs finished."""
    best_epoch: int = 0
    history: dict[str, list[float]] = field(default_factory=dict)
    seconds: float = 0.0


class Checkpoints(keras.callbacks.Callback):  # type: ignore[misc]
    """After each epoch: the whole state for a restart, and the weights when they are the best.

    The state file names the weights file, so the two never disagree, whenever power fails.
    """

    def __init__(self, folder: Path, progress: Progress) -> None:
        super().__init__()
        self.folder, self.progress = folder, progress
        self.began_s = time.monotonic() - progress.seconds

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        progress = self.progress
        for name, value in (logs or {}).items():
            if name != "learning_rate":
                progress.history.setdefault(name, []).append(float(value))
        progress.epoch = epoch + 1
        progress.seconds = time.monotonic() - self.began_s
        before = self._files()
        self.model.save(self.folder / f"epoch-{progress.epoch}.keras")
        if self._is_best():
            progress.best_epoch = progress.epoch
            self.model.save(self.folder / f"best-{progress.epoch}.keras")
        write_atomic(self.folder / "checkpoint.json", json.dumps(vars(progress)).encode())
        keep = {f"epoch-{progress.epoch}.keras", f"best-{progress.best_epoch}.keras"}
        for path in before:
            if path.name not in keep:
                path.unlink(missing_ok=True)

    def _is_best(self) -> bool:
        accuracy, loss = (self.progress.history[name] for name in ("val_accuracy", "val_loss"))
        rank = [(a, -b) for a, b in zip(accuracy, loss, strict=True)]
        return rank[-1] >= max(rank)

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("*.keras"))


def train_model(
    dataset: Dataset,
    source: str,
    recipe: Recipe,
    folder: Path,
    seed: int,
    resume: bool,
) -> RunRecord:
    """Fits a model and writes the run folder; nothing in it changes before the fit is done.

    source: the data set as the user named it, for run.json.
    resume: continue an interrupted training of the same data, recipe and seed.

    Returns:
        What run.json holds.
    """
    keras.utils.set_random_seed(seed)
    name = folder.name
    indices = Split(*split(dataset.train.targets, recipe.validation_fraction, seed))
    prints = (dataset.train.fingerprint(), dataset.test.fingerprint(), indices.fingerprint())
    progress = Progress(run_id(name, recipe, seed, *prints))
    checkpoints = folder / "checkpoint"
    if resume:
        progress = _stored_progress(checkpoints, progress.id) or progress
    checkpoints.mkdir(parents=True, exist_ok=True)

    train, validation = dataset.train.take(indices.train), dataset.train.take(indices.validation)
    batches = Batches(
        train.tensors(dataset.input), train.targets, recipe, seed, epoch=progress.epoch
    )
    epochs = max(recipe.epochs, math.ceil(recipe.min_steps / len(batches)))
    if progress.epoch:
        print(f"resuming {name} behind epoch {progress.epoch} of {epochs}", file=sys.stderr)
        model = keras.models.load_model(checkpoints / f"epoch-{progress.epoch}.keras")
    else:
        model = _fresh_model(recipe, dataset, steps=epochs * len(batches))
    model.fit(
        batches,
        validation_data=(validation.tensors(dataset.input), validation.targets),
        epochs=epochs,
        initial_epoch=progress.epoch,
        shuffle=False,  # Batches shuffles, in an order that a restart can repeat
        verbose=0,
        callbacks=[
            Checkpoints(checkpoints, progress),
            EpochProgress(len(train), recipe.batch_size),
        ],
    )
    _save_best(checkpoints / f"best-{progress.best_epoch}.keras", recipe, dataset, folder)
    write_split(folder, indices)
    record = RunRecord(
        SCHEMA,
        progress.id,
        name,
        source,
        dataset.labels,
        dataset.input,
        recipe,
        seed,
        *prints,
        versions=versions("keras", "tensorflow", "numpy", "pillow"),
        epochs=progress.epoch,
        best_epoch=progress.best_epoch,
        history={key: tuple(values) for key, values in progress.history.items()},
        train_seconds=round(progress.seconds, 1),
    )
    write_record(folder, record)
    plot_curves(folder / "curves.png", record)
    _remove(checkpoints)
    return record


def _fresh_model(recipe: Recipe, dataset: Dataset, steps: int) -> Any:
    """A compiled network whose learning rate is planned for `steps` batches."""
    model = build_network(recipe, dataset.input, len(dataset.labels))
    rate: Any = recipe.learning_rate
    if recipe.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(recipe.learning_rate, steps)
    optimizers = {"sgd": keras.optimizers.SGD, "adam": keras.optimizers.Adam}
    model.compile(
        optimizers[recipe.optimizer](rate),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def _stored_progress(checkpoints: Path, expected_id: str) -> Progress | None:
    try:
        progress = Progress(**json.loads((checkpoints / "checkpoint.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None
    if not (checkpoints / f"epoch-{progress.epoch}.keras").is_file():
        return None
    if progress.id != expected_id:
        print(f"{checkpoints} is of another training; starting afresh", file=sys.stderr)
        return None
    return progress


def _save_best(best: Path, recipe: Recipe, dataset: Dataset, folder: Path) -> None:
    """Writes model.keras without the optimizer's state, which triples its size."""
    model = build_network(recipe, dataset.input, len(dataset.labels))
    model.set_weights(keras.models.load_model(best).get_weights())
    whole = best.with_name(MODEL)
    keras.saving.save_model(model, whole)
    whole.replace(folder / MODEL)


def _remove(checkpoints: Path) -> None:
    for path in checkpoints.iterdir():
        path.unlink()
    checkpoints.rmdir()
