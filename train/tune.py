"""A search from data set and recipe to the recipe with the best values: fits and records trials."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from edge.errors import EnvironmentFault
from edge.files import write_atomic
from train.checkpoint import Checkpoint, Progress, read_checkpoint, write_checkpoint
from train.devices import Machine
from train.epochs import EachEpoch
from train.fit import Job, input_for, make_trainer
from train.hyperband import run_trials
from train.mixture import make_batches
from train.pixels import prepare_all
from train.progress import say
from train.recipes import Recipe, to_toml
from train.runs import Split, run_id
from train.samples import Dataset, split
from train.search import Search, change
from train.trials import (
    RECIPE,
    RECORD,
    SCHEMA,
    Ask,
    Outcome,
    SearchRecord,
    TrialProgress,
    ranked,
    read_search,
    write_search,
)
from train.versions import versions
from train.workers import NAME, Role

STATE = "search"
"""Folder of an unfinished search, within the run's."""


def run_search(
    dataset: Dataset,
    source: str,
    recipe: Recipe,
    search: Search,
    folder: Path,
    seed: int,
    resume: bool,
    machine: Machine,
    role: Role,
) -> SearchRecord | None:
    """Runs the trials, then writes search.json and recipe.toml into the run folder.

    source: the data set as the user named it.
    resume: go on with an interrupted search of the same data, recipe and seed.

    Returns:
        What search.json holds; none in a worker, whose chief has it.

    Raises:
        EnvironmentFault: the stored state is damaged, or processes do not find each other.
    """
    dataset = replace(dataset, input=input_for(dataset.input, recipe))
    indices = Split(
        *split(dataset.train.targets, recipe.validation_fraction, seed, dataset.train.groups)
    )
    prints = (dataset.train.fingerprint(), indices.fingerprint())
    search_id = run_id(folder.name, recipe, seed, json.dumps(asdict(search)), *prints)
    done = read_search(folder) if resume else None
    if done and done.id == search_id:
        say(f"{folder / RECORD}: the search is done")
        return None if role is Role.WORKER else done
    state = folder / STATE
    if role is not Role.WORKER:
        _prepare_state(state, search_id, resume)
    job = Job(dataset, source, recipe, seed, state, machine, indices, search_id)
    progress = TrialProgress(search, has_bar=role is Role.ALONE)
    fit = _fitter(job, search.max_epochs, progress.epoch)
    trials = run_trials(search, seed, state, role, fit, progress.tell)
    if role is Role.WORKER:
        return None
    record = SearchRecord(
        SCHEMA,
        search_id,
        source,
        seed,
        asdict(recipe),
        search,
        versions("keras", "keras-tuner", machine.backend, "numpy", "pillow"),
        tuple(ranked(trials)),
        round(sum(trial.seconds for trial in trials), 1),
    )
    write_atomic(folder / RECIPE, _recipe_file(record).encode())
    write_search(folder, record)
    shutil.rmtree(state)
    return record


def _fitter(job: Job, max_epochs: int, count_epoch: Callable[[], None]) -> Callable[[Ask], Outcome]:
    """What fits a trial of this search: the very training that a longer one would begin with."""

    @cache
    def pixels() -> NDArray[np.uint8]:
        """Made by the first trial: a chief needs none."""
        # A file of its own for each process that shares the folder.
        scratch = job.folder / f"pixels-{os.environ.get(NAME, 'alone')}.npy"
        return prepare_all(job.dataset.train, job.dataset.input, scratch)

    def fit(ask: Ask) -> Outcome:
        began_s = time.monotonic()
        keras.utils.clear_session()
        # A schedule is planned for the longest trials, and the others end in its midst.
        recipe = replace(change(job.recipe, ask.values), epochs=max_epochs, min_steps=0)
        dataset = replace(job.dataset, input=input_for(job.dataset.input, recipe))
        trial = replace(job, recipe=recipe, dataset=dataset)
        start = _start(job, ask)
        trainer = make_trainer(trial, make_batches(trial, pixels(), job.indices.train), start)
        held_out = job.indices.validation
        validation = pixels()[held_out], job.dataset.train.targets[held_out]

        def save(checkpoint: Checkpoint) -> None:
            write_checkpoint(_weights(job, ask.number), checkpoint)
            count_epoch()

        each = EachEpoch(trainer, start, validation, save)
        first = start.progress.epoch
        if first < ask.last_epoch and not each.is_over:
            trainer.fit(ask.last_epoch, first, [each])
        return _outcome(each.progress, time.monotonic() - began_s)

    return fit


def _start(job: Job, ask: Ask) -> Checkpoint:
    """Where the trial was interrupted, or its predecessor ended, or nothing yet."""
    own = read_checkpoint(_weights(job, ask.number))
    if own is not None or ask.continues is None:
        return own or Checkpoint(Progress(job.id), [], [])
    path = _weights(job, ask.continues)
    before = read_checkpoint(path)
    if before is None:
        raise EnvironmentFault(
            f"{path}: expected what trial {ask.continues} left, to go on with; "
            "do all machines share the folder of --runs?"
        )
    write_checkpoint(_weights(job, ask.number), before)  # also when it has nothing left to fit
    return before


def _weights(job: Job, number: int) -> Path:
    return job.folder / f"trial-{number:04d}.npz"


def _outcome(progress: Progress, seconds: float) -> Outcome:
    best = {name: values[progress.best_epoch - 1] for name, values in progress.history.items()}
    return Outcome(epochs=progress.epoch, best_epoch=progress.best_epoch, seconds=seconds, **best)


def _prepare_state(state: Path, search_id: str, resume: bool) -> None:
    """Leaves a stored search that is to go on, and removes any other."""
    mark = state / "id"
    if state.is_dir():
        stored = mark.read_text() if mark.is_file() else None
        if resume and stored == search_id:
            say(f"resuming the search in {state}")
            return
        if resume:
            say(f"{state} is of another search; starting afresh")
        shutil.rmtree(state)
    write_atomic(mark, search_id.encode())


def _recipe_file(record: SearchRecord) -> str:
    best = record.trials[0]
    return (
        f"# Found by `edgeproof tune {record.dataset}` with seed {record.seed}: trial "
        f"{best.number} of {len(record.trials)}, {100 * best.val_accuracy:.2f} % of the "
        f"validation pictures right.\n{to_toml(record.winner())}"
    )
