"""Progress of a training on stderr: a bar on a terminal, a line an epoch in a log."""

from __future__ import annotations

import sys
import time
from typing import Any

import keras
from tqdm import tqdm


def say(text: str) -> None:
    """One line on stderr, at once."""
    print(text, file=sys.stderr, flush=True)


class EpochProgress(keras.callbacks.Callback):  # type: ignore[misc]
    """Pictures a second and time left within the epoch; then its figures and what is left of all.

    To be called behind whoever puts the validation's figures into the logs.
    """

    def __init__(self, batches: int, batch_size: int) -> None:
        super().__init__()
        self.batches, self.batch_size = batches, batch_size
        self.bar: Any = None
        self.began_s = self.fitted_s = 0.0
        self.epochs_s: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.began_s = time.monotonic()
        self.bar = tqdm(
            total=self.batches * self.batch_size,
            unit=" pictures",
            desc=f"epoch {epoch + 1}",
            leave=False,
            disable=not sys.stderr.isatty(),
        )

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self.fitted_s = time.monotonic() - self.began_s
        done = min(batch + 1, self.batches) * self.batch_size  # the last step of several
        self.bar.update(done - self.bar.n)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.bar.close()
        logs = logs or {}
        self.epochs_s.append(time.monotonic() - self.began_s)
        # The first epoch also compiles.
        usual_s = sorted(self.epochs_s)[len(self.epochs_s) // 2]
        left_s = (self.params["epochs"] - epoch - 1) * usual_s
        figures = [f"epoch {epoch + 1}/{self.params['epochs']}: loss {logs['loss']:.4f}"]
        if "val_loss" in logs:
            figures.append(f"validation loss {logs['val_loss']:.4f}")
            figures.append(f"validation accuracy {100 * logs['val_accuracy']:.2f} %")
        rate = self.batches * self.batch_size / max(self.fitted_s, 1e-9)
        figures += [f"{rate:.0f} pictures/s", f"{tqdm.format_interval(left_s)} left"]
        say(", ".join(figures))
