"""The doctor on the machine: cores, heat, power, clock, memory."""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge.device import Health
from edge.doctor.check import Check, fault, ok, warning

WARM_C, HOT_C = 70.0, 80.0
"""From 80 C on a Raspberry Pi's firmware slows the processor down (Raspberry Pi documentation,
frequency management and thermal control); 10 degrees before is a hot day away from it."""
THREAD_SETTINGS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
EARLIEST_YEAR = 2026
"""Of this code: a board without a battery for its clock wakes up in the past."""
SCARCE_MB, TOO_LITTLE_MB = 200, 60
"""Available memory. The service took 60 MB, its camera's process with OpenCV 65 more and the page's
60 more (resident, x86-64, `digits`)."""
TIMESYNC = "run/systemd/timesync"
"""systemd-timesyncd.service(8): the file `synchronized` in it appears with the first answer."""


@dataclass(frozen=True)
class Cores:
    """What may be computed with."""

    usable: int
    """Cores that this process may run on."""
    quota: float | None
    """Of so many cores a container may use the time; none: no limit."""
    settings: dict[str, str]
    """Those of THREAD_SETTINGS that are set."""


@dataclass(frozen=True)
class Clock:
    """What time it is here."""

    now: datetime.datetime
    has_timesync: bool
    """Whether systemd-timesyncd runs."""
    is_synchronized: bool


def read_cores(root: Path, environment: Mapping[str, str] = os.environ) -> Cores:
    usable = len(os.sched_getaffinity(0))
    settings = {name: environment[name] for name in THREAD_SETTINGS if environment.get(name)}
    return Cores(usable, _quota(root), settings)


def read_clock(root: Path) -> Clock:
    folder = root / TIMESYNC
    now = datetime.datetime.now(datetime.UTC)
    return Clock(now, folder.is_dir(), (folder / "synchronized").exists())


def read_available_mb(root: Path) -> int | None:
    """Memory that can be had without swapping, in MB; none where the kernel does not say."""
    text = _text(root / "proc/meminfo") or ""
    found = re.search(r"^MemAvailable:\s+([0-9]+) kB", text, re.MULTILINE)
    return int(found[1]) * 1024 // 1_000_000 if found else None


def check_cores(cores: Cores) -> Check:
    """More threads than cores wait for each other, many times slower."""
    most = max(1, min(cores.usable, int(cores.quota) if cores.quota else cores.usable))
    limit = f", time of {cores.quota:g}" if cores.quota and cores.quota < cores.usable else ""
    found = f"{cores.usable} cores{limit}"
    for name, value in cores.settings.items():
        first = value.split(",")[0]  # OMP_NUM_THREADS may have one for each level
        if not first.strip().isdecimal():
            return warning("threads", f"{found}; {name}={value} is no number", f"unset {name}")
        if int(first) > most:
            return warning("threads", f"{found}; {name}={value}", f"export {name}={most}")
    if limit and "OMP_NUM_THREADS" not in cores.settings:
        found = f"{found}; libraries start a thread for each of the {cores.usable}"
        return warning("threads", found, f"export OMP_NUM_THREADS={most}")
    set_to = "".join(f", {name}={value}" for name, value in cores.settings.items())
    return ok("threads", found + set_to)


def check_temperature(health: Health) -> Check:
    """How far it is from the point where the board slows down."""
    if health.temperature_c is None:
        return ok("temperature", "no sensor to read")
    found = f"{health.temperature_c:.0f} C"
    if health.temperature_c >= HOT_C:
        found = f"{found}; from {HOT_C:.0f} C the processor is slowed down"
        return fault("temperature", found, "cool it: a heat sink, a fan, no sun; or --fps")
    if health.temperature_c >= WARM_C:
        found = f"{found}; it is slowed down from {HOT_C:.0f} C"
        return warning("temperature", found, "a heat sink, a fan, no sun; or --fps")
    return ok("temperature", found)


def check_throttling(health: Health) -> Check:
    """Whether the board had to slow down: weak power supplies are behind much that seems else."""
    board = health.board or "no board that would tell"
    seen = health.throttled_now or health.throttled_before
    if not seen:
        return ok("throttling", f"none; {board}")
    remedy = "cool the board: a heat sink, a fan"
    if "under-voltage" in seen:
        remedy = "use the board's own power supply and a short cable; a hub with power for cameras"
    if health.throttled_now:
        return fault("throttling", f"now: {', '.join(health.throttled_now)}; {board}", remedy)
    found = f"since the start: {', '.join(health.throttled_before)}; {board}"
    return warning("throttling", found, remedy)


def check_clock(clock: Clock) -> Check:
    """Whether timestamps mean something, and certificates are valid."""
    told = f"{clock.now:%Y-%m-%d %H:%M:%S} UTC"
    if clock.now.year < EARLIEST_YEAR:
        return fault("clock", f"{told}, which is past", "sudo timedatectl set-ntp true")
    if clock.is_synchronized:
        return ok("clock", f"{told}, synchronised")
    if clock.has_timesync:
        found = f"{told}, not synchronised since the start"
        return warning("clock", found, "sudo timedatectl set-ntp true; timedatectl timesync-status")
    return ok("clock", f"{told}; nobody here says whether it is synchronised")


def check_memory(available_mb: int | None) -> Check:
    """Whether there is room for the service."""
    if available_mb is None:
        return ok("memory", "the system does not say")
    found = f"{available_mb:,} MB available"
    remedy = "end what needs it: ps aux --sort=-rss | head"
    if available_mb < TOO_LITTLE_MB:
        return fault("memory", found, remedy)
    if available_mb < SCARCE_MB:
        return warning("memory", found, remedy)
    return ok("memory", found)


def _quota(root: Path) -> float | None:
    """Cores' worth of time by the control groups that this process is in (cgroups(7)): the least
    of version 2's cpu.max on the way up, or version 1's."""
    mount = root / "sys/fs/cgroup"
    own = re.search(r"^0::/(.*)$", _text(root / "proc/self/cgroup") or "", re.MULTILINE)
    folder = mount / (own[1] if own else "")
    limits = []
    for place in (folder, *folder.parents):
        if not place.is_relative_to(mount):
            break
        limits.append(_ratio(*(_text(place / "cpu.max") or "").split()))
    old = mount / "cpu"
    limits.append(
        _ratio(_text(old / "cpu.cfs_quota_us") or "", _text(old / "cpu.cfs_period_us") or "")
    )
    return min((limit for limit in limits if limit is not None), default=None)


def _ratio(quota: str = "", period: str = "", *_: str) -> float | None:
    if not quota.isdecimal() or not period.isdecimal() or not int(period):
        return None  # `max`, or -1
    return int(quota) / int(period)


def _text(path: Path) -> str | None:
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return None
