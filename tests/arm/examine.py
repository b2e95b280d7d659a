"""One emulated board from nothing to a verdict."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.errors import EnvironmentFault
from edge.interpreter import RUNTIMES
from edge.zoo import shipped_models
from tests.arm.compare import Row, compare, read_side
from tests.arm.emulate import environment
from tests.arm.install import install, sizes_mb
from tests.arm.machines import Machine

ANSWER = Path(__file__).with_name("answer.py")
ROOT = Path(__file__).resolve().parents[2]
SCORE_TOLERANCE = 0.1
"""Of a probability: what a step or two of an int8 output makes at most. The raw outputs are held to
the bit; this holds the command to them."""
HARMLESS = "cpuinfo"
"""In what the runtimes say on stderr there: the emulator shows no such files of the kernel."""
LIMIT_S = 600


@dataclass(frozen=True)
class Task:
    """What every board is given."""

    wheel: Path
    bundles: tuple[Path, ...]
    scratch: Path

    @property
    def pictures(self) -> Path:
        return self.scratch / "pictures"

    @property
    def models(self) -> list[str]:
        return [*shipped_models(), *(str(path) for path in self.bundles)]


@dataclass(frozen=True)
class Examined:
    """What came of one board."""

    machine: str
    board: str
    python: str
    numpy: str
    runtime: str
    verified: str
    classified: str
    rows: list[Row]
    others: list[str]
    """Faults of the commands."""
    sizes_mb: dict[str, float]

    def faults(self) -> list[str]:
        return [row.fault for row in self.rows if row.fault] + self.others


def examine(board: Machine, task: Task, wait: Callable[[], object]) -> Examined:
    """Installs, runs and compares. wait: returns when the pictures are there.

    Raises:
        EnvironmentFault: it cannot be brought up, or a command does not end as it should.
    """
    python = install(board, task.wheel)
    _say(board, f"installed {task.wheel.name}")
    edgeproof = [str(python.parent / "edgeproof")]
    # What this machine installed, trusts and has tried is no affair of the board's.
    own = {"EDGEPROOF_STORE": "store", "XDG_CACHE_HOME": "cache"}
    there = environment() | {key: str(task.scratch / board.name / own[key]) for key in own}
    verified = _lines(board, [*edgeproof, "verify", "--json", *task.models], there)
    checks = _lines(board, [*edgeproof, "doctor", "--json"], there)
    wait()
    listing = ["classify", str(task.pictures), "--format", "jsonl"]
    theirs = _lines(board, [*edgeproof, *listing], there)
    here = only_runtime(board.runtime, task.scratch / f"{board.name}-only")
    ours = _lines(board, [sys.executable, "-m", "edge", *listing], here)
    sides = []
    for name, program, settings in (
        ("ours", sys.executable, here),
        ("theirs", str(python), there),
    ):
        out = task.scratch / f"{board.name}-{name}.npz"
        command = [program, str(ANSWER), board.runtime, str(task.pictures), str(out), *task.models]
        _lines(board, command, settings)
        sides.append(read_side(out))
    faults = [f"verify: {one}" for one in verified if not one["ok"]]
    faults += [f"doctor: {check['name']}: {check['found']}" for check in checks if _is_fault(check)]
    return Examined(
        machine=board.name,
        board=board.board,
        python=sides[1].header["python"],
        numpy=sides[1].header["numpy"],
        runtime=board.runtime,
        verified=_verified(verified),
        classified=f"{len(theirs)} pictures",
        rows=compare(*sides),
        others=faults + compare_lines(ours, theirs),
        sizes_mb=sizes_mb(python),
    )


def compare_lines(
    ours: Sequence[dict[str, Any]],
    theirs: Sequence[dict[str, Any]],
) -> list[str]:
    """Faults in what `classify --format jsonl` printed: another picture, label, box or score."""
    if len(ours) != len(theirs):
        return [f"classify: expected {len(ours)} lines, got {len(theirs)}"]
    for one, other in zip(ours, theirs, strict=True):
        same = all(one[key] == other[key] for key in ("source", "label", "box", "reason"))
        if not same or abs(one["score"] - other["score"]) > SCORE_TOLERANCE:
            got, expected = (
                {key: line[key] for key in ("label", "box", "score")} for line in (other, one)
            )
            return [f"classify: {Path(one['source']).name}: expected {expected}, got {got}"]
    return []


def only_runtime(runtime: str, folder: Path) -> dict[str, str]:
    """An environment for this machine's Python that has our tree and, of the runtimes, one.

    `classify` takes the first that it finds, and here there may be two. By a file, so that it holds
    in child processes too.
    """
    folder.mkdir(parents=True, exist_ok=True)
    hidden = [known.module for known in RUNTIMES if known.package != runtime]
    text = f"import sys\nsys.modules.update(dict.fromkeys({hidden}))\n"
    (folder / "sitecustomize.py").write_text(text)
    return {**environment(), "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}


def _is_fault(check: dict[str, Any]) -> bool:
    return check["state"] == "fault"


def _verified(records: Sequence[dict[str, Any]]) -> str:
    tests = [record["self_test"] for record in records if record["ok"]]
    identical, frames = (sum(test[key] for test in tests) for key in ("identical", "frames"))
    return f"{len(tests)} of {len(records)} models, {identical} of {frames} golden frames identical"


def _lines(
    board: Machine, command: Sequence[str], settings: dict[str, str]
) -> list[dict[str, Any]]:
    """Runs a command and returns what it printed: one JSON object a line.

    Raises:
        EnvironmentFault: it died, or ended with another code than 0 and printed nothing.
    """
    began_s = time.monotonic()
    name = " ".join(os.path.basename(word) for word in command[:3])
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=settings, timeout=LIMIT_S
    )
    said = [line for line in done.stderr.splitlines() if HARMLESS not in line]
    if done.returncode < 0 or (done.returncode and not done.stdout):
        raise EnvironmentFault(
            f"{board.name}: {name} ended with {done.returncode}: {said[-1] if said else ''}"
        )
    _say(board, f"{name}: {time.monotonic() - began_s:.0f} s")
    return [json.loads(line) for line in done.stdout.splitlines()]


def _say(board: Machine, word: str) -> None:
    print(f"test-arm: {board.name}: {word}", file=sys.stderr, flush=True)
