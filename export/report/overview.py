"""The gate's last word on one or several models: what was measured beside what is asked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from export.gate import Verdict
from export.policy import Policy
from export.report.analysis import word
from export.report.contents import Report
from export.report.terminal import aligned

SCHEMA = 1
HEADINGS = (
    "MODEL", "ACCURACY", "AT LEAST", "FLOAT", "DROP", "AT MOST", "BUNDLE, BYTES", "AT MOST",
    "MULTIPLY-ADDS", "AT MOST", "GATE",
)  # fmt: skip
NOTHING = "-"


@dataclass(frozen=True)
class Row:
    """One candidate; of what was measured the worst of its runtimes."""

    model: str
    variant: str
    outcome: str
    """`passed`, `failed`, `not enough data` or `refused`: then nothing of it was measured."""
    accuracy: float | None
    """0 to 1."""
    min_accuracy: float
    float_accuracy: float
    drop_points: float | None
    """Lost against the float model, in percentage points."""
    max_drop_points: float
    bundle_bytes: int | None
    """None: it was not made, for the candidate failed before."""
    max_bundle_bytes: int
    multiply_adds: int | None
    max_multiply_adds: int


def rows_of(report: Report) -> list[Row]:
    """A row for each candidate that counts."""
    name, policy, floats = report.record.name, report.policy, report.floats.accuracy
    rows = [
        _row(name, finding.variant, finding.verdict, policy, floats)
        for finding in report.findings
        if not finding.is_superseded
    ]
    return rows + [_row(name, variant, None, policy, floats) for variant in report.refused]


def overview(rows: Sequence[Row]) -> Iterator[str]:
    """Lines of one table."""
    yield from aligned([HEADINGS, *map(_cells, rows)])


def to_json(rows: Sequence[Row]) -> str:
    """The text of gate.json."""
    passed = all(row.outcome == "passed" for row in rows)
    table = {"schema": SCHEMA, "passed": passed, "models": [asdict(row) for row in rows]}
    return json.dumps(table, indent=1, allow_nan=False) + "\n"


def _row(name: str, variant: str, verdict: Verdict | None, policy: Policy, floats: float) -> Row:
    found = verdict.measurements if verdict else ()
    return Row(
        name,
        variant,
        word(verdict) if verdict else "refused",
        min((one.score.accuracy for one in found), default=None),
        policy.min_accuracy,
        floats,
        max((one.drop.points for one in found), default=None),
        policy.max_drop_points,
        verdict.cost.bundle_bytes if verdict else None,
        policy.max_bundle_bytes,
        verdict.cost.multiply_adds if verdict else None,
        policy.max_multiply_adds,
    )


def _cells(row: Row) -> tuple[str, ...]:
    return (
        f"{row.model} {row.variant}",
        NOTHING if row.accuracy is None else f"{100 * row.accuracy:.2f} %",
        f"{100 * row.min_accuracy:.2f} %",
        f"{100 * row.float_accuracy:.2f} %",
        NOTHING if row.drop_points is None else f"{row.drop_points:+.2f}",
        f"{row.max_drop_points:g}",
        NOTHING if row.bundle_bytes is None else f"{row.bundle_bytes:,}",
        f"{row.max_bundle_bytes:,}",
        NOTHING if row.multiply_adds is None else f"{row.multiply_adds:,}",
        f"{row.max_multiply_adds:,}",
        row.outcome if row.outcome == "passed" else row.outcome.upper(),
    )
