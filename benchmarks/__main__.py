"""`make bench`: everybody side by side in one run.

    python -m benchmarks [--rounds N] [--only NAMES] [--skip NAMES] [--docs]

Progress goes to stderr, the page to stdout; page, JSON and plot to build/bench/, with --docs to
docs/ as well. Exits with 1 when a contender failed, with 4 when nothing can be measured; a goal
that is not reached is in the table and no failure.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import materials
from benchmarks.environments import (
    FROM_WHEEL,
    NAMES,
    ROOT,
    Environment,
    Unavailable,
    build_wheel,
    make,
)
from benchmarks.lineup import CONTENDERS, TASKS
from benchmarks.measure import measure
from benchmarks.report import Settings, labels_in_names, make_report
from benchmarks.table import render

BUILD = ROOT / "build" / "bench"
NAME = "speed"
MODELS = {"onnxruntime": "digits.onnx", "mediapipe": "digits-mediapipe.tflite"}
SECONDS = time.monotonic()


@dataclass
class Stage:
    """What was made ready."""

    environments: dict[str, Environment] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    """Contender -> why it is not measured."""
    pictures: Path = BUILD / "pictures"
    models: Path = BUILD / "models"


def main() -> int:
    settings, is_for_docs = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that a contender ends with it
    try:
        stage = prepare(settings)
    except Unavailable as error:
        say(f"cannot be measured: {error}")
        return 4
    commands = make_commands(stage)
    found = measure(commands, settings.rounds, say)
    labels = labels_in_names(stage.pictures / "photos")
    report = make_report(settings, stage.environments, stage.left_out, found, labels)
    for name, why in report["not_measured"].items():
        say(f"not measured: {name}: {why}")
    write(report, is_for_docs)
    say(f"done in {time.monotonic() - SECONDS:.0f} s")
    return 1 if found.failed else 0


def parse() -> tuple[Settings, bool]:
    parser = argparse.ArgumentParser(prog="make bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="environments, apart by commas or spaces")
    parser.add_argument("--skip", default="", help=f"of {', '.join(NAMES)}")
    parser.add_argument("--machine", default="", help="what this is, in words, for the page")
    parser.add_argument("--docs", action="store_true", help="write docs/speed.* too")
    asked = parser.parse_args()
    only, skip = (tuple(text.replace(",", " ").split()) for text in (asked.only, asked.skip))
    unknown = sorted({*only, *skip} - set(NAMES))
    if unknown:
        parser.error(f"expected names of {', '.join(NAMES)}, got {', '.join(unknown)}")
    if asked.rounds < 1:
        parser.error(f"expected at least one round, got {asked.rounds}")
    cores = len(os.sched_getaffinity(0))
    machine = asked.machine or f"{platform.machine()}, {cores} cores"
    return Settings(asked.rounds, only, skip, machine, cores), asked.docs


def prepare(settings: Settings) -> Stage:
    """Environments, models and pictures; what cannot be had is noted, not hidden.

    Raises:
        Unavailable: nothing can be measured without it.
    """
    stage = Stage()
    wheel = build_wheel(BUILD / "wheel")
    stage.pictures = materials.make_pictures(BUILD, say)
    stage.models = materials.make_models(BUILD, say)
    for name in NAMES:
        why = reason(name, settings)
        try:
            if why is None:
                stage.environments[name] = make(name, BUILD / "environments", wheel, say)
                if name == "onnxruntime":
                    materials.make_onnx(BUILD, stage.models, wheel, say)
                if name == "mediapipe":
                    materials.make_mediapipe(stage.models, stage.environments[name])
        except Unavailable as error:
            if name in FROM_WHEEL:
                raise
            why = f"its environment cannot be made: {error}"
        if why is not None:
            stage.environments.pop(name, None)
            mine = [one for one in CONTENDERS.values() if one.environment == name]
            stage.left_out |= {one.name: why for one in mine}
            say(f"left out: {name}: {why}")
    return stage


def reason(name: str, settings: Settings) -> str | None:
    """Why an environment was not wanted; none: it is."""
    if name in settings.skip:
        return f"left out by SKIP={name}"
    if settings.only and name not in settings.only:
        return f"left out by ONLY={' '.join(settings.only)}"
    return None


def make_commands(stage: Stage) -> dict[tuple[str, str], list[str]]:
    """(contender, task) -> command, of all that can run."""
    commands = {}
    for contender in CONTENDERS.values():
        if contender.name in stage.left_out:
            continue
        environment = stage.environments[contender.environment]
        for name in contender.tasks:
            source = stage.pictures / TASKS[name].source
            if not source.exists() and name == "mnist":
                continue
            places = {
                "bin": environment.bin,
                "contenders": ROOT / "benchmarks" / "contenders",
                "models": stage.models,
                "source": source,
            }
            commands[contender.name, name] = [part.format(**places) for part in contender.command]
    return commands


def write(report: dict[str, object], is_for_docs: bool) -> None:
    """JSON, page and plot; the page to stdout too."""
    page = render(report)
    (BUILD / f"{NAME}.json").write_text(json.dumps(report, indent=1) + "\n")
    (BUILD / f"{NAME}.md").write_text(page)
    paths = [str(BUILD / f"{NAME}.{kind}") for kind in ("json", "png")]
    try:
        materials.run_own("benchmarks.plot", *map(Path, paths))
    except Unavailable as error:
        say(f"no plot: {error}")
    if is_for_docs:
        for kind in ("json", "md", "png"):
            shutil.copyfile(BUILD / f"{NAME}.{kind}", ROOT / "docs" / f"{NAME}.{kind}")
    print(page)


def say(line: str) -> None:
    """One line of progress."""
    print(f"bench: {time.monotonic() - SECONDS:4.0f} s: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
