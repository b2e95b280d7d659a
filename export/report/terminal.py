"""The report on a terminal: the float model, a row for each candidate and runtime, the reasons."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from export.gate import Cost
from export.policy import Policy
from export.report import wording
from export.report.analysis import word
from export.report.contents import Report

HEADINGS = (
    "VARIANT", "RUNTIME", "SIZE", "ACCURACY", "DROP", "95 % INTERVAL", "WORST CLASS", "AGREES",
    "SQNR", "ANSWERED", "OF THOSE RIGHT", "GATE",
)  # fmt: skip


def table(report: Report) -> Iterator[str]:
    """Lines, as wide as what stands in them."""
    floats, sure = report.floats, report.floats_answered
    yield (
        f"{report.record.name}: {floats.n} test pictures, Keras float model "
        f"{wording.accuracy(floats)} ({floats.correct} right), {wording.answered(sure, floats.n)} "
        f"answered, {wording.answered_accuracy(sure)} of those right"
    )
    if report.findings:
        yield from aligned([HEADINGS, *_rows(report)])
    for finding in report.findings:
        yield f"COST {finding.variant}: {_cost(finding.verdict.cost, report.policy)}"
        if finding.is_superseded:  # the report has its reasons, and what was tried
            yield f"REPAIRED {finding.variant}: by {report.steps[-1].quantization}"
        for check in () if finding.is_superseded else finding.verdict.failures:
            state = "FAILED" if check.outcome == "failed" else check.outcome.upper()
            yield f"{state} {finding.variant}: {check}"
        for cause in finding.causes:
            yield f"CAUSE {finding.variant}: {cause}"
    for variant, reason in report.refused.items():
        yield f"REFUSED {variant}: {reason}"


def _rows(report: Report) -> Iterator[Sequence[str]]:
    for finding in report.findings:
        gate = word(finding.verdict)
        for found in finding.verdict.measurements:
            yield (
                finding.variant,
                found.runtime,
                f"{finding.verdict.cost.model_bytes / 1000:.0f} kB",
                wording.accuracy(found.score),
                f"{found.drop.points:+.2f}",
                "{:+.2f} to {:+.2f}".format(*found.drop.interval_95),
                wording.worst_class(found),
                wording.percent(found.agreement),
                f"{found.sqnr_db:.1f} dB",
                wording.answered(found.answered, found.score.n),
                wording.answered_accuracy(found.answered),
                gate if gate == "passed" else gate.upper(),
            )


def _cost(cost: Cost, policy: Policy) -> str:
    """What is copied to a device and computed there, each with what it may be."""
    bundle = f"bundle {cost.bundle_bytes:,} bytes" if cost.bundle_bytes else "no bundle"
    return (
        f"{bundle} (at most {policy.max_bundle_bytes:,}), "
        f"{cost.multiply_adds:,} multiply-adds (at most {policy.max_multiply_adds:,})"
    )


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines of a table, each column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        padded = (f"{cell:{width}}" for cell, width in zip(row, widths, strict=True))
        yield "  ".join(padded).rstrip()
