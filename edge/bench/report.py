"""A measurement for people: what the machine is, what was measured, and how far to trust it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edge.bench.compare import Comparison
from edge.bench.conditions import Conditions
from edge.bench.document import Document, FrameTimes, ModelTimes, ProcessTimes
from edge.bench.timing import Times

WORDS = 14
"""Width of the names on the left."""
STAGES = {"preprocess": "preprocess", "invoke": "the model alone", "whole": "the whole frame"}


def report_lines(document: Document, comparison: Comparison | None) -> Iterator[str]:
    """Line by line, without their ends."""
    yield from _marks(document)
    yield from _machine(document)
    yield ""
    yield from _process(document.process)
    yield ""
    yield from _frames(document.models[0])
    if len(document.models) > 1:
        yield ""
        yield from _variants(document.models)
    yield ""
    yield from _sweep(document.models)
    for failure in document.failures:
        yield ""
        yield f"not measured: {failure.file}: {failure.problem}"
    if comparison:
        yield ""
        yield from _comparison(comparison)
    yield ""
    yield from _legend(document)


def _marks(document: Document) -> Iterator[str]:
    """What must not be overlooked."""
    if "throttled" in document.marks:
        reasons = ", ".join(document.conditions.throttled_meanwhile)
        yield f"THROTTLED: the board slowed itself down meanwhile ({reasons})."
        yield "  These numbers are NOT TO BE COMPARED: cool it (a heat sink, a fan), or give it its"
        yield "  own power supply, and measure again."
    if "emulated" in document.marks:
        yield f"EMULATED: {document.machine.emulation}."
        yield "  These numbers say nothing about any board."
    if "busy" in document.marks:
        yield f"BUSY: other programs took {document.conditions.others_cores:.1f} cores meanwhile."
        yield "  End them and measure again: most numbers are larger than they have to be."
    if document.marks:
        yield ""


def _machine(document: Document) -> Iterator[str]:
    machine, software, conditions = document.machine, document.software, document.conditions
    ram = f", {software.ram_mb:,} MB" if software.ram_mb else ""
    clock = f" at up to {machine.max_mhz:,} MHz" if machine.max_mhz else ""
    first = next(iter(software.runtimes.items()), None)
    others = [f"{name} {version}" for name, version in software.runtimes.items()][1:]
    runtimes = f"{first[0]} {first[1]} (used)" if first else "none"
    opencv = f", OpenCV {software.opencv}" if software.opencv else ""
    rows = [
        (
            "measured",
            f"{_date(document.date_utc)}, edgeproof {software.edgeproof}, {_how(document)}",
        ),
        ("board", machine.board or "no name in a device tree, as on a PC"),
        ("processor", f"{machine.cpu}, {machine.arch}, {_cores(machine.cores)}{clock}{ram}"),
        ("governor", machine.governor or "the kernel does not say"),
        ("system", f"{software.os}, Linux {software.kernel}"),
        (
            "software",
            f"edgeproof {software.edgeproof}, Python {software.python}, NumPy {software.numpy}, "
            f"Pillow {software.pillow}{opencv}",
        ),
        ("runtimes", ", ".join([runtimes, *others])),
        ("temperature", _temperature(conditions)),
        ("throttling", _throttling(conditions)),
        ("other work", _other_work(conditions)),
    ]
    for name, text in rows:
        yield f"{name:{WORDS}}{text}"


def _date(iso: str) -> str:
    return f"{iso[:16].replace('T', ' ')} UTC"


def _how(document: Document) -> str:
    kind = "quick, " if document.options.quick else ""
    return f"{kind}{document.conditions.duration_s:.0f} s"


def _cores(count: int) -> str:
    return f"{count} core" if count == 1 else f"{count} cores"


def _temperature(conditions: Conditions) -> str:
    before, highest = conditions.temperature_before_c, conditions.temperature_highest_c
    after = conditions.temperature_after_c
    if before is None or highest is None or after is None:
        return "no sensor"
    return f"{before:.1f} C before, {highest:.1f} C at most, {after:.1f} C after"


def _throttling(conditions: Conditions) -> str:
    if conditions.is_throttled:
        reasons = ", ".join(conditions.throttled_meanwhile)
        return f"while it was measured: {reasons}"
    if not conditions.tells_throttling:
        return "no firmware that would tell"
    if conditions.throttled_since_start:
        reasons = ", ".join(conditions.throttled_since_start)
        return f"none meanwhile; earlier since the board's start: {reasons}"
    return "none"


def _other_work(conditions: Conditions) -> str:
    load = conditions.load_average_before
    before = "" if load is None else f"; load average before: {load:g}"
    if conditions.others_cores is None:
        return f"the kernel does not say{before}"
    return f"other programs took {conditions.others_cores:.2f} cores meanwhile{before}"


def _process(process: ProcessTimes) -> Iterator[str]:
    start, python = process.cold_start, process.python
    rounds = f"{start.samples} starts"
    yield f"THE COMMAND, with {process.model}"
    yield (
        f"  cold start    {_ms(start.median_ms)} ms  {_range(start):20}  `edgeproof classify "
        f"PICTURE`, start to end; {rounds}"
    )
    yield f"    Python      {_ms(python.median_ms)} ms  {'':20}  of it: an empty Python"
    yield f"    processor   {_ms(process.cold_start_cpu_ms)} ms  {'':20}  its work, over all cores"
    for folder in process.folders:
        rates = folder.round_pictures_per_s
        between = f"({_ms(min(rates)).strip()} to {_ms(max(rates)).strip()})"
        yield (
            f"  {'a folder':12}  {_ms(folder.pictures_per_s)} /s  "
            f"{between if len(rates) > 1 else '':20}  {folder.pictures:,} "
            f"{folder.format} files of {folder.width}x{folder.height}"
        )


def _frames(model: ModelTimes) -> Iterator[str]:
    yield f"ONE FRAME, with {model.title} on {model.runtime}, 1 thread"
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


def _variants(models: Sequence[ModelTimes]) -> Iterator[str]:
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
            f"{_ms(frame.invoke.median_ms):>9} ms  {_ms(frame.whole.median_ms)} ms  "
            f"{_ms(model.load.median_ms)} ms  {memory:>8}  {model.file}"
        )


def _sweep(models: Sequence[ModelTimes]) -> Iterator[str]:
    yield "THE MODEL ALONE, each way to run it"
    yield (
        f"  {'MODEL':20}  {'RUNTIME':14}  {'KERNELS':8}  {'THREADS':>7}  {'p50 ms':>7}  "
        f"{'p95 ms':>7}  {'spread':>6}"
    )
    for model in models:
        ways = [one for one in model.sweep if one.invoke]
        best = min((_slowest_ms(one.invoke) for one in ways if one.invoke), default=0.0)
        for number, way in enumerate(model.sweep):
            title = "" if number else model.title
            start = f"  {title:20}  {way.runtime:14}  {way.kernels:8}  {way.threads:>7}"
            if way.invoke is None:
                yield f"{start}  cannot: {way.problem}"
                continue
            mark = "  fastest" if _slowest_ms(way.invoke) == best else ""
            yield (
                f"{start}  {_ms(way.invoke.p50_ms)}  {_ms(way.invoke.p95_ms)}  "
                f"{_percent(way.invoke.spread)}{mark}"
            )


def _slowest_ms(times: Times) -> float:
    """The slowest round: what is fast in one and a thousand times slower in the next is not."""
    return max(times.round_medians_ms)


def _comparison(found: Comparison) -> Iterator[str]:
    yield f"COMPARED with {_date(found.before_utc)}, edgeproof {found.before_edgeproof}"
    for warning in found.warnings:
        yield f"  NOT TO BE RELIED ON: {warning}"
    for difference in found.differences:
        yield f"  differs: {difference}"
    width = max((len(one.what) for one in found.ratios), default=0)
    yield f"  {'':{width}}  {'BEFORE':>8}  {'NOW':>8}  {'NOW/BEFORE':>10}"
    mark = "?" if found.warnings else " "
    for one in found.ratios:
        yield (
            f"  {one.what:{width}}  {_ms(one.before):>8}  {_ms(one.now):>8}  "
            f"{one.ratio:9.2f}{mark}  {one.verdict}, {one.unit}"
        )


def _legend(document: Document) -> Iterator[str]:
    yield (
        "p50: half of the samples took no longer; p95, p99 alike, and - where they are too few. "
        "spread: from the"
    )
    yield (
        f"fastest of {document.options.rounds} rounds to the slowest, of the median. Pictures are "
        "drawn; files are in the system's cache."
    )


def _row(name: str, *cells: str) -> str:
    widths = (8, 8, 8, 7, 9, 8)
    shown = "  ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=False))
    return f"{name:26}{shown}".rstrip()


def _times_row(name: str, times: Times, rate: str) -> str:
    return _row(
        name,
        _ms(times.p50_ms),
        _ms(times.p95_ms),
        _ms(times.p99_ms),
        _percent(times.spread),
        rate,
        f"{times.samples:,}",
    )


def _range(times: Times) -> str:
    low, high = min(times.round_medians_ms), max(times.round_medians_ms)
    return f"({_ms(low).strip()} to {_ms(high).strip()})"


def _percent(part: float) -> str:
    return f"{100 * part:4.0f} %" if part < 10 else ">999 %"


def _ms(value: float | None) -> str:
    """Three digits that count, seven columns."""
    if value is None:
        return f"{'-':>7}"
    places = 3 if value < 1 else 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:7,.{places}f}"
