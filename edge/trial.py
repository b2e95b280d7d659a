"""Runs one of our modules in a child that may crash or hang, and says what came of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edge import process

GIVE_UP_S = 1.0
"""After SIGKILL. A process that hangs within a driver takes no signal, and nobody waits for it."""


@dataclass(frozen=True)
class Trial:
    """What a child came to."""

    answer: dict[str, Any] | None
    """Its last line on stdout, a JSON object; none when it gave none."""
    problem: str | None
    """Why there is no answer, without a full stop: `it died of SIGSEGV`."""


def try_module(
    module: str,
    *arguments: str,
    timeout_s: float,
    settings: Mapping[str, str] | None = None,
    stdin: bytes = b"",
) -> Trial:
    """Runs `python -m module arguments` and takes its answer. Never raises for what a child does.

    settings: environment variables besides this process's own.
    stdin: what it is to read.
    """
    with subprocess.Popen(
        process.command(module, *arguments),
        cwd=process.ELSEWHERE,
        env=process.environment(**(settings or {})),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as child:
        try:
            out, err = child.communicate(stdin, timeout=timeout_s)
        except subprocess.TimeoutExpired:
            _kill(child)
            return Trial(None, f"it did not end within {timeout_s:g} s")
        except BaseException:  # Ctrl-C, which a session of its own does not get
            _kill(child)
            raise
    return _judge(child.returncode, *(text.decode(errors="replace") for text in (out, err)))


def _kill(child: subprocess.Popen[bytes]) -> None:
    """Kills it with all that it started."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate(timeout=GIVE_UP_S)
    except (ProcessLookupError, subprocess.TimeoutExpired):
        for pipe in (child.stdin, child.stdout, child.stderr):
            if pipe is not None:
                pipe.close()
        child.returncode = -signal.SIGKILL  # else leaving the block would wait for ever


def _judge(code: int, out: str, err: str) -> Trial:
    if code < 0:
        return Trial(None, f"it {process.ending(code)}")
    lines = [line for line in out.splitlines() if line.strip()]
    try:
        answer = json.loads(lines[-1]) if lines and code == 0 else None
    except ValueError:
        answer = None
    if isinstance(answer, dict):
        return Trial(answer, None)
    words = [line for line in err.splitlines() if line.strip()]
    last = " ".join(words[-1].split())[:200] if words else "and gave no answer"
    return Trial(None, f"it {process.ending(code)}: {last}")
