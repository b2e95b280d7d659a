"""What happens at the end of each epoch: validate, log, keep the best, put everything aside."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import keras
import numpy as np
from numpy.typing import NDArray

from train.checkpoint import Checkpoint, Progress
from train.recipes import Recipe
from train.trainer import Trainer

Save = Callable[[Checkpoint], None]


class EachEpoch(keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps a training's progress; after `on_epoch_end` all of the epoch is on disk."""

    def __init__(
        self,
        trainer: Trainer,
        start: Checkpoint,
        validation: tuple[NDArray[np.uint8], NDArray[np.int64]] | None,
        save: Save,
    ) -> None:
        """
        validation: pixels uint8 (n, height, width, channels) and targets (n,); none when the
            number of epochs is settled and every picture is fitted.
        """
        super().__init__()
        self.trainer, self.validation, self.save = trainer, validation, save
        self.progress, self.best = start.progress, start.best
        self.began_s = time.monotonic() - start.progress.seconds

    @property
    def is_over(self) -> bool:
        """Whether the recipe ends the training here."""
        return self.validation is not None and should_stop(self.progress, self.trainer.recipe)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        logs = logs if logs is not None else {}
        weights = self.trainer.kept_weights()
        progress = replace(self.progress, epoch=epoch + 1)
        if self.validation is not None:
            pixels, targets = self.validation
            logs |= score(self.trainer.answer(weights, pixels), targets)
            progress.history = _with(self.progress.history, logs)
            if is_best(progress.history):
                progress.best_epoch, self.best = progress.epoch, weights
        else:
            self.best = weights
        progress.seconds = round(time.monotonic() - self.began_s, 1)
        self.progress = progress
        self.save(Checkpoint(progress, self.trainer.state(), self.best))
        if self.is_over:
            self.model.stop_training = True


def score(logits: NDArray[np.float32], targets: NDArray[np.int64]) -> dict[str, float]:
    """Mean negative log likelihood and accuracy, a fraction."""
    wide = logits.astype(np.float64)
    top = wide.max(axis=1, keepdims=True)
    total = np.log(np.exp(wide - top).sum(axis=1)) + top[:, 0]
    right = wide[np.arange(len(targets)), targets]
    return {
        "val_loss": float(np.mean(total - right)),
        "val_accuracy": float(np.mean(wide.argmax(axis=1) == targets)),
    }


def is_best(history: Mapping[str, Sequence[float]]) -> bool:
    """Whether the last epoch has the best validation accuracy, the smaller loss among equals."""
    ranks = [
        (accuracy, -loss)
        for accuracy, loss in zip(history["val_accuracy"], history["val_loss"], strict=True)
    ]
    return ranks[-1] >= max(ranks)


def should_stop(progress: Progress, recipe: Recipe) -> bool:
    """Whether the validation loss has failed to fall by `min_delta` for `patience` epochs."""
    best, waited = float("inf"), 0
    for loss in progress.history.get("val_loss", ()):
        waited += 1
        if loss < best - recipe.min_delta:
            best, waited = loss, 0
    return bool(recipe.patience) and waited >= recipe.patience


def _with(
    history: Mapping[str, tuple[float, ...]], logs: Mapping[str, float]
) -> dict[str, tuple[float, ...]]:
    names = ("loss", "accuracy", "val_loss", "val_accuracy")
    return {name: (*history.get(name, ()), float(logs[name])) for name in names}
