"""One finding of the doctor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "fault"]
"""warning: it works, less well or not with everything; fault: it does not work."""


@dataclass(frozen=True)
class Check:
    """What was looked at, and what was found."""

    name: str
    state: State
    found: str
    """One line."""
    remedy: str | None = None
    """What to run or to do, one line; only with a warning or a fault."""


def ok(name: str, found: str) -> Check:
    """Nothing to do."""
    return Check(name, "ok", found)


def warning(name: str, found: str, remedy: str) -> Check:
    """Something that is better mended."""
    return Check(name, "warning", found, remedy)


def fault(name: str, found: str, remedy: str) -> Check:
    """Something that must be mended."""
    return Check(name, "fault", found, remedy)
