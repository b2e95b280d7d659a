"""Runs contenders turn and turn about, each in a process of its own, and keeps every sample.

This process imports nothing heavy: on Linux a child's peak memory starts with its parent's.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from benchmarks.lineup import CONTENDERS, TASKS, Contender, Task

TIMEOUT_S = 180
DROPPED = ("PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "PYTHONOPTIMIZE", "VIRTUAL_ENV")
"""Of this shell; a contender sees its own environment and no other."""


class Failed(Exception):
    """A contender did not do its task; says why in one line."""


@dataclass(frozen=True)
class Sample:
    """One process from its start to its end."""

    wall_s: float
    cpu_s: float
    """User and system time, children included."""
    peak_mb: float | None
    """Largest resident memory, of the largest process, 10^6 bytes; none: below what can be told."""
    call_us: float | None = None
    """Median of the calls that the contender timed itself."""


@dataclass
class Samples:
    """Everything that was measured: (contender, task) -> samples in their order."""

    runs: dict[tuple[str, str], list[Sample]] = field(default_factory=dict)
    answers: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    """What each said of the pictures, in the pictures' order."""
    failed: dict[str, str] = field(default_factory=dict)
    """Contender -> why it is not measured."""


def measure(
    commands: Mapping[tuple[str, str], Sequence[str]],
    rounds: int,
    say: Callable[[str], None],
) -> Samples:
    """Every contender at every task: one uncounted run, then the rounds.

    commands: (contender, task) -> the command; the order of the first round.
    """
    found = Samples()
    for key in commands:
        say(f"trying {key[0]}: {TASKS[key[1]].title}")
        attempt(key, commands, found, is_trial=True)
    for number in range(rounds):
        for task in TASKS.values():
            keys = [key for key in commands if key[1] == task.name]
            if keys and task.samples:
                say(f"round {number + 1} of {rounds}: {task.title}")
            for sample in range(task.samples):
                turn = (number * task.samples + sample) % max(1, len(keys))
                for key in keys[turn:] + keys[:turn]:
                    attempt(key, commands, found)
    return found


def attempt(
    key: tuple[str, str],
    commands: Mapping[tuple[str, str], Sequence[str]],
    found: Samples,
    is_trial: bool = False,
) -> None:
    """One run, kept; a contender that failed is asked no more."""
    contender, task = CONTENDERS[key[0]], TASKS[key[1]]
    if key[0] in found.failed:
        return
    try:
        command = [*commands[key], *(contender.told if is_trial else ())]
        sample, printed = run(command, is_trial or task.has_own_clock)
        if is_trial:
            found.answers[key] = read_answers(contender, task, printed)
        else:
            call_us = json.loads(printed)["call_us"] if task.has_own_clock else None
            whole = Sample(sample.wall_s, sample.cpu_s, sample.peak_mb, call_us)
            found.runs.setdefault(key, []).append(whole)
    except (Failed, ValueError, KeyError) as error:
        found.failed[key[0]] = f"{task.title}: {error}"


def run(command: Sequence[str], is_read: bool) -> tuple[Sample, str]:
    """Runs a command to its end.

    is_read: whether its output is wanted; else it goes to /dev/null.

    Raises:
        Failed: it cannot be started, exits with an error or takes too long.
    """
    environ = {name: value for name, value in os.environ.items() if name not in DROPPED}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began_s = time.perf_counter()
        try:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out if is_read else subprocess.DEVNULL,
                stderr=err,
                env=environ,
                start_new_session=True,  # so that its workers end with it
            )
        except OSError as error:
            raise Failed(str(error)) from None
        timer = threading.Timer(TIMEOUT_S, os.killpg, (child.pid, signal.SIGKILL))
        timer.start()
        try:
            _, status, used = os.wait4(child.pid, 0)
        except BaseException:
            os.killpg(child.pid, signal.SIGKILL)
            raise
        finally:
            timer.cancel()
        wall_s = time.perf_counter() - began_s
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise Failed(f"exit {child.returncode}: {last_line(err)}")
        out.seek(0)
        sample = Sample(wall_s, used.ru_utime + used.ru_stime, told_mb(used.ru_maxrss))
        return sample, out.read().decode()


def told_mb(peak_kib: int) -> float | None:
    """A child's peak; none where it is no more than what the child has from this process."""
    own_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak_kib * 1024 / 1e6 if peak_kib > own_kib else None


def last_line(file: IO[bytes]) -> str:
    """The last words of a process that failed."""
    file.seek(0)
    lines = file.read().decode(errors="replace").split("\n")
    said = [line.strip() for line in lines if line.strip()]
    return said[-1][:200] if said else "no message"


def read_answers(contender: Contender, task: Task, printed: str) -> list[str]:
    """The labels in what a contender printed, by file name; of ours, JSON lines.

    Raises:
        Failed: it answered fewer pictures than there are.
    """
    if task.has_own_clock:
        labels = list(json.loads(printed)["labels"])
    elif not contender.answers:
        return []
    elif not contender.told:
        pairs = [line.split() for line in printed.splitlines()]
        labels = [pair[1] for pair in sorted(pairs)]
    else:
        records: list[Any] = [json.loads(line) for line in printed.splitlines()]
        records.sort(key=lambda one: (Path(one["source"]).name, one["index"]))
        labels = [best_label(one) for one in records]
    if len(labels) != task.count:
        raise Failed(f"expected {task.count} answers, got {len(labels)}")
    return labels


def best_label(record: Mapping[str, Any]) -> str:
    """The label that it holds likeliest, `unknown` or not; `-` where it found nothing to ask of."""
    top = record.get("top") or [{"label": "-"}]
    return str(top[0]["label"])
