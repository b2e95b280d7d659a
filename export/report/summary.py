"""summary.md: the verdict in GitHub's Markdown, short enough for a job summary."""

from __future__ import annotations

import re
from collections.abc import Iterator

from export.report import wording
from export.report.analysis import word, worst_failures
from export.report.contents import Report

_SPECIAL = re.compile(r"[&<>|`*_\[\]\\~#@$]")
ICONS = {"passed": "✅", "failed": "❌", "not enough data": "⚠️", "refused": "❌"}


def to_markdown(report: Report) -> str:
    """The text of summary.md."""
    return "\n".join(_lines(report)) + "\n"


def escape(text: str) -> str:
    """Text that Markdown and HTML take literally, in a table too."""
    flat = " ".join(text.split())
    return _SPECIAL.sub(lambda found: f"&#{ord(found.group())};", flat)


def _lines(report: Report) -> Iterator[str]:
    floats, sure = report.floats, report.floats_answered
    icon = ICONS["passed" if report.passed else "failed"]
    yield f"## {icon} {escape(report.record.name)}: {wording.headline(report)}"
    yield ""
    yield (
        f"{floats.n:,} test pictures of {escape(report.record.dataset)}; the float model is right "
        f"on {wording.accuracy(floats)} of them. It answers "
        f"{wording.answered(sure, floats.n)} with a label instead of `unknown`, "
        f"{wording.answered_accuracy(sure)} of those rightly."
    )
    if report.findings:
        yield from ["", *_table(report)]
    reasons = list(_reasons(report))
    if reasons:
        yield from ["", "### What stands in the way", "", *reasons]
    for finding in report.findings:
        checks = finding.verdict.checks
        passed = sum(check.passed for check in checks)
        yield from ["", "<details>"]
        yield (
            f"<summary>Policy of {escape(finding.variant)}: "
            f"{passed} of {len(checks)} lines passed</summary>"
        )
        yield from ["", "| | policy line | limit | measured | where |", "|---|---|--:|--:|---|"]
        for check in checks:
            cells = [ICONS[check.outcome], wording.line(check.name).title]
            cells += [wording.limit(check.name, check.limit), wording.value(check)]
            cells.append(" ".join(filter(None, [check.where, check.note and f"({check.note})"])))
            yield _row(cells)
        yield from ["", "</details>"]


def _table(report: Report) -> Iterator[str]:
    yield (
        "| variant | gate | runtime | size | latency | accuracy | drop, points | 95 % interval "
        "| answered | of those right |"
    )
    yield "|---|---|---|--:|--:|--:|--:|---|--:|--:|"
    for finding in report.findings:
        verdict, gate = finding.verdict, word(finding.verdict)
        for one, found in zip(finding.answers, verdict.measurements, strict=True):
            yield _row(
                [
                    finding.variant,
                    f"{ICONS[gate]} {gate}",
                    found.runtime,
                    wording.kilobytes(verdict.cost.model_bytes),
                    wording.milliseconds(one.latency_us),
                    wording.accuracy(found.score),
                    wording.signed(found.drop.points),
                    wording.drop_interval(found.drop),
                    wording.answered(found.answered, found.score.n),
                    wording.answered_accuracy(found.answered),
                ]
            )


def _reasons(report: Report) -> Iterator[str]:
    for finding in report.findings:
        for check, count in worst_failures(finding.verdict):
            more = f"; and on {count - 1} more" if count > 1 else ""
            told = f"`{check.name}`{escape(str(check).removeprefix(check.name))}{more}"
            yield f"- {ICONS[check.outcome]} **{escape(finding.variant)}** {told}"
        for cause in finding.causes:
            yield f"- 🔎 **{escape(finding.variant)}** {escape(str(cause))}"
    for variant, reason in report.refused.items():
        yield f"- {ICONS['refused']} **{escape(variant)}** could not be measured: {escape(reason)}"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(map(escape, cells))} |"
