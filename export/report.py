"""The gate's findings for people and for machines: a table on the terminal, report.json."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edge.files import write_atomic
from edge.proof import Measurement
from export.gate import Verdict
from export.policy import Policy
from train.runs import RunRecord
from train.versions import versions

HEADINGS = ("VARIANT", "RUNTIME", "SIZE", "ACCURACY", "DROP", "WORST CLASS", "AGREES", "GATE")
WIDTHS = (8, 22, 7, 9, 7, 22, 9, 6)


def table(record: RunRecord, verdicts: Sequence[Verdict]) -> Iterator[str]:
    """Lines: the float model, a row for each candidate and runtime, then what failed and why."""
    floats = verdicts[0].float_score
    yield (
        f"{record.name}: {floats.n} test pictures, Keras float model {100 * floats.accuracy:.2f} % "
        f"({floats.correct} right)"
    )
    yield _row(HEADINGS)
    for verdict in verdicts:
        for found in verdict.measurements:
            yield _row(
                (
                    verdict.variant,
                    found.runtime,
                    f"{verdict.size_bytes / 1000:.0f} kB",
                    f"{100 * found.score.accuracy:.2f} %",
                    f"{found.drop_points:+.2f}",
                    _worst(found),
                    f"{100 * found.agreement:.2f} %",
                    "passed" if verdict.passed else "FAILED",
                )
            )
    for verdict in verdicts:
        for check in verdict.checks:
            if not check.passed:
                yield f"FAILED {verdict.variant}: {check}"


def write_report(
    path: Path,
    record: RunRecord,
    policy: Policy,
    verdicts: Sequence[Verdict],
    refused: dict[str, str],
) -> None:
    """Writes report.json. refused: variant -> why it could not even be measured."""
    report = {
        "schema": 1,
        "model": record.name,
        "run": record.id,
        "dataset": record.dataset,
        "test_sha256": record.test_sha256,
        "policy": asdict(policy),
        "candidates": [_candidate(verdict) for verdict in verdicts],
        "refused": refused,
        "versions": versions("tensorflow", "keras", "numpy", "tflite-runtime", "ai-edge-litert"),
    }
    write_atomic(path, (json.dumps(report, indent=1) + "\n").encode())


def _worst(found: Measurement) -> str:
    drop = found.worst_class_drop_points
    return f"{found.worst_class} {drop:+.2f}" if drop > 0 else "none is worse"


def _candidate(verdict: Verdict) -> dict[str, Any]:
    return {**asdict(verdict), "passed": verdict.passed}


def _row(cells: Sequence[str]) -> str:
    padded = (f"{cell:{width}}" for cell, width in zip(cells, WIDTHS, strict=True))
    return "  ".join(padded).rstrip()
