"""Calls timed in rounds: many short slices, so that a moment's disturbance is in one of them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

LEAST_STEPS = 50
"""Of the clock, in one sample: what is shorter is called several times, so that a step is 2 %."""
LEAST_FOR_P95, LEAST_FOR_P99 = 20, 100
"""Samples: of fewer, the percentile would be the one that happened to be the longest."""
CLOCK_READS = 2_000

Stages = Mapping[str, Callable[[], object]]


@dataclass(frozen=True)
class Times:
    """How long one thing took, again and again."""

    samples: int
    calls_per_sample: int
    """More than one where the clock is too coarse for one; a sample is then their mean."""
    median_ms: float
    """Of the rounds' medians; what is compared."""
    p50_ms: float
    """Of all samples, as the others."""
    p95_ms: float | None
    """None: fewer than LEAST_FOR_P95 samples."""
    p99_ms: float | None
    """None: fewer than LEAST_FOR_P99 samples."""
    round_medians_ms: tuple[float, ...]
    """In the order in which they were measured."""

    @property
    def spread(self) -> float:
        """From the fastest round to the slowest, as a part of the median."""
        return spread(self.round_medians_ms)


@dataclass
class Series:
    """The samples of one thing, in ms, round by round."""

    calls: int = 1
    rounds: list[list[float]] = field(default_factory=list)

    def times(self) -> Times:
        return summarize(self.rounds, self.calls)


def summarize(rounds: Iterable[Sequence[float]], calls: int = 1) -> Times:
    """rounds: samples in ms, at least one in each."""
    kept = [list(samples) for samples in rounds if samples]
    ordered = sorted(sample for samples in kept for sample in samples)
    medians = tuple(median(samples) for samples in kept)
    count = len(ordered)
    return Times(
        samples=count,
        calls_per_sample=calls,
        median_ms=_rounded(median(medians)),
        p50_ms=_rounded(percentile(ordered, 50)),
        p95_ms=_rounded(percentile(ordered, 95)) if count >= LEAST_FOR_P95 else None,
        p99_ms=_rounded(percentile(ordered, 99)) if count >= LEAST_FOR_P99 else None,
        round_medians_ms=tuple(map(_rounded, medians)),
    )


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The least value that so many percent do not exceed (nearest rank): one that was measured."""
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def spread(values: Sequence[float]) -> float:
    """From the least to the greatest, as a part of the median."""
    return (max(values) - min(values)) / median(values)


def clock_step_ns() -> int:
    """The shortest time that two reads of the clock tell apart: its step, or what a read costs."""
    reads = [time.perf_counter_ns() for _ in range(CLOCK_READS)]
    return min((b - a for a, b in pairwise(reads) if b > a), default=1)


def measure_slice(
    stages: Stages, series: Mapping[str, Series], slice_s: float, step_ns: int
) -> None:
    """One round of one case: its stages in turn, until the slice is over, and once at least.

    What disturbs one of the stages disturbs the others too, so their ratios hold. The first calls
    are not counted: they fetch the case's code and data into the caches, and wake the processor.
    """
    is_first = not any(one.rounds for one in series.values())
    for name, call in stages.items():
        took_ns = _timed_ns(call, 1)
        if is_first:
            took_ns = min(took_ns, _timed_ns(call, 1))
            series[name].calls = max(1, math.ceil(LEAST_STEPS * step_ns / max(took_ns, 1)))
    for one in series.values():
        one.rounds.append([])
    end_s = time.perf_counter() + slice_s
    while True:
        for name, call in stages.items():
            calls = series[name].calls
            series[name].rounds[-1].append(_timed_ns(call, calls) / calls / 1e6)
        if time.perf_counter() >= end_s:
            return


def _timed_ns(call: Callable[[], object], calls: int) -> int:
    if calls == 1:
        began_ns = time.perf_counter_ns()
        call()
        return time.perf_counter_ns() - began_ns
    began_ns = time.perf_counter_ns()
    for _ in range(calls):
        call()
    return time.perf_counter_ns() - began_ns


def _rounded(value_ms: float) -> float:
    """To a nanosecond: no clock is finer, and the file is easier to read."""
    return round(value_ms, 6)
