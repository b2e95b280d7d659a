"""A report for people and for machines."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from train.photos.report import REASONS, LeftOut, Report
from train.photos.rules import ENOUGH_TEST_PICTURES, SIDE

SHOWN = 5
"""Paths of a kind that are named where not all are."""


def summary(report: Report) -> list[str]:
    """What is left out, in a few lines; nothing when all is used."""
    lines = []
    for reason, files in _by_reason(report):
        lines.append(f"left out: {len(files)} {REASONS[reason]}")
        lines += [f"  {file.path}: {file.detail}" for file in files[:SHOWN]]
        if len(files) > SHOWN:
            lines.append(f"  and {len(files) - SHOWN} more")
    if lines:
        lines.append(
            f"{len(report.kept)} pictures are used; to see all: edgeproof scan {report.folder}"
        )
    return lines


def table(report: Report) -> str:
    """The whole report, grouped by finding; names every file that is left out or a near copy."""
    parts = [_title(report), *_left_out(report), *_near_copies(report), *_notes(report)]
    return "\n\n".join([*parts, _counts(report), _verdict(report)]) + "\n"


def machine(report: Report) -> str:
    """JSON: every file by name."""
    place = {int(index): at for at, index in enumerate(report.kept)}
    side = ["train", "test"]
    rows: list[dict[str, Any]] = []
    for index, picture in enumerate(report.pictures):
        at = place.get(index)
        facts = asdict(picture.facts)
        del facts["thumbnail"]
        rows.append(
            {
                "path": picture.path,
                "class": picture.label,
                "split": picture.split,
                **{k: v.hex() if isinstance(v, bytes) else v for k, v in facts.items()},
                "group": None if at is None else int(report.groups[at]),
                "used_for": None if at is None or report.problem else side[int(report.is_test[at])],
            }
        )
    whole = {
        "folder": str(report.folder),
        "classes": list(report.labels),
        "has_own_test_split": report.is_split,
        "problem": report.problem,
        "left_out": [asdict(file) for file in report.left_out],
        "near_copies": report.near_copies(),
        "notes": [asdict(note) for note in report.notes],
        "pictures": rows,
    }
    return json.dumps(whole, indent=1) + "\n"


def _title(report: Report) -> str:
    whole = len(report.pictures) + len(report.left_out) - _readable_left_out(report)
    layout = "train/ and test/ are yours" if report.is_split else "one folder a class"
    return (
        f"{report.folder}: {whole} pictures, {len(report.labels)} classes, {layout}; "
        f"{len(report.kept)} are used, {len(report.left_out)} left out"
    )


def _readable_left_out(report: Report) -> int:
    return len(report.pictures) - len(report.kept)


def _by_reason(report: Report) -> Iterator[tuple[Any, list[LeftOut]]]:
    for reason, files in groupby(report.left_out, key=lambda file: file.reason):
        yield reason, list(files)


def _left_out(report: Report) -> Iterator[str]:
    for reason, files in _by_reason(report):
        width = min(48, max(len(file.path) for file in files))
        lines = [f"  {file.path:{width}}  {file.detail}" for file in files]
        yield "\n".join([f"LEFT OUT: {len(files)} {REASONS[reason]}", *lines])


def _near_copies(report: Report) -> Iterator[str]:
    groups = report.near_copies()
    if groups:
        lines = [f"  {' = '.join(paths)}" for paths in groups]
        count = sum(map(len, groups))
        title = f"NEAR COPIES: {count} in {len(groups)} groups, used; no split parts a group"
        yield "\n".join([title, *lines])


def _notes(report: Report) -> Iterator[str]:
    if report.notes:
        lines = []
        for note in report.notes:
            count = f"{len(note.paths)} " if note.paths else ""
            lines.append(f"  {count}{note.text}")
            lines += [f"    {path}" for path in note.paths[:SHOWN]]
            if len(note.paths) > SHOWN:
                lines.append(f"    and {len(note.paths) - SHOWN} more (--format json names all)")
        yield "\n".join(["WORTH A LOOK", *lines])


def _counts(report: Report) -> str:
    """One line a class: what training and the gate would get."""
    used = [report.pictures[index].label for index in report.kept]
    tested = Counter(label for label, test in zip(used, report.is_test, strict=True) if test)
    whole = Counter(used)
    width = max(5, *(len(label) for label in report.labels))
    lines = [f"{'CLASS':{width}}  {'USED':>6}  {'TRAIN':>6}  {'TEST':>6}"]
    for label in report.labels:
        train = whole[label] - tested[label]
        row: Sequence[object] = (train, tested[label])
        if report.problem is not None:
            row = ("-", "-")
        lines.append(f"{label:{width}}  {whole[label]:6}  {row[0]:>6}  {row[1]:>6}")
    return "\n".join(lines)


def _verdict(report: Report) -> str:
    if report.problem is not None:
        return f"Not a data set yet: {report.problem}"
    tests = int(report.is_test.sum())
    enough = f"the gate asks for {ENOUGH_TEST_PICTURES} unless your policy says otherwise"
    if tests < ENOUGH_TEST_PICTURES:
        more = f"take more pictures: {5 * ENOUGH_TEST_PICTURES} in all"
        if report.is_split:
            more = "put more into test/"
        return f"Too few for a proof: {tests} test pictures, {enough}; {more}."
    return (
        f"Enough for a proof: {tests} test pictures, {enough}. Pictures become {SIDE}x{SIDE}.\n"
        f"Next: edgeproof train {report.folder}"
    )
