"""strace(1) for the tests: what system calls a program makes, and its death at any one of them."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

PR_SET_PTRACER = 0x59616D61
"""Of prctl(2): where Yama lets a process be traced by its ancestors alone, others need a permit."""
ANYBODY = ctypes.c_ulong(-1)
LINE = re.compile(r"(?:(\d+)\s+)?(\w+)\((.*)\)\s+= (-?\d+|\?)(.*)")
BEGUN = re.compile(r"(?:(\d+)\s+)?(\w+)\(")


@dataclass(frozen=True)
class Point:
    """The k-th call of a name in a process, from 1."""

    name: str
    number: int


def is_usable() -> bool:
    """Whether there is an strace, it may trace, and it kills what it is told to."""
    if shutil.which("strace") is None:
        return False
    try:
        return run_until(Point("exit_group", 1), ["true"])
    except AssertionError:
        return False


def list_calls(command: Sequence[str]) -> list[list[Point]]:
    """The calls of each process and thread that a command comes to, its own first, in order."""
    listing = subprocess.run(
        ["strace", "-f", "-qq", "-o", "/dev/stderr", *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        check=True,
    ).stderr
    found: dict[str, list[str]] = {}
    for line in listing.splitlines():
        begun = BEGUN.match(line)
        if begun and begun[1]:
            found.setdefault(begun[1], []).append(begun[2])
    return [numbered(names) for names in found.values()]


def numbered(names: Iterable[str]) -> list[Point]:
    """Calls in their order, each with how many of its name there are up to it."""
    counts: Counter[str] = Counter()
    points = []
    for name in names:
        counts[name] += 1
        points.append(Point(name, counts[name]))
    return points


def run_until(point: Point, command: Sequence[str]) -> bool:
    """Runs a command that is killed as it is about to make one call; whether it came to that.

    Children are traced too, and die at their own k-th call; of that the command may have to say
    that the model cannot be used, with exit code 4.
    """
    # Not --seccomp-bpf, which is quicker: with it strace 6.1 injects no signal, and says nothing.
    options = ["-f", "-qq", "-o", "/dev/null", *_injection(point)]
    done = subprocess.run(["strace", *options, *command], capture_output=True, check=False)
    if done.returncode == 0:
        return False
    if done.returncode == -9 or (done.returncode == 4 and len(done.stderr.splitlines()) == 1):
        return True
    raise AssertionError(f"{point}: ended with {done.returncode}: {done.stderr.decode()}")


def fork_traced(work: Callable[[], object], options: Sequence[str]) -> int:
    """Does `work` in a fork of this process under strace; returns its wait status.

    So a program that takes long to start is started once. It is traced from just before `work`.
    """
    ready, go = os.pipe()
    waits, will_wait = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            ctypes.CDLL(None).prctl(PR_SET_PTRACER, ANYBODY)
            os.close(go)
            os.write(will_wait, b"1")
            os.read(ready, 1)
            work()
            code = 0
        finally:
            os._exit(code)
    os.close(ready)
    os.read(waits, 1)  # or a slow fork's first calls would be counted as the work's
    os.close(waits)
    os.close(will_wait)
    command = ["strace", "-p", str(child), *options]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as tracer:
        assert tracer.stderr is not None
        assert b"attached" in (told := tracer.stderr.readline()), told
        os.write(go, b"1")
        os.close(go)
        tracer.stderr.read()
    return os.waitpid(child, 0)[1]


def fork_until(point: Point, work: Callable[[], object]) -> bool:
    """As `run_until`, of a fork."""
    status = fork_traced(work, ["-o", "/dev/null", *_injection(point)])
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == 9:
        return True
    assert status == 0, f"{point}: ended with {status}"
    return False


def fork_recorded(
    work: Callable[[], object], log: Path, options: Sequence[str] = ()
) -> list[re.Match[str]]:
    """The calls of a fork: groups 2 the name, 3 the arguments, 4 the result."""
    status = fork_traced(work, ["-o", str(log), *options])
    assert status == 0, status
    lines = map(LINE.fullmatch, log.read_text(errors="replace").splitlines())
    return [line for line in lines if line is not None]


def _injection(point: Point) -> list[str]:
    kill = f"inject={point.name}:signal=SIGKILL:when={point.number}"
    return ["-e", f"trace={point.name}", "-e", kill]
