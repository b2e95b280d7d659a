"""Pictures of a training: the curves of loss and accuracy."""

from __future__ import annotations

import io
from pathlib import Path

from edge.files import write_atomic
from train.runs import RunRecord


def plot_curves(path: Path, record: RunRecord) -> None:
    """Writes a PNG: loss and accuracy by epoch, fitted and validation, the kept epoch marked."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    epochs = range(1, record.epochs + 1)
    for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        axes.plot(epochs, record.history[name], label="training")
        axes.plot(epochs, record.history[f"val_{name}"], label="validation")
        axes.axvline(record.best_epoch, color="gray", linewidth=0.8, linestyle="--")
        axes.set(xlabel="epoch", title=name)
        axes.legend()
    figure.suptitle(f"{record.name}: epoch {record.best_epoch} of {record.epochs} is kept")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    write_atomic(path, buffer.getvalue())
