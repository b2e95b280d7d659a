"""What a run found, as one JSON document: everything that the table and the plot are made from."""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.environments import Environment
from benchmarks.figures import agreement, middle
from benchmarks.goals import judge
from benchmarks.lineup import CONTENDERS, STILLS, TASKS
from benchmarks.measure import Sample, Samples

SCHEMA = 1
EXPECTED = "plain"
"""Whose labels of the PNG files are expected of everybody."""


@dataclass(frozen=True)
class Settings:
    """How a run was asked for."""

    rounds: int
    only: tuple[str, ...]
    """Contenders that alone were wanted; empty: all."""
    skip: tuple[str, ...]
    machine: str
    """In words."""
    cores: int


def make_report(
    settings: Settings,
    environments: Mapping[str, Environment],
    left_out: Mapping[str, str],
    found: Samples,
    photo_labels: list[str],
) -> dict[str, Any]:
    """left_out: contender -> why it is not measured. photo_labels: what the photos show."""
    missing = {name: clean(why) for name, why in {**left_out, **found.failed}.items()}
    runs = {key: samples for key, samples in found.runs.items() if key[0] not in found.failed}
    answers = {key: told for key, told in found.answers.items() if key[0] not in found.failed}
    return {
        "schema": SCHEMA,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": {
            "words": settings.machine,
            "architecture": platform.machine(),
            "system": platform.system(),
            "cores": settings.cores,
            "python": platform.python_version(),
        },
        "settings": {key: value for key, value in asdict(settings).items() if key != "machine"},
        "environments": {
            name: {key: value for key, value in asdict(one).items() if key not in ("name", "bin")}
            for name, one in environments.items()
        },
        "not_measured": missing,
        "contenders": {
            name: summary(name, runs, answers, photo_labels)
            for name in CONTENDERS
            if name not in missing
        },
        "goals": [asdict(one) for one in judge(runs, answers, environments.get("ours"))],
        "samples": [samples_record(key, samples) for key, samples in runs.items()],
    }


def summary(
    name: str,
    runs: dict[tuple[str, str], list[Sample]],
    answers: Mapping[tuple[str, str], list[str]],
    photo_labels: list[str],
) -> dict[str, Any]:
    """A contender's medians; null where it has no such task."""
    contender = CONTENDERS[name]
    told, expected = answers.get((name, "png")), answers.get((EXPECTED, "png"))
    photos = answers.get((name, "photos"))
    figures = {
        "start_s": middle(runs, name, "one-png", "time"),
        "peak_mb": middle(runs, name, "one-png", "memory"),
        "png_per_s": middle(runs, name, "png", "rate"),
        "photos_per_s": middle(runs, name, "photos", "rate"),
        "film_per_s": middle(runs, name, "film", "rate"),
        "call_us": middle(runs, name, "calls", "call"),
        "folder_s": middle(runs, name, "png", "time"),
        "photo_folder_s": middle(runs, name, "photos", "time"),
    }
    return {
        "title": contender.title,
        "environment": contender.environment,
        **figures,
        "png_labels_as_plain": agreement(told, expected) if told and expected else None,
        "photos_right": agreement(photos, photo_labels) if photos else None,
    }


def samples_record(key: tuple[str, str], samples: list[Sample]) -> dict[str, Any]:
    """Every sample of one contender at one task, rounded to what the clock is worth."""
    calls = [one.call_us for one in samples if one.call_us is not None]
    peaks = [one.peak_mb for one in samples if one.peak_mb is not None]
    return {
        "contender": key[0],
        "task": key[1],
        "pictures": TASKS[key[1]].count,
        "wall_s": [round(one.wall_s, 4) for one in samples],
        "cpu_s": [round(one.cpu_s, 4) for one in samples],
        "peak_mb": round(median(peaks), 1) if peaks else None,
        **({"call_us": [round(call, 2) for call in calls]} if calls else {}),
    }


def clean(message: str) -> str:
    """A message without addresses and without this machine's paths: the report is published."""
    without = re.sub(r"https?://\S+|host='[^']*'", "(address)", message)
    return re.sub(r"(?<![\w.])/\S+/", "", without.replace("|", "/"))


def labels_in_names(folder: Path) -> list[str]:
    """NUMBER-LABEL.jpg -> labels, in the files' order."""
    return [path.stem.split("-", 1)[1] for path in sorted(folder.iterdir())]


def side_by_side(report: Mapping[str, Any]) -> dict[str, Any]:
    """Of the contenders those that classify pictures, or decode them; not the calls."""
    return {
        name: one
        for name, one in report["contenders"].items()
        if set(CONTENDERS[name].tasks) & set(STILLS)
    }
