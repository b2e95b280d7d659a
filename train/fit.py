"""A training from data set and recipe to run folder; it survives an interruption at any moment."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from edge.contract import Input, Preprocess
from train.batches import Batches
from train.checkpoint import Arrays, Checkpoint, Progress, read_checkpoint, write_checkpoint
from train.confidence import fit_confidence
from train.devices import Machine
from train.epochs import EachEpoch
from train.lessons import ask_teachers
from train.logs import CSV, TENSORBOARD, EventFiles, write_csv
from train.mixture import make_batches, unseen_outliers, validation_of
from train.networks import build_network
from train.outliers import check_kind
from train.pixels import prepare_all
from train.plots import plot_curves
from train.progress import EpochProgress, say
from train.recipes import Recipe
from train.runs import (
    MODEL,
    SCHEMA,
    Confidence,
    RunRecord,
    Split,
    run_id,
    write_record,
    write_split,
)
from train.samples import Dataset, split
from train.teachers import check_teachers
from train.trainer import Trainer, planned_epochs, recipe_of_random_weights
from train.versions import versions

CHECKPOINT, STATE = "checkpoint", "state.npz"
"""Folder within the run's, gone at its end, and the file that an interrupted training needs."""


@dataclass(frozen=True)
class Job:
    """A training that is settled: what is fitted, how, where and on what."""

    dataset: Dataset
    source: str
    """The data set as the user named it."""
    recipe: Recipe
    seed: int
    folder: Path
    machine: Machine
    indices: Split
    id: str

    @property
    def scratch(self) -> Path:
        return self.folder / CHECKPOINT

    @property
    def runs(self) -> Path:
        """Where this run lies beside others."""
        return self.folder.parent

    @property
    def is_chief(self) -> bool:
        """Whether this is the process that writes."""
        return self.machine.worker == 0


def train_model(
    dataset: Dataset,
    source: str,
    recipe: Recipe,
    folder: Path,
    seed: int,
    resume: bool,
    machine: Machine,
) -> RunRecord:
    """Fits a model and writes the run folder; no result in it changes before the fit is done.

    source: the data set as the user named it, for run.json.
    resume: continue an interrupted training of the same data, recipe and seed.

    Returns:
        What run.json holds.
    """
    dataset = replace(dataset, input=input_for(dataset.input, recipe))
    train = dataset.train
    indices = Split(*split(train.targets, recipe.validation_fraction, seed, train.groups))
    prints = (train.fingerprint(), dataset.test.fingerprint(), indices.fingerprint())
    taught_by = check_teachers(recipe.teachers, dataset.input, dataset.labels, indices)
    id = run_id(folder.name, recipe, seed, *prints, *taught_by)
    job = Job(dataset, source, recipe, seed, folder, machine, indices, id)
    checkpoint = (_stored(job) if resume else None) or Checkpoint(Progress(id), [], [])
    job.scratch.mkdir(parents=True, exist_ok=True)
    if job.is_chief and not checkpoint.state:
        shutil.rmtree(folder / TENSORBOARD, ignore_errors=True)  # of an earlier training
    # Workers may share the folder, and each makes its own.
    stored = f"pixels-{prints[0][:12]}-{dataset.input.height}-{machine.worker}.npy"
    pixels = prepare_all(train, dataset.input, job.scratch / stored)

    if not checkpoint.progress.is_refit:
        checkpoint = _fit(job, pixels, checkpoint)
    if recipe.refit:
        checkpoint = _refit(job, pixels, checkpoint)
    record = _record(job, checkpoint.progress, prints)
    if job.is_chief:
        _write_run(job, record, checkpoint.best)
        shutil.rmtree(job.scratch)
    return record


def input_for(spec: Input, recipe: Recipe) -> Input:
    """The input that the recipe's network takes of a data set's pictures.

    Photos have the size that the recipe says; MobileNet's weights expect pixels from -1 to 1.

    Raises:
        UsageError: the recipe asks for what only handwriting has.
    """
    for name in ("outliers", "on_paper"):
        if getattr(recipe, name):
            check_kind(spec, name)
    if spec.preprocess.kind != "photo":
        return spec
    mean, std = spec.preprocess.mean, spec.preprocess.std
    if recipe.network == "mobilenet":
        mean = std = (127.5,) * spec.channels
    preprocess = Preprocess("photo", mean, std, spec.preprocess.fit)
    return Input(recipe.side, recipe.side, spec.color, preprocess)


def _fit(job: Job, pixels: NDArray[np.uint8], start: Checkpoint) -> Checkpoint:
    """The first phase: validated each epoch, the best one kept, confidence fitted on it."""
    indices, targets = job.indices, job.dataset.train.targets
    batches = make_batches(job, pixels, indices.train)
    trainer = make_trainer(job, batches, start)
    validation = validation_of(job, pixels[indices.validation], targets[indices.validation])
    epochs = planned_epochs(job.recipe, len(batches))
    done = _run(job, trainer, epochs, start, validation)
    unknown = None
    if job.recipe.outliers:  # others than were fitted
        held_out = pixels[indices.validation]
        unknown = trainer.answer(done.best, unseen_outliers(job, held_out))
    confidence = fit_confidence(trainer.answer(done.best, validation[0]), validation[1], unknown)
    return replace(done, progress=replace(done.progress, **asdict(confidence)))


def _refit(job: Job, pixels: NDArray[np.uint8], start: Checkpoint) -> Checkpoint:
    """The second phase: all pictures, for as many epochs as the best one took."""
    count = len(job.dataset.train)
    if not start.progress.is_refit:
        start = Checkpoint(replace(start.progress, is_refit=True, epoch=0), [], [])
    epochs = start.progress.best_epoch
    if job.is_chief:
        say(f"{job.folder.name}: final training, {epochs} epochs on all {count} pictures")
    trainer = make_trainer(job, make_batches(job, pixels, np.arange(count)), start)
    return _run(job, trainer, epochs, start, None)


def make_trainer(job: Job, batches: Batches, start: Checkpoint) -> Trainer:
    spec, classes = job.dataset.input, len(job.dataset.labels)
    if job.recipe.teacher_rounds:
        stem = job.scratch / f"taught-{job.id}-{job.machine.worker}"
        batches.taught = ask_teachers(job.recipe, spec, job.machine, batches, stem)
    trainer = Trainer(job.recipe, spec, classes, job.machine, batches, job.seed)
    if start.state:
        trainer.restore(start.state)
    return trainer


def _run(
    job: Job,
    trainer: Trainer,
    epochs: int,
    start: Checkpoint,
    validation: tuple[NDArray[np.uint8], NDArray[np.int64]] | None,
) -> Checkpoint:
    """Fits from where `start` stands to the last epoch, or to where the recipe stops it."""
    first, events = start.progress.epoch, EventFiles(job.folder / TENSORBOARD)
    if first and job.is_chief:
        say(f"resuming {job.folder.name} behind epoch {first} of {epochs}")

    def save(checkpoint: Checkpoint) -> None:
        if job.is_chief:
            write_checkpoint(job.scratch / STATE, checkpoint)
            history = checkpoint.progress.history
            write_csv(job.folder / CSV, history)
            if validation is not None:
                figures = {name: values[-1] for name, values in history.items()}
                events.add(checkpoint.progress.epoch, figures)

    each = EachEpoch(trainer, start, validation, save)
    try:
        if first < epochs and not each.is_over:
            told = EpochProgress(len(trainer.batches), trainer.batches.batch_size)
            trainer.fit(epochs, first, [each, *([told] if job.is_chief else [])])
    finally:
        events.close()
    return Checkpoint(each.progress, [], each.best)


def _stored(job: Job) -> Checkpoint | None:
    """The checkpoint of this very training, where there is one."""
    checkpoint = read_checkpoint(job.scratch / STATE)
    if checkpoint is None:
        return None
    if checkpoint.progress.id != job.id:
        say(f"{job.scratch} is of another training; starting afresh")
        return None
    return checkpoint


def _record(job: Job, progress: Progress, prints: tuple[str, str, str]) -> RunRecord:
    dataset = job.dataset
    return RunRecord(
        SCHEMA,
        job.id,
        job.folder.name,
        job.source,
        dataset.labels,
        dataset.input,
        asdict(job.recipe),
        job.seed,
        *prints,
        versions=versions("keras", job.machine.backend, "numpy", "pillow"),
        epochs=len(progress.history["val_loss"]),
        best_epoch=progress.best_epoch,
        history=progress.history,
        train_seconds=progress.seconds,
        confidence=Confidence(progress.temperature, progress.unknown_threshold),
        machine=job.machine.describe(),
    )


def _write_run(job: Job, record: RunRecord, weights: Arrays) -> None:
    """Writes the run's files; model.keras without the optimizer's state, which triples its size."""
    network = build_network(recipe_of_random_weights(job.recipe), record.input, len(record.labels))
    network.set_weights(weights)
    whole = job.scratch / MODEL
    keras.saving.save_model(network, whole)
    whole.replace(job.folder / MODEL)
    write_split(job.folder, job.indices)
    write_record(job.folder, record)
    plot_curves(job.folder / "curves.png", record)
