"""The data of a run, checked to be what it was trained on."""

from __future__ import annotations

from pathlib import Path

from edge.errors import UsageError
from train.datasets import load_dataset
from train.runs import Run
from train.samples import Dataset, relabel


def load_run_data(run: Run, data_dir: Path | None) -> Dataset:
    """The data set of a run, checked to be the very same.

    Raises:
        UsageError: a folder changed since the training.
    """
    dataset = load_dataset(run.record.dataset, data_dir)
    if sorted(dataset.labels) == sorted(run.record.labels):
        # A model from elsewhere has an order of its own.
        dataset = relabel(dataset, run.record.labels)
    check_run_data(run, dataset)
    return dataset


def check_run_data(run: Run, dataset: Dataset) -> None:
    """Refuses another data set than the run's.

    Raises:
        UsageError: pictures, targets or labels differ.
    """
    record = run.record
    got = (dataset.train.fingerprint(), dataset.test.fingerprint())
    if dataset.labels != record.labels or got != (record.train_sha256, record.test_sha256):
        raise UsageError(
            f"{record.dataset} is not the data that {run.folder} was trained on (its pictures or "
            "classes changed since); train again"
        )
