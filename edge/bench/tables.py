"""The tables of a measurement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edge.bench.document import FrameTimes, ModelTimes, ProcessTimes
from edge.bench.timing import Times

STAGES = {"preprocess": "preprocess", "invoke": "the model alone", "whole": "the whole frame"}


def process_lines(process: ProcessTimes) -> Iterator[str]:
    start, python = process.cold_start, process.python
    rounds = f"{start.samples} starts"
    yield f"THE COMMAND, with {process.model}"
    yield (
        f"  cold start    {number(start.median_ms)} ms  {_range(start):20}  `classify` of one "
        f"picture, start to end; {rounds}"
    )
    yield f"    Python      {number(python.median_ms)} ms  {'':20}  of it: an empty Python"
    cpu_ms = number(process.cold_start_cpu_ms)
    yield f"    processor   {cpu_ms} ms  {'':20}  its work, over all cores"
    for folder in process.folders:
        rates = folder.round_pictures_per_s
        between = f"({number(min(rates)).strip()} to {number(max(rates)).strip()})"
        yield (
            f"  {'a folder':12}  {number(folder.pictures_per_s)} /s  "
            f"{between if len(rates) > 1 else '':20}  {folder.pictures:,} "
            f"{folder.format} files of {folder.width}x{folder.height}"
        )


def frames_lines(model: ModelTimes) -> Iterator[str]:
    yield f"ONE FRAME, with {model.title} on {model.runtime}, {model.kernels} kernels, 1 thread"
    yield _row("", "p50 ms", "p95 ms", "p99 ms", "spread", "a second", "samples")
    for frame in model.frames:
        yield f"  {_frame_title(frame)}"
        for stage, words in STAGES.items():
            if stage == "invoke" and frame.what != "ready":
                continue  # the same for every frame, and said above
            times: Times = getattr(frame, stage)
            rate = f"{1000 / times.p50_ms:,.0f}" if stage == "whole" else ""
            yield _times_row(f"    {words}", times, rate)
    yield _times_row("  load the model", model.load, "")
    yield _times_row("    read and check", model.read, "")
    yield f"  {_memory(model)}"


def _frame_title(frame: FrameTimes) -> str:
    size = f"{frame.width}x{frame.height}"
    if frame.what == "ready":
        return f"a picture of the model's own size, {size}"
    return f"a camera's frame, {size}, answered {frame.answer!r}"


def _memory(model: ModelTimes) -> str:
    if model.resident_mb is None or model.peak_mb is None:
        return "memory: the system does not say"
    return (
        f"memory of `classify`: {model.resident_mb:.1f} MB resident behind its first answer, "
        f"{model.peak_mb:.1f} MB at most"
    )


def variants_lines(models: Sequence[ModelTimes]) -> Iterator[str]:
    yield "MODELS side by side, a picture of the model's own size"
    yield (
        f"  {'MODEL':20}  {'SIZE':>9}  {'ACCURACY':>9}  {'MODEL ALONE':>12}  {'WHOLE':>10}  "
        f"{'LOAD':>10}  {'MEMORY':>8}  FILE"
    )
    for model in models:
        frame = model.frames[0]
        accuracy = "unproven" if model.accuracy is None else f"{100 * model.accuracy:.2f} %"
        memory = "-" if model.peak_mb is None else f"{model.peak_mb:.1f} MB"
        yield (
            f"  {model.title:20}  {model.size_bytes / 1000:6,.0f} kB  {accuracy:>9}  "
            f"{number(frame.invoke.median_ms):>9} ms  {number(frame.whole.median_ms)} ms  "
            f"{number(model.load.median_ms)} ms  {memory:>8}  {model.file}"
        )


def sweep_lines(models: Sequence[ModelTimes]) -> Iterator[str]:
    yield "THE MODEL ALONE, each way to run it"
    yield (
        f"  {'MODEL':20}  {'RUNTIME':14}  {'KERNELS':8}  {'THREADS':>7}  {'p50 ms':>7}  "
        f"{'p95 ms':>7}  {'spread':>6}"
    )
    for model in models:
        ways = [one for one in model.sweep if one.invoke]
        best = min((_slowest_ms(one.invoke) for one in ways if one.invoke), default=0.0)
        for index, way in enumerate(model.sweep):
            title = "" if index else model.title
            start = f"  {title:20}  {way.runtime:14}  {way.kernels:8}  {way.threads:>7}"
            if way.invoke is None:
                yield f"{start}  cannot: {way.problem}"
                continue
            mark = "  fastest" if _slowest_ms(way.invoke) == best else ""
            yield (
                f"{start}  {number(way.invoke.p50_ms)}  {number(way.invoke.p95_ms)}  "
                f"{_percent(way.invoke.spread)}{mark}"
            )


def _slowest_ms(times: Times) -> float:
    """The slowest round: what is fast in one and a thousand times slower in the next is not."""
    return max(times.round_medians_ms)


def _row(name: str, *cells: str) -> str:
    widths = (8, 8, 8, 7, 9, 8)
    shown = "  ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=False))
    return f"{name:26}{shown}".rstrip()


def _times_row(name: str, times: Times, rate: str) -> str:
    return _row(
        name,
        number(times.p50_ms),
        number(times.p95_ms),
        number(times.p99_ms),
        _percent(times.spread),
        rate,
        f"{times.samples:,}",
    )


def _range(times: Times) -> str:
    low, high = min(times.round_medians_ms), max(times.round_medians_ms)
    return f"({number(low).strip()} to {number(high).strip()})"


def _percent(part: float) -> str:
    return f"{100 * part:4.0f} %" if part < 10 else ">999 %"


def number(value: float | None) -> str:
    """Three digits that count, seven columns."""
    if value is None:
        return f"{'-':>7}"
    places = 3 if value < 1 else 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:7,.{places}f}"
