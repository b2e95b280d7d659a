"""What stands in report.html, in its order, with every number as it is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edge.proof import Measurement
from export.gate import FLOAT, Check, Verdict
from export.measure import Answers
from export.report import figures, wording
from export.report.analysis import (
    curves_of,
    flips,
    hard_curves,
    matrix_of,
    opinions,
    recall_of,
    regression_on,
    shown_answers,
    word,
    worst_check,
    worst_failures,
)
from export.report.confusions import Matrix, Pair, confused_pairs, matrices
from export.report.contents import Report
from export.report.pictures import Gallery, gallery
from export.statistics import reliability

if TYPE_CHECKING:
    from export.bench import Finding

MOST_CLASSES = 40
"""Rows of the table of classes; those that changed most are kept."""
PREFERRED = "int8"
"""The variant that is open when the page is, where there is one."""


@dataclass(frozen=True)
class PolicyRow:
    """One line of the policy: a check for each variant, or for each runtime of one variant."""

    name: str
    title: str
    limit: str
    cells: tuple[Check | None, ...]
    """One alone is of all the columns."""


@dataclass(frozen=True)
class ClassRow:
    """One class: recall in percent, changes in points."""

    label: str
    pictures: int
    floats: str
    ours: str
    change: str
    heat: str
    shipped: str
    """Lost to the shipped model; empty without one."""


@dataclass(frozen=True)
class Section:
    """Everything about one variant."""

    finding: Finding
    gate: str
    failures: tuple[tuple[Check, int], ...]
    """The worst of each policy line that failed, and of how many."""
    is_open: bool
    number: int
    """Place among the variants, which decides its colour."""
    runtime: str
    """That the diagrams and pictures speak of."""
    rows: tuple[tuple[Answers, Measurement], ...]
    quantization: str
    policy: tuple[PolicyRow, ...]
    classes: tuple[ClassRow, ...]
    classes_left_out: int
    reliability: str
    robustness: str
    matrices: tuple[Matrix, ...]
    pairs: tuple[Pair, ...]
    galleries: tuple[Gallery, ...]
    layers: tuple[Any, ...]
    worst_layer: Any | None


@dataclass(frozen=True)
class Page:
    """report.html"""

    report: Report
    headline: str
    floats: Any
    """The float model's Score."""
    policy: tuple[PolicyRow, ...]
    settings: tuple[tuple[str, str], ...]
    """Keys of the policy that are no limits."""
    trade_offs: tuple[str, ...]
    sections: tuple[Section, ...]


def make_page(report: Report) -> Page:
    """Computes, words and draws everything."""
    floats = report.floats
    variants = [finding.variant for finding in report.findings]
    chosen = PREFERRED if PREFERRED in variants else next(iter(variants), "")
    marks = [
        figures.Mark(finding.variant, one.name, found.score, one.latency_us, size_bytes)
        for finding in report.findings
        for size_bytes in [finding.verdict.cost.model_bytes]
        for one, found in zip(finding.answers, finding.verdict.measurements, strict=True)
    ]
    checks = {finding.variant: finding.verdict.checks for finding in report.findings}
    return Page(
        report=report,
        headline=wording.headline(report),
        floats=floats,
        policy=_policy_rows(report, list(checks.values())),
        settings=tuple(
            (name, f"{limit:g}")
            for name, limit in vars(report.policy).items()
            if name not in _limits(report)
        ),
        trade_offs=figures.trade_offs(marks, floats, "trade") if marks else (),
        sections=tuple(
            _section(report, finding, number, finding.variant == chosen)
            for number, finding in enumerate(report.findings)
        ),
    )


def _section(report: Report, finding: Finding, number: int, is_open: bool) -> Section:
    reference, verdict = report.reference, finding.verdict
    shown = shown_answers(finding)
    confusions = matrix_of(reference.logits, reference), matrix_of(shown.logits, reference)
    classes = _class_rows(report, finding, shown)
    quantization, layers = finding.quantization, finding.layers
    diagrams = _diagrams(report, finding, shown, number)
    return Section(
        finding=finding,
        gate=word(verdict),
        failures=worst_failures(verdict),
        is_open=is_open,
        number=number,
        runtime=shown.name,
        rows=tuple(zip(finding.answers, verdict.measurements, strict=True)),
        quantization="" if quantization is None else str(quantization),
        policy=_own_rows(report, verdict),
        classes=classes[:MOST_CLASSES],
        classes_left_out=max(0, len(classes) - MOST_CLASSES),
        reliability=diagrams[0],
        robustness=diagrams[1],
        matrices=matrices(*confusions, reference.labels, finding.variant),
        pairs=confused_pairs(*confusions, reference.labels),
        galleries=_galleries(report, finding, shown),
        layers=layers,
        worst_layer=min(layers, key=lambda layer: layer.sqnr_db) if layers else None,
    )


def _policy_rows(report: Report, columns: Sequence[Sequence[Check]]) -> tuple[PolicyRow, ...]:
    """A row for each limit, with the worst of each variant's checks."""
    rows = []
    for name, limit in _limits(report).items():
        found = [[check for check in column if check.name == name] for column in columns]
        cells = tuple(worst_check(checks) if checks else None for checks in found)
        rows.append(PolicyRow(name, wording.line(name).title, wording.limit(name, limit), cells))
    return tuple(rows)


def _own_rows(report: Report, verdict: Verdict) -> tuple[PolicyRow, ...]:
    """Every check of one variant: those of a runtime side by side, others by themselves."""
    runtimes = [found.runtime for found in verdict.measurements]
    rows = []
    for name, limit in _limits(report).items():
        checks = {check.where: check for check in verdict.checks if check.name == name}
        words = name, wording.line(name).title, wording.limit(name, limit)
        for where in [place for place in checks if place not in runtimes]:
            title = f"{words[1]} of the float model" if where == FLOAT else words[1]
            rows.append(PolicyRow(name, title, words[2], (checks[where],)))
        if any(place in runtimes for place in checks):
            rows.append(PolicyRow(*words, tuple(checks.get(place) for place in runtimes)))
    return tuple(rows)


def _limits(report: Report) -> dict[str, float]:
    """The policy without its settings, which are no limits."""
    return {k: v for k, v in vars(report.policy).items() if k.startswith(("min_", "max_"))}


def _class_rows(report: Report, finding: Finding, shown: Answers) -> tuple[ClassRow, ...]:
    """In the data set's order, or by change where there are too many to show."""
    reference = report.reference
    floats, ours = recall_of(reference.logits, reference), recall_of(shown.logits, reference)
    counts = np.bincount(reference.targets, minlength=len(reference.labels))
    changes = np.nan_to_num(100 * (ours - floats))
    order = np.arange(len(changes))
    if len(order) > MOST_CLASSES:
        order = np.argsort(changes, kind="stable")
    regression = regression_on(finding.verdict, shown.name)
    against = regression.class_drop_points if regression else {}
    return tuple(
        ClassRow(
            label=label,
            pictures=int(counts[index]),
            floats=wording.percent(floats[index]),
            ours=wording.percent(ours[index]),
            change=wording.signed(changes[index]) if counts[index] else wording.NO_VALUE,
            heat="" if not changes[index] else "better" if changes[index] > 0 else "worse",
            shipped=wording.signed(-against[label]) if label in against else "",
        )
        for index in order
        for label in [reference.labels[index]]
    )


def _diagrams(report: Report, finding: Finding, shown: Answers, number: int) -> tuple[str, str]:
    """Reliability, and robustness where hard pictures were asked."""
    reference, temperature = report.reference, finding.output.temperature
    bins = [
        reliability(logits, reference.targets, temperature)
        for logits in (reference.logits, shown.logits)
    ]
    curves = curves_of(shown, reference)
    floats = hard_curves(reference.logits, reference.corrupted, reference) if curves else {}
    return (
        figures.reliability_diagram(bins[0], bins[1], finding.variant, number, f"rel{number}"),
        figures.robustness(floats, curves, finding.variant, number, f"rob{number}")
        if curves
        else "",
    )


def _galleries(report: Report, finding: Finding, shown: Answers) -> tuple[Gallery, ...]:
    """Kinds of pictures of which there are any."""
    found, told = flips(shown.logits, report.reference), opinions(report, finding)
    regression = regression_on(finding.verdict, shown.name)
    kinds = [
        ("Newly wrong: the shipped model gets them right",
         regression.newly_wrong if regression else ()),
        ("Lost by quantisation: the float model is right", found.lost),
        ("Gained by quantisation: the float model is wrong", found.gained),
    ]  # fmt: skip
    labels = report.reference.labels
    return tuple(
        gallery(title, indices, report.test, labels, told) for title, indices in kinds if indices
    )
