"""What is called and timed of one model. To be imported in the worker: it loads a runtime."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.bench.document import FrameTimes, ModelTimes, SweepTimes
from edge.bench.drawing import CAMERA_SIZES, camera_frame, ready_pictures
from edge.bench.timing import Series, measure_slice
from edge.bundle import Bundle, read_bundle
from edge.classifier import Classifier
from edge.errors import EdgeproofError
from edge.interpreter import KERNELS, Interpreter, installed_runtimes
from edge.preprocess import find_clear, find_regions

LOAD_WEIGHT, READY_WEIGHT, CAMERA_WEIGHT, SWEEP_WEIGHT = 1.0, 2.0, 5.0, 1.0
"""Shares of a round's time. A camera's frame takes longest, and percentiles need many."""
REFERENCE = "reference"
"""Kernels that are there to be compared with, and that nobody runs."""


@dataclass
class Case:
    """Stages that are timed in turn."""

    weight: float
    stages: dict[str, Callable[[], object]]
    series: dict[str, Series] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.series = {name: Series() for name in self.stages}

    def measure(self, slice_s: float, step_ns: int) -> None:
        measure_slice(self.stages, self.series, slice_s, step_ns)


@dataclass(frozen=True)
class FrameCase:
    what: str
    width: int
    height: int
    answer: str
    case: Case


@dataclass(frozen=True)
class SweepCase:
    runtime: str
    kernels: str
    threads: int
    case: Case | None
    problem: str | None


@dataclass(frozen=True)
class Subject:
    """One model with its cases."""

    path: Path
    bundle: Bundle
    runtime: str
    kernels: str
    load: Case
    frames: list[FrameCase]
    sweep: list[SweepCase]

    @property
    def cases(self) -> list[Case]:
        sweep = [one.case for one in self.sweep if one.case]
        return [self.load, *(frame.case for frame in self.frames), *sweep]

    def times(self) -> ModelTimes:
        contract, proof = self.bundle.contract, self.bundle.proof
        scores = [one.score.accuracy for one in proof.measurements] if proof else []
        return ModelTimes(
            name=contract.name,
            variant=contract.variant,
            file=self.path.name,
            size_bytes=self.path.stat().st_size,
            model_sha256=contract.model.sha256,
            accuracy=min(scores, default=None),
            runtime=self.runtime,
            kernels=self.kernels,
            load=self.load.series["load"].times(),
            read=self.load.series["read"].times(),
            frames=tuple(map(_frame_times, self.frames)),
            sweep=tuple(map(_sweep_times, self.sweep)),
            resident_mb=None,
            peak_mb=None,
        )


def open_subject(path: Path, threads: tuple[int, ...], has_camera: bool) -> Subject:
    """
    threads: how many to try, each.
    has_camera: whether camera frames are measured, too; the preprocessing of a model's variants
        is the same.

    Raises:
        ModelError: the model cannot be used.
        EnvironmentFault: no runtime.
    """
    bundle = read_bundle(path)
    classifier = Classifier(bundle)
    ready = ready_pictures(bundle.contract.input, 1)[0]
    frames = [_frame_case("ready", READY_WEIGHT, classifier, ready)]
    if has_camera:
        for width, height in CAMERA_SIZES:
            frame = camera_frame(bundle.contract.input, width, height)
            frames.append(_frame_case("camera", CAMERA_WEIGHT, classifier, frame))
    load = Case(
        LOAD_WEIGHT,
        {"load": lambda: Classifier(read_bundle(path)).close(), "read": lambda: read_bundle(path)},
    )
    sweep = _sweep(bundle, classifier.input_tensor(ready), threads)
    kernels = classifier.kernels
    return Subject(path, bundle, classifier.runtime, kernels, load, frames, sweep)


def _frame_case(
    what: str, weight: float, classifier: Classifier, frame: NDArray[np.uint8]
) -> FrameCase:
    # The seam between the stages: what `classify` finds, into an interpreter of the same kind.
    spec = classifier.contract.input
    interpreter = Interpreter(
        classifier.bundle.model, runtime=classifier.runtime, kernels=classifier.kernels
    )
    tensor = classifier.input_tensor(frame)
    case = Case(
        weight,
        {
            "preprocess": lambda: find_clear(frame, spec) or find_regions(frame, spec),
            "invoke": lambda: interpreter.invoke(tensor),
            "whole": lambda: classifier.classify(frame),
        },
    )
    height, width = frame.shape[:2]
    return FrameCase(what, width, height, classifier.classify(frame).label, case)


def _sweep(
    bundle: Bundle, tensor: NDArray[np.generic], threads: tuple[int, ...]
) -> list[SweepCase]:
    """Each runtime with each number of threads, and with its other kernels in one."""
    found = []
    for runtime in installed_runtimes():
        try:
            with Classifier(bundle, runtime=runtime) as classifier:
                taken = classifier.kernels
        except EdgeproofError as error:  # an operator that this runtime does not have yet
            found.append(SweepCase(runtime, "default", 1, None, " ".join(str(error).split())))
            continue
        ways = [(taken, count) for count in threads]
        ways += [(kernels, 1) for kernels in KERNELS if kernels not in (taken, REFERENCE)]
        cases = (_sweep_case(bundle.model, tensor, runtime, *way) for way in ways)
        found += [case for case in cases if case]
    return found


def _sweep_case(
    model: bytes, tensor: NDArray[np.generic], runtime: str, kernels: str, threads: int
) -> SweepCase | None:
    """None: these kernels cannot be had, and others came in their place."""
    try:
        interpreter = Interpreter(model, runtime=runtime, kernels=kernels, threads=threads)
        interpreter.invoke(tensor)
    except EdgeproofError as error:
        return SweepCase(runtime, kernels, threads, None, " ".join(str(error).split()))
    if interpreter.kernels != kernels:
        return None
    case = Case(SWEEP_WEIGHT, {"invoke": lambda: interpreter.invoke(tensor)})
    return SweepCase(runtime, kernels, threads, case, None)


def _frame_times(frame: FrameCase) -> FrameTimes:
    times = {name: series.times() for name, series in frame.case.series.items()}
    return FrameTimes(frame.what, frame.width, frame.height, frame.answer, **times)


def _sweep_times(one: SweepCase) -> SweepTimes:
    times = one.case.series["invoke"].times() if one.case else None
    return SweepTimes(one.runtime, one.kernels, one.threads, times, one.problem)
