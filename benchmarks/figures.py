"""Samples to figures: medians, rates and ratios. Pure functions over what a run left behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Literal

from benchmarks.lineup import TASKS
from benchmarks.measure import Sample

Runs = dict[tuple[str, str], list[Sample]]
Measure = Literal["time", "rate", "call", "memory"]
LEAST_WORK = 0.15
"""Of the start-up: what takes less beside it is noise, and no rate is told."""


@dataclass(frozen=True)
class Ratio:
    """How many times better one contender is than another, above 1: better."""

    value: float
    """Median of the ratios of samples that were taken one after the other in the same turn."""
    low: float
    high: float
    """Their quartiles; of fewer than four, the extremes."""


def series(runs: Runs, contender: str, task: str, measure: Measure) -> list[float]:
    """One number for each sample; empty where it was not measured.

    time: seconds of the whole process. rate: pictures a second without the start-up, which is the
    median time for one picture; empty too where that hides the work. call: microseconds.
    memory: 10^6 bytes at the peak.
    """
    samples = runs.get((contender, task), [])
    if measure == "time":
        return [one.wall_s for one in samples]
    if measure == "memory":
        return [one.peak_mb for one in samples if one.peak_mb is not None]
    if measure == "call":
        return [one.call_us for one in samples if one.call_us is not None]
    start = TASKS[task].start
    starts = runs.get((contender, start), []) if start else []
    if not starts:
        return []
    start_s = median(one.wall_s for one in starts)
    least_s = LEAST_WORK * start_s
    if not samples or median(one.wall_s for one in samples) - start_s < least_s:
        return []
    more = TASKS[task].count - 1
    return [more / max(least_s, one.wall_s - start_s) for one in samples]


def middle(runs: Runs, contender: str, task: str, measure: Measure) -> float | None:
    """The median; none where it was not measured."""
    values = series(runs, contender, task, measure)
    return median(values) if values else None


def compare(runs: Runs, better: str, than: str, task: str, measure: Measure) -> Ratio | None:
    """How many times better; none where one of the two was not measured."""
    ours, theirs = (series(runs, name, task, measure) for name in (better, than))
    if not ours or not theirs:
        return None
    if measure == "rate":
        ours, theirs = theirs, ours  # more is better; of all others, less is
    each = [other / one for one, other in zip(ours, theirs, strict=False)]
    return Ratio(median(each), *spread(each))


def spread(values: Sequence[float]) -> tuple[float, float]:
    """Quartiles; of fewer than four values the least and the greatest."""
    if len(values) < 4:
        return min(values), max(values)
    low, _, high = quantiles(values, n=4, method="inclusive")
    return low, high


def agreement(answers: Sequence[str], expected: Sequence[str]) -> int:
    """How many answers are the expected ones."""
    return sum(one == other for one, other in zip(answers, expected, strict=True))
