"""The gate's terms in words and numbers as people read them; used by every report for people."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from edge.proof import Drop, Measurement, Score
from export.gate import Check
from export.report.contents import Report

Unit = Literal["pictures", "bytes", "multiply-adds", "share", "points", "dB", "number", "nats"]

MINUS = "\u2212"
NO_VALUE = "\u2013"


@dataclass(frozen=True)
class Line:
    """How one line of the policy is called."""

    title: str
    unit: Unit


LINES = {
    "min_test_pictures": Line("Test pictures", "pictures"),
    "max_size_bytes": Line("Size of the model", "bytes"),
    "max_bundle_bytes": Line("Size of the bundle", "bytes"),
    "max_multiply_adds": Line("Multiply-adds of a picture", "multiply-adds"),
    "min_accuracy": Line("Accuracy", "share"),
    "max_drop_points": Line("Accuracy lost to float", "points"),
    "max_class_recall_drop_points": Line("Recall lost by the worst class", "points"),
    "min_agreement": Line("Same label as float", "share"),
    "min_sqnr_db": Line("Signal to quantisation noise", "dB"),
    "max_calibration_error_rise": Line("Rise of the calibration error", "number"),
    "max_nll_rise": Line("Rise of the log-likelihood loss", "nats"),
    "max_unknown_rise_points": Line("More pictures called unknown", "points"),
    "max_corrupted_drop_points": Line("Lost under the worst corruption", "points"),
    "min_kernel_agreement": Line("Same label from other kernels", "share"),
    "max_regression_points": Line("Accuracy lost to the shipped model", "points"),
    "max_class_regression_points": Line("The same for the worst class", "points"),
}

MARKS = {"passed": "✓", "failed": "✗", "not enough data": "?", "refused": "✗"}
"""A symbol beside the word: nothing is said by colour alone."""


def line(name: str) -> Line:
    """The words for a policy key; a key without words speaks for itself."""
    return LINES.get(name, Line(name, "number"))


def headline(report: Report) -> str:
    """The verdict in one sentence."""
    total = len(report.findings) + len(report.refused)
    passed = sum(finding.verdict.passed for finding in report.findings)
    if not total:
        return "Nothing was measured"
    if total == 1:
        return "The one variant may ship" if passed else "The one variant may not ship"
    if passed == total:
        return f"All {total} variants may ship"
    return f"{passed or 'None'} of {total} variants may ship"


def amount(value: float, unit: Unit, digits: int = 2) -> str:
    """A measured value with its unit."""
    if not math.isfinite(value):
        return "no number"
    if unit in ("pictures", "multiply-adds"):
        return f"{value:,.0f}"
    if unit == "bytes":
        return kilobytes(value, min(digits - 1, 3))
    if unit == "share":
        return percent(value, digits)
    if unit == "points":
        return signed(value, digits)
    if unit == "dB":
        return f"{value:.{digits - 1}f} dB"
    text = signed(value, digits + 2)
    return f"{text} nats" if unit == "nats" else text


def limit(name: str, value: float) -> str:
    """`at least` or `at most` as a sign, and the limit with as many digits as it has."""
    unit = line(name).unit
    sign = "≥" if name.startswith("min_") else "≤"
    if unit == "share":
        return f"{sign} {100 * value:.6g} %"
    if unit == "points":
        return f"{sign} {value:g} points"
    if unit in ("pictures", "bytes", "multiply-adds"):
        return f"{sign} {amount(value, unit)}"
    return f"{sign} {value:g}" + (f" {unit}" if unit in ("dB", "nats") else "")


def value(check: Check) -> str:
    """What was measured, with more digits where two would make a failure look like a pass."""
    unit = line(check.name).unit
    told = amount(check.value, unit)
    if check.outcome == "failed" and told.lstrip("+") == amount(check.limit, unit).lstrip("+"):
        return amount(check.value, unit, digits=5)
    return told


def percent(share: float, digits: int = 2) -> str:
    return f"{100 * share:.{digits}f} %" if math.isfinite(share) else NO_VALUE


def signed(number: float, digits: int = 2) -> str:
    """With its sign, a true minus; zero has none."""
    text = f"{number:+.{digits}f}"
    return text[1:] if float(text) == 0 else text.replace("-", MINUS)


def kilobytes(size_bytes: float, digits: int = 1) -> str:
    return f"{size_bytes / 1000:,.{digits}f} kB"


def milliseconds(latency_us: float) -> str:
    return f"{latency_us / 1000:.2f} ms" if latency_us else NO_VALUE


def accuracy(score: Score) -> str:
    return percent(score.accuracy)


def accuracy_interval(score: Score) -> str:
    low, high = score.interval_95
    return f"{100 * low:.2f} to {100 * high:.2f}"


def answered(found: Score, of: int) -> str:
    """The part of the pictures that gets a label."""
    return percent(found.n / of)


def answered_accuracy(found: Score) -> str:
    """The part of the answered pictures that is right."""
    return percent(found.accuracy) if found.n else NO_VALUE


def drop_interval(drop: Drop) -> str:
    low, high = drop.interval_95
    return f"{signed(low)} to {signed(high)}"


def worst_class(found: Measurement) -> str:
    drop = found.worst_class_drop_points
    return f"{found.worst_class} {signed(drop)}" if drop > 0 else "none is worse"
