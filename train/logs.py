"""A training's figures by epoch: log.csv for everybody, and TensorBoard's files."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edge.files import write_atomic

CSV = "log.csv"
TENSORBOARD = "tensorboard"


def write_csv(path: Path, history: Mapping[str, Sequence[float]]) -> None:
    """One row an epoch, written whole each time: a restart leaves no row twice."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["epoch", *history])
    for epoch, values in enumerate(zip(*history.values(), strict=True), start=1):
        rows.writerow([epoch, *(f"{value:.6g}" for value in values)])
    write_atomic(path, text.getvalue().encode())


class EventFiles:
    """Writes TensorBoard's event files, through its own package's writer."""

    def __init__(self, folder: Path) -> None:
        try:
            from tensorboard.summary import Writer
        except ImportError:
            self._writer: Any = None
        else:
            self._writer = Writer(str(folder))

    def add(self, epoch: int, figures: Mapping[str, float]) -> None:
        """epoch: counted from 1."""
        if self._writer is not None:
            for name, value in figures.items():
                self._writer.add_scalar(name, value, epoch)
            self._writer.flush()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
