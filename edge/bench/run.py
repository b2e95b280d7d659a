"""One measurement from start to end: rounds over everything, so that no moment decides."""

from __future__ import annotations

import datetime
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from types import FrameType
from typing import Any

from edge.bench.children import (
    NOTHING,
    Run,
    Worker,
    classify_command,
    measure_memory,
    run_once,
)
from edge.bench.conditions import Watch
from edge.bench.document import (
    SCHEMA,
    Document,
    Failure,
    FolderTimes,
    ModelTimes,
    Options,
    ProcessTimes,
    marks,
)
from edge.bench.drawing import ready_pictures, to_png
from edge.bench.folders import folder_times, run_folder, write_folders
from edge.bench.machine import Machine, Software
from edge.bench.models import read_models
from edge.bench.timing import summarize
from edge.bundle import Bundle
from edge.errors import ModelError
from edge.strict import from_dict

PREFIX = "edgeproof-bench-"
"""Of the temporary folder."""
ALL_THREADS = 4
"""Up to so many each number is tried, then every doubling and the last."""

MORE_MODELS = 0.25
"""Part of a round's time by which each further model makes it longer."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """How much is measured: seconds are targets, and what takes longer takes longer."""

    rounds: int
    round_s: float
    """Of the models in one round."""
    starts: int
    """Cold starts in one round."""
    folder_s: float
    folder_runs: int


QUICK = Plan(rounds=3, round_s=1.2, starts=1, folder_s=0.9, folder_runs=1)
THOROUGH = Plan(rounds=5, round_s=4.0, starts=2, folder_s=2.0, folder_runs=3)


@dataclass(frozen=True)
class Wanted:
    """What was asked for."""

    models: tuple[Path, ...]
    """Bundles; the first is the one that whole processes are measured with."""
    optional: frozenset[Path]
    """Those that came out of a folder: when one cannot be used, the others are measured."""
    most_threads: int
    jobs: int | None
    quick: bool

    @property
    def plan(self) -> Plan:
        return QUICK if self.quick else THOROUGH


def measure(wanted: Wanted, machine: Machine, software: Software, say: Say) -> Document:
    """Measures it all, in about 10 s or 45 s for one small model on a PC with nothing else to do.

    say: told what is measured, step by step.

    Raises:
        ModelError, EnvironmentFault: nothing can be measured here.
        KeyboardInterrupt: also for SIGTERM and SIGHUP; no child and no file is left.
    """
    date = datetime.datetime.now(datetime.UTC)
    watch = Watch()
    with _ended_by_signals(), tempfile.TemporaryDirectory(prefix=PREFIX) as folder:
        readable, failures = read_models(wanted.models, wanted.optional)
        found = _measure(wanted, readable, Path(folder), _Steps(wanted, say, watch))
    conditions = watch.conclude(found.clock_step_ns)
    return Document(
        schema=SCHEMA,
        marks=marks(machine, conditions),
        date_utc=date.isoformat(timespec="seconds"),
        options=Options(wanted.quick, wanted.jobs, wanted.most_threads, wanted.plan.rounds),
        machine=machine,
        software=software,
        conditions=conditions,
        process=found.process,
        models=found.models,
        failures=(*failures, *found.failures),
    )


def thread_counts(most: int) -> tuple[int, ...]:
    """Which numbers of threads are tried."""
    if most <= ALL_THREADS:
        return tuple(range(1, most + 1))
    doubled = [1 << power for power in range(most.bit_length()) if 1 << power < most]
    return (*doubled, most)


@dataclass(frozen=True)
class _Found:
    process: ProcessTimes
    models: tuple[ModelTimes, ...]
    failures: tuple[Failure, ...]
    clock_step_ns: int


class _Steps:
    """Says what comes next, and looks at the machine before it."""

    def __init__(self, wanted: Wanted, say: Say, watch: Watch) -> None:
        self._say, self._watch = say, watch
        self._done = 0
        self._of = 2 + wanted.plan.rounds + 1 + wanted.plan.folder_runs

    def next(self, what: str) -> None:
        self._watch.look()
        self._done += 1
        self._say(f"{self._done}/{self._of} {what}")


def _measure(wanted: Wanted, bundles: dict[Path, Bundle], folder: Path, steps: _Steps) -> _Found:
    plan = wanted.plan
    steps.next(f"opening {len(bundles)} {'model' if len(bundles) == 1 else 'models'}")
    request = {
        "models": [str(path.absolute()) for path in bundles],
        "threads": thread_counts(wanted.most_threads),
        "round_s": plan.round_s * (1 + MORE_MODELS * (len(bundles) - 1)),
        "rounds": plan.rounds,
    }
    starts: list[list[Run]] = []
    floors: list[list[Run]] = []
    with Worker(request) as worker:
        said = worker.begin()
        failures = from_dict_all(Failure, said["failures"])
        opened = [Path(path) for path in said["opened"]]
        _refuse_failures(wanted, failures, opened)
        first = str(opened[0])
        bundle = next(one for path, one in bundles.items() if path.absolute() == opened[0])
        picture = to_png(ready_pictures(bundle.contract.input, 1)[0])
        (folder / "picture.png").write_bytes(picture)
        command = classify_command(str(folder / "picture.png"), "--model", first)
        steps.next("starting it once, not counted")
        run_once(command)
        for number in range(plan.rounds):
            steps.next(f"models and cold starts, round {number + 1} of {plan.rounds}")
            worker.round()
            starts.append([run_once(command) for _ in range(plan.starts)])
            floors.append([run_once(NOTHING)])
        result = worker.end()
    models = from_dict_all(ModelTimes, result["models"])
    steps.next("memory")
    models = [_with_memory(one, path, picture) for one, path in zip(models, opened, strict=True)]
    start_s = median(run.wall_ms for runs in starts for run in runs) / 1000
    folders = _measure_folders(wanted, bundle, first, models[0], folder, start_s, steps)
    process = ProcessTimes(
        model=models[0].title,
        cold_start=summarize([[run.wall_ms for run in runs] for runs in starts]),
        cold_start_cpu_ms=round(median(run.cpu_ms for runs in starts for run in runs), 1),
        python=summarize([[run.wall_ms for run in runs] for runs in floors]),
        folders=tuple(folders),
    )
    return _Found(process, tuple(models), tuple(failures), result["clock_step_ns"])


def _refuse_failures(wanted: Wanted, failures: list[Failure], opened: list[Path]) -> None:
    """A model that was named must work; one that lay in a folder need not."""
    named = {path.name for path in wanted.models if path not in wanted.optional}
    for failure in failures:
        if failure.file in named or not opened:
            raise ModelError(f"{failure.file}: {failure.problem}")


def _with_memory(model: ModelTimes, path: Path, picture: bytes) -> ModelTimes:
    memory = measure_memory(str(path), picture)
    return replace(model, resident_mb=memory[0], peak_mb=memory[1]) if memory else model


def _measure_folders(
    wanted: Wanted,
    bundle: Bundle,
    model: str,
    times: ModelTimes,
    parent: Path,
    start_s: float,
    steps: _Steps,
) -> list[FolderTimes]:
    """The folders in turn, so that what disturbs one disturbs the others."""
    plan = wanted.plan
    ready_ms, camera_ms = times.frames[0].whole.median_ms, times.frames[-1].whole.median_ms
    folders = write_folders(parent, bundle.contract.input, plan.folder_s, ready_ms, camera_ms)
    taken_s: list[list[float]] = [[] for _ in folders]
    for number in range(plan.folder_runs):
        steps.next(f"folders of pictures, run {number + 1} of {plan.folder_runs}")
        for folder, series in zip(folders, taken_s, strict=True):
            series.append(run_folder(folder, model, wanted.jobs))
    return [
        folder_times(folder, series, start_s)
        for folder, series in zip(folders, taken_s, strict=True)
    ]


def from_dict_all(cls: type[Any], tables: Sequence[Any]) -> list[Any]:
    """What the worker sent, as dataclasses."""
    return [from_dict(cls, table, "worker") for table in tables]


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP end it as Ctrl-C does: with everything cleared away."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    numbers = signal.SIGTERM, signal.SIGHUP
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
