"""report.json: everything that a program would want to know, and nothing that JSON cannot say."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Any

from edge.proof import Measurement
from export.measure import Answers
from export.pack import output_of
from export.report.analysis import (
    curves_of,
    flips,
    hard_curves,
    matrix_of,
    told_pictures,
    word,
)
from export.report.contents import Report
from export.statistics import reliability
from train.samples import PictureFiles

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from export.bench import Finding
    from export.reference import Reference

SCHEMA = 3


def to_json(report: Report) -> str:
    """The text of report.json.

    `confusion` is true class by answer, the last column `unknown`; `corruptions` go by kind and
    strength, 0 for clean, on the `hard_pictures`; `lost` and `gained` are indices of test pictures.
    `answered` is of the pictures that get a label at the model's temperature and threshold; all
    else, `confusion` too, is of the best label however low its score.
    """
    record, reference = report.record, report.reference
    table = {
        "schema": SCHEMA,
        "model": record.name,
        "run": record.id,
        "dataset": record.dataset,
        "test_sha256": record.test_sha256,
        "test_pictures": len(reference.targets),
        "hard_pictures": len(reference.part),
        "labels": reference.labels,
        "passed": report.passed,
        "policy": asdict(report.policy),
        "float": {
            "score": asdict(report.floats),
            "answered": asdict(report.floats_answered),
            **_details(reference.logits, reference, output_of(record).temperature),
            "corruptions": hard_curves(reference.logits, reference.corrupted, reference),
        },
        "candidates": [_candidate(finding, reference) for finding in report.findings],
        "refused": report.refused,
        "steps": [plain(step) for step in report.steps],
        "picture_files": _files(report),
        "versions": report.versions,
    }
    return json.dumps(_finite(table), indent=1, allow_nan=False) + "\n"


def plain(value: Any) -> Any:
    """A dataclass as a table; anything else as it is."""
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


def _candidate(finding: Finding, reference: Reference) -> dict[str, Any]:
    verdict, output = finding.verdict, finding.output
    pairs = zip(verdict.measurements, finding.answers, strict=True)
    return {
        "variant": finding.variant,
        "passed": verdict.passed,
        "outcome": word(verdict),
        "size_bytes": verdict.cost.model_bytes,
        "bundle_bytes": verdict.cost.bundle_bytes,
        "multiply_adds": verdict.cost.multiply_adds,
        "temperature": output.temperature,
        "unknown_threshold": output.unknown_threshold,
        "float_answered": asdict(verdict.float_answered),
        "quantization": plain(finding.quantization),
        "checks": [asdict(check) for check in verdict.checks],
        "measurements": [_measured(*pair, reference, output.temperature) for pair in pairs],
        "regressions": [asdict(regression) for regression in verdict.regressions],
        "causes": [asdict(cause) for cause in finding.causes],
        "layers": [plain(layer) for layer in finding.layers],
    }


def _measured(
    found: Measurement, one: Answers, reference: Reference, temperature: float
) -> dict[str, Any]:
    return {
        **asdict(found),
        "latency_us": one.latency_us,
        **_details(one.logits, reference, temperature),
        "corrupted_accuracy": curves_of(one, reference),
        **asdict(flips(one.logits, reference)),
    }


def _details(
    logits: NDArray[np.float32], reference: Reference, temperature: float
) -> dict[str, Any]:
    bins = reliability(logits, reference.targets, temperature)
    return {
        "confusion": matrix_of(logits, reference).tolist(),
        "reliability": {**asdict(bins), "error": bins.error},
    }


def _files(report: Report) -> dict[str, str]:
    """Index -> path of the pictures that this report speaks of; empty for a data set in memory."""
    frames = report.test.frames
    if not isinstance(frames, PictureFiles):
        return {}
    return {str(index): str(frames.paths[index]) for index in told_pictures(report)}


def _finite(value: Any) -> Any:
    """The same with null for what is not a number: JSON has neither NaN nor Infinity."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value
