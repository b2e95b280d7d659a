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
from edge.interpreter import installed_runtimes
from edge.zoo import shipped_models
from tests.arm.compare import Row, compare, read_side
from tests.arm.emulate import environment
from tests.arm.install import install, sizes_mb
from tests.arm.machines import Machine

ANSWER = Path(__file__).with_name("answer.py")
ROOT = Path(__file__).resolve().parents[2]
SCORE_TOLERANCE, OTHER_RUNTIME_TOLERANCE = 1e-3, 0.05
"""Of a probability. `classify` takes the runtime that is installed first, and here that may be
another one than there; their raw outputs are compared runtime by runtime."""
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
    verified = _lines(board, [*edgeproof, "verify", "--json", *task.models], environment())
    checks = _lines(board, [*edgeproof, "doctor", "--json"], environment())
    wait()
    listing = ["classify", str(task.pictures), "--format", "jsonl"]
    theirs = _lines(board, [*edgeproof, *listing], environment())
    here = {**environment(), "PYTHONPATH": str(ROOT)}
    ours = _lines(board, [sys.executable, "-m", "edge", *listing], here)
    sides = []
    for name, program, settings in (
        ("ours", sys.executable, here),
        ("theirs", str(python), environment()),
    ):
        out = task.scratch / f"{board.name}-{name}.npz"
        command = [program, str(ANSWER), board.runtime, str(task.pictures), str(out), *task.models]
        _lines(board, command, settings)
        sides.append(read_side(out))
    is_same = board.runtime == installed_runtimes()[0]
    tolerance = SCORE_TOLERANCE if is_same else OTHER_RUNTIME_TOLERANCE
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
        others=faults + compare_lines(ours, theirs, tolerance),
        sizes_mb=sizes_mb(python),
    )


def compare_lines(
    ours: Sequence[dict[str, Any]],
    theirs: Sequence[dict[str, Any]],
    tolerance: float = SCORE_TOLERANCE,
) -> list[str]:
    """Faults in what `classify --format jsonl` printed: another picture, label, box or score."""
    if len(ours) != len(theirs):
        return [f"classify: expected {len(ours)} lines, got {len(theirs)}"]
    for one, other in zip(ours, theirs, strict=True):
        same = all(one[key] == other[key] for key in ("source", "label", "box", "reason"))
        if not same or abs(one["score"] - other["score"]) > tolerance:
            got, expected = (
                {key: line[key] for key in ("label", "box", "score")} for line in (other, one)
            )
            return [f"classify: {Path(one['source']).name}: expected {expected}, got {got}"]
    return []


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
