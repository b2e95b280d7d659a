"""Under which conditions it was measured: heat, throttling, and what else ran meanwhile."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from edge.device import REASONS, THROTTLED, read_health

BUSY_CORES = 0.25
"""Cores' worth of time that others took: what is above is said. An idle desktop takes less."""


@dataclass(frozen=True)
class Conditions:
    """What may have made it slower than the machine is."""

    duration_s: float
    clock_step_us: float
    load_average_before: float | None
    """Of the last minute: processes that ran or wanted to."""
    others_cores: float | None
    """Cores' worth of time that other programs took meanwhile; none: the kernel does not say."""
    temperature_before_c: float | None
    """None, as the other two: no sensor."""
    temperature_highest_c: float | None
    temperature_after_c: float | None
    tells_throttling: bool
    """Whether there is a firmware that says when it slows the board down."""
    throttled_since_start: tuple[str, ...]
    """Why the board had been slowed down at any time before the measurement."""
    throttled_meanwhile: tuple[str, ...]
    """Why it was slowed down during the measurement; then the numbers are not the board's."""

    @property
    def is_throttled(self) -> bool:
        return bool(self.throttled_meanwhile)

    @property
    def is_busy(self) -> bool:
        return self.others_cores is not None and self.others_cores > BUSY_CORES


class Watch:
    """Looks at the machine before, between and after the steps of a measurement."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self._load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
        self._began_s = time.monotonic()
        self._busy_s, self._own_s = _busy_s(root), _own_s()
        first = read_health(root)
        self._before = first.throttled_before
        self._temperatures = [first.temperature_c]
        self._seen = set(first.throttled_now)

    def look(self) -> None:
        """Once more; to be called while nothing is measured, for it takes some milliseconds."""
        health = read_health(self._root)
        self._temperatures.append(health.temperature_c)
        self._seen.update(health.throttled_now)
        # The firmware remembers also what was over before anybody looked.
        self._seen.update(set(health.throttled_before) - set(self._before))

    def conclude(self, clock_step_ns: int) -> Conditions:
        """What it came to; to be called when all children have ended."""
        self.look()
        elapsed_s = time.monotonic() - self._began_s
        now_s, others = _busy_s(self._root), None
        if now_s is not None and self._busy_s is not None:
            taken_s = (now_s - self._busy_s) - (_own_s() - self._own_s)
            others = round(max(0.0, taken_s / elapsed_s), 2)
        known = [one for one in self._temperatures if one is not None]
        return Conditions(
            duration_s=round(elapsed_s, 1),
            clock_step_us=clock_step_ns / 1000,
            load_average_before=None if self._load is None else round(self._load, 2),
            others_cores=others,
            temperature_before_c=self._temperatures[0],
            temperature_highest_c=max(known, default=None),
            temperature_after_c=self._temperatures[-1],
            tells_throttling=_tells_throttling(self._root),
            throttled_since_start=self._before,
            throttled_meanwhile=tuple(reason for reason in REASONS if reason in self._seen),
        )


def _tells_throttling(root: Path) -> bool:
    return (root / THROTTLED).exists() or (root == Path("/") and bool(shutil.which("vcgencmd")))


def _busy_s(root: Path) -> float | None:
    """Time that all cores together were not idle, since the start (proc(5), /proc/stat)."""
    try:
        words = (root / "proc/stat").read_text("ascii", "replace").split("\n", 1)[0].split()
        ticks = [int(word) for word in words[1:9]]
    except (OSError, ValueError):
        return None
    if words[:1] != ["cpu"] or len(ticks) < 8:
        return None
    idle, iowait = ticks[3], ticks[4]
    return (sum(ticks) - idle - iowait) / os.sysconf("SC_CLK_TCK")


def _own_s() -> float:
    """Processor time of this process and of all its children that have ended."""
    return sum(os.times()[:4])
