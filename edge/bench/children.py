"""Children that are measured, or that measure; none of them outlives the measurement."""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from edge import process
from edge.errors import EnvironmentFault

NOTHING = (sys.executable, "-c", "pass")


@dataclass(frozen=True)
class Run:
    """One process from start to end."""

    wall_ms: float
    cpu_ms: float
    """Processor time, in all its threads and children."""


def classify_command(*arguments: str) -> list[str]:
    """`edgeproof classify ARGUMENTS` in this very interpreter."""
    return [*process.command("edge", "classify"), *arguments, "--format", "jsonl"]


def run_once(command: Sequence[str]) -> Run:
    """Runs a command to its end.

    Raises:
        EnvironmentFault: it cannot be started, or does not end with 0.
    """
    before_s, began_s = _children_s(), time.perf_counter()
    with _started(command) as (child, err):
        child.communicate()
        wall_s = time.perf_counter() - began_s
        _check(child, command, err)
    return Run(wall_s * 1000, (_children_s() - before_s) * 1000)


def measure_memory(model: str, picture: bytes) -> tuple[float, float] | None:
    """Resident memory and its peak, in MB, of `classify` that has answered one picture and waits.

    None: the system does not say.

    Raises:
        EnvironmentFault: it gave no answer.
    """
    command = classify_command("-", "--model", model)
    with _started(command, stdin=subprocess.PIPE) as (child, err):
        assert child.stdin is not None
        assert child.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # its exit code tells why
            child.stdin.write(picture)
            child.stdin.flush()
        line = child.stdout.readline()
        found = _memory_mb(child.pid) if line else None
        child.communicate()
        _check(child, command, err)
    return found


class Worker:
    """`edge.bench.worker`, asked step by step. A context manager."""

    def __init__(self, request: dict[str, Any]) -> None:
        self._request = request

    def __enter__(self) -> Worker:
        command = process.command("edge.bench.worker")
        self._command = command
        self._holder = _started(command, stdin=subprocess.PIPE)
        self._child, self._err = self._holder.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._holder.__exit__(*error)

    def begin(self) -> dict[str, Any]:
        """Opens the models; what the worker says of them."""
        return self._ask(json.dumps(self._request))

    def round(self) -> None:
        """Measures one round."""
        self._ask("")

    def end(self) -> dict[str, Any]:
        """What it came to."""
        result = self._read()
        self._child.communicate()
        return result

    def _ask(self, line: str) -> dict[str, Any]:
        assert self._child.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # its exit code tells why
            self._child.stdin.write(line.encode() + b"\n")
            self._child.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        if not line:
            self._child.communicate()
            raise EnvironmentFault(
                f"the process that measures {_ended(self._child.returncode, self._err)}"
            )
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise EnvironmentFault(answer["error"])
        return answer


@contextmanager
def _started(
    command: Sequence[str], stdin: int = subprocess.DEVNULL
) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    """A child in a session of its own; it is killed with all its children if the block fails.

    The second is what it writes to stderr.
    """
    with tempfile.TemporaryFile() as err:
        try:
            child = subprocess.Popen(
                command,
                cwd=process.ELSEWHERE,
                env=_environment(),
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=err,
                start_new_session=True,
            )
        except OSError as error:
            raise EnvironmentFault(f"{command[0]} cannot be started: {error.strerror}") from None
        with child:
            try:
                yield child, err
            except BaseException:  # Ctrl-C, which a session of its own does not get
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
                raise


def _environment() -> dict[str, str]:
    """The user's own, for that is what is measured; where we are not installed, our place."""
    home = Path(__file__).parents[2]
    if home.name in ("site-packages", "dist-packages"):
        return dict(os.environ)
    path = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (str(home), path)))}


def _check(child: subprocess.Popen[bytes], command: Sequence[str], err: IO[bytes]) -> None:
    if child.returncode:
        what = "classify" if "classify" in command else "Python"
        raise EnvironmentFault(f"{what}, to be measured, {_ended(child.returncode, err)}")


def _ended(code: int, err: IO[bytes]) -> str:
    err.seek(0)
    lines = [line for line in err.read().decode("utf-8", "replace").splitlines() if line.strip()]
    return process.ending(code) + (f": {' '.join(lines[-1].split())[:300]}" if lines else "")


def _memory_mb(pid: int) -> tuple[float, float] | None:
    try:
        text = Path(f"/proc/{pid}/status").read_text("ascii", "replace")
    except OSError:
        return None
    found = [re.search(rf"^{key}:\s+([0-9]+) kB", text, re.MULTILINE) for key in ("VmRSS", "VmHWM")]
    resident, peak = (int(one[1]) * 1024 / 1e6 if one else None for one in found)
    return None if resident is None or peak is None else (round(resident, 1), round(peak, 1))


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)  # os.times() counts in 10 ms
    return used.ru_utime + used.ru_stime
