"""A measurement for people: what the machine is, what was measured, and how far to trust it."""

from __future__ import annotations

from collections.abc import Iterator

from edge.bench.compare import Comparison
from edge.bench.conditions import Conditions
from edge.bench.document import Document
from edge.bench.tables import (
    frames_lines,
    number,
    process_lines,
    sweep_lines,
    variants_lines,
)

WORDS = 14
"""Width of the names on the left."""


def report_lines(document: Document, comparison: Comparison | None) -> Iterator[str]:
    """Line by line, without their ends."""
    yield from _marks(document)
    yield from _machine(document)
    yield ""
    yield from process_lines(document.process)
    yield ""
    yield from frames_lines(document.models[0])
    if len(document.models) > 1:
        yield ""
        yield from variants_lines(document.models)
    yield ""
    yield from sweep_lines(document.models)
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
    used = document.models[0].runtime
    runtimes = [
        f"{name} {version}{' (used)' if name == used else ''}"
        for name, version in software.runtimes.items()
    ]
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
        ("runtimes", ", ".join(runtimes)),
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


def _comparison(found: Comparison) -> Iterator[str]:
    yield f"COMPARED with {_date(found.before_utc)}, edgeproof {found.before_edgeproof}"
    for warning in found.warnings:
        yield f"  NOT TO BE RELIED ON: {warning}"
    for difference in found.differences:
        yield f"  differs: {difference}"
    if found.warnings:
        yield "  Each ratio therefore has a question mark."
    width = max((len(one.what) for one in found.ratios), default=0)
    yield f"  {'':{width}}  {'BEFORE':>7}  {'NOW':>7}  {'':10}  NOW/BEFORE"
    mark = "?" if found.warnings else " "
    for one in found.ratios:
        verdict = "" if one.verdict == "as before" else one.verdict
        yield (
            f"  {one.what:{width}}  {number(one.before)}  {number(one.now)}  {one.unit:10}  "
            f"{one.ratio:9.2f}{mark}  {verdict}"
        ).rstrip()
    yield "  Without a word: as before, as far as the rounds of the two tell."


def _legend(document: Document) -> Iterator[str]:
    yield (
        "p50: half of the samples took no longer; p95, p99 alike, and - where they are too few. "
        "spread: from the"
    )
    yield (
        f"fastest of {document.options.rounds} rounds to the slowest, of the median. Pictures are "
        "drawn; files are in the system's cache."
    )
