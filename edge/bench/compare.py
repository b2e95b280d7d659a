"""A measurement against an earlier one of the same machine; of another one it is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from edge.bench.document import Document, ModelTimes
from edge.bench.machine import Machine
from edge.bench.timing import Times
from edge.errors import UsageError

Verdict = Literal["better", "worse", "as before"]
LEAST_CHANGE = 0.05
"""What is less is no difference to anybody."""
FEW_ROUNDS, OF_FEW = 3, 0.15
"""Fewer rounds do not tell how much a number varies: then by so much."""


@dataclass(frozen=True)
class Ratio:
    """One number, now and before."""

    what: str
    unit: str
    """`ms`, `pictures/s` or `MB`."""
    before: float
    now: float
    ratio: float
    """now / before."""
    verdict: Verdict
    """`as before`: less than LEAST_CHANGE, or the rounds of the one overlap with the other's, so
    that no difference is shown."""


@dataclass(frozen=True)
class Comparison:
    """What became of an earlier measurement."""

    before_utc: str
    before_edgeproof: str
    warnings: tuple[str, ...]
    """Why the ratios may be wrong: one of the two was throttled, emulated, or not alone."""
    differences: tuple[str, ...]
    """What else is not as it was: versions, options, models."""
    ratios: tuple[Ratio, ...]


def check_machine(before: Machine, now: Machine, path: Path) -> None:
    """To be called before anything is measured.

    Raises:
        UsageError: another machine, or the same one set otherwise; names each field.
    """
    expected, got = asdict(before), asdict(now)
    other = [
        f"{name} (expected {_said(expected[name])}, got {_said(got[name])})"
        for name in expected
        if expected[name] != got[name]
    ]
    if other:
        raise UsageError(
            f"--compare: {path} is of another machine, and numbers of two machines say nothing of "
            f"each other; these differ: {'; '.join(other)}"
        )


def compare(before: Document, now: Document) -> Comparison:
    """Both of the same machine, see `check_machine`."""
    return Comparison(
        before_utc=before.date_utc,
        before_edgeproof=before.software.edgeproof,
        warnings=tuple(_warnings(before, "before")) + tuple(_warnings(now, "now")),
        differences=tuple(_differences(before, now)),
        ratios=tuple(_ratios(before, now)),
    )


def _warnings(document: Document, when: str) -> Iterator[str]:
    conditions = document.conditions
    if "throttled" in document.marks:
        reasons = ", ".join(conditions.throttled_meanwhile)
        yield f"{when}: the board was slowed down while it was measured ({reasons})"
    if "busy" in document.marks:
        yield f"{when}: other programs took {conditions.others_cores:g} cores meanwhile"
    if "emulated" in document.marks:
        yield f"{when}: an emulator ran it ({document.machine.emulation})"


def _differences(before: Document, now: Document) -> Iterator[str]:
    for part in ("software", "options"):
        old, new = asdict(getattr(before, part)), asdict(getattr(now, part))
        for name in old:
            if old[name] != new[name]:
                yield f"{name}: {_said(old[name])}, now {_said(new[name])}"
    old_models, new_models = _keyed(before.models), _keyed(now.models)
    for key, model in old_models.items():
        if key not in new_models:
            yield f"model {model.title}: not measured now"
        elif model.model_sha256 != new_models[key].model_sha256:
            shas = model.model_sha256[:12], new_models[key].model_sha256[:12]
            yield f"model {model.title}: another one, sha256 {shas[0]}..., now {shas[1]}..."
    for key, model in new_models.items():
        if key not in old_models:
            yield f"model {model.title}: not measured before"
    if before.process.model != now.process.model:
        yield (
            f"cold start and folders: with {before.process.model}, now with {now.process.model}; "
            "not compared"
        )


def _ratios(before: Document, now: Document) -> Iterator[Ratio]:
    if before.process.model == now.process.model:
        old, new = before.process, now.process
        yield _of_times("Python alone, start to end", old.python, new.python)
        yield _of_times("cold start, one picture", old.cold_start, new.cold_start)
        folders = {(one.what, one.format, one.width, one.height): one for one in old.folders}
        for folder in new.folders:
            earlier = folders.get((folder.what, folder.format, folder.width, folder.height))
            if earlier:
                rates = earlier.round_pictures_per_s, folder.round_pictures_per_s
                what = f"folder, {folder.width}x{folder.height} {folder.format}"
                pair = earlier.pictures_per_s, folder.pictures_per_s
                yield _ratio(what, "pictures/s", *pair, *rates)
    models = _keyed(before.models)
    for key, model in _keyed(now.models).items():
        if key in models:
            yield from _of_models(models[key], model)


def _of_models(before: ModelTimes, now: ModelTimes) -> Iterator[Ratio]:
    yield _of_times(f"{now.title}, load", before.load, now.load)
    frames = {(one.what, one.width, one.height): one for one in before.frames}
    for frame in now.frames:
        old = frames.get((frame.what, frame.width, frame.height))
        if old:
            where = f"{now.title}, {frame.what} {frame.width}x{frame.height}"
            yield _of_times(f"{where}, preprocess", old.preprocess, frame.preprocess)
            if frame.what == "ready":  # it is the same for every frame
                yield _of_times(f"{where}, invoke", old.invoke, frame.invoke)
            yield _of_times(f"{where}, whole", old.whole, frame.whole)
    ways = {(one.runtime, one.kernels, one.threads): one for one in before.sweep}
    for way in now.sweep:
        earlier = ways.get((way.runtime, way.kernels, way.threads))
        if earlier and earlier.invoke and way.invoke:
            threads = "1 thread" if way.threads == 1 else f"{way.threads} threads"
            what = f"{now.title}, {way.runtime}, {way.kernels} kernels, {threads}"
            yield _of_times(what, earlier.invoke, way.invoke)
    if before.peak_mb and now.peak_mb:
        pair = before.peak_mb, now.peak_mb
        margins = [(one, one, one) for one in pair]  # it varies by less than LEAST_CHANGE
        yield _ratio(f"{now.title}, peak memory", "MB", *pair, *margins)


def _of_times(what: str, before: Times, now: Times) -> Ratio:
    rounds = before.round_medians_ms, now.round_medians_ms
    return _ratio(what, "ms", before.median_ms, now.median_ms, *rounds)


def _ratio(
    what: str,
    unit: str,
    before: float,
    now: float,
    rounds_before: tuple[float, ...],
    rounds_now: tuple[float, ...],
) -> Ratio:
    low_before, high_before = _range(rounds_before)
    low_now, high_now = _range(rounds_now)
    overlap = low_now <= high_before and low_before <= high_now
    is_same = overlap or abs(now - before) <= LEAST_CHANGE * before
    is_less = now < before
    verdict: Verdict = "better" if is_less == (unit != "pictures/s") else "worse"
    ratio = round(now / before, 4) if before else 1.0
    return Ratio(what, unit, before, now, ratio, "as before" if is_same else verdict)


def _range(rounds: tuple[float, ...]) -> tuple[float, float]:
    margin = 0 if len(rounds) >= FEW_ROUNDS else OF_FEW
    return min(rounds) * (1 - margin), max(rounds) * (1 + margin)


def _keyed(models: tuple[ModelTimes, ...]) -> dict[tuple[str, int], ModelTimes]:
    """By name and variant; of two that are called the same, the first meets the first."""
    found: dict[tuple[str, int], ModelTimes] = {}
    for model in models:
        number = sum(key[0] == model.title for key in found)
        found[model.title, number] = model
    return found


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {one}" for key, one in value.items()) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)
