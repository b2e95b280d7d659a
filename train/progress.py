"""Progress of a training on stderr: a bar on a terminal, a line an epoch in a log."""

from __future__ import annotations

import sys
import time
from typing import Any

import keras
from tqdm import tqdm


class EpochProgress(keras.callbacks.Callback):  # type: ignore[misc]
    """Pictures a second and time left within the epoch, then the epoch's figures."""

    def __init__(self, pictures: int, batch_size: int) -> None:
        super().__init__()
        self.pictures, self.batch_size = pictures, batch_size
        self.bar: Any = None
        self.began_s = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.began_s = time.monotonic()
        self.bar = tqdm(
            total=self.pictures, unit=" pictures", leave=False, disable=not sys.stderr.isatty()
        )

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self.bar.update(min(self.batch_size, self.pictures - self.bar.n))

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.bar.close()
        logs = logs or {}
        rate = self.pictures / max(time.monotonic() - self.began_s, 1e-9)
        print(
            f"epoch {epoch + 1}/{self.params['epochs']}: loss {logs['loss']:.4f}, "
            f"validation loss {logs['val_loss']:.4f}, validation accuracy "
            f"{100 * logs['val_accuracy']:.2f} %, {rate:.0f} pictures/s",
            file=sys.stderr,
            flush=True,
        )
