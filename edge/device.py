"""The board's own health: its temperature, and whether it had to slow itself down."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

VCGENCMD_S = 2.0
"""For the firmware's answer, which takes some milliseconds: it must never hold up a page."""
REASONS = ("under-voltage", "frequency capped", "throttled", "soft temperature limit")
"""What bits 0 to 3 of `get_throttled` say of now, and bits 16 to 19 of the time since the start
(Raspberry Pi documentation, "vcgencmd", get_throttled)."""
SINCE_START_BIT = 16
THROTTLED = "sys/devices/platform/soc/soc:firmware/get_throttled"
"""The kernel's firmware driver; a number in hexadecimal digits, without 0x."""
ZONES = "sys/class/thermal"
CPU_ZONE = "cpu-thermal"
"""The type of a Raspberry Pi's zone; other boards may have it among others."""
PLAUSIBLE_C = (-60.0, 200.0)
"""A sensor that is not wired up says 0 K or the like."""


@dataclass(frozen=True)
class Health:
    """How the board is."""

    temperature_c: float | None
    """Of the processor; none where no sensor can be read."""
    throttled_now: tuple[str, ...]
    """Of REASONS; empty where there is none, or no firmware that would tell."""
    throttled_before: tuple[str, ...]
    """The same, at any moment since the board was started."""
    board: str | None
    """As the device tree names it, `Raspberry Pi 4 Model B Rev 1.5`; none on a PC."""


def read_health(root: Path = Path("/")) -> Health:
    """Reads all of it; never raises, and takes at most VCGENCMD_S.

    root: where sys/ and proc/ are. `vcgencmd` is asked under `/` alone.
    """
    value = _throttled(root)
    return Health(
        temperature_c=_temperature_c(root),
        throttled_now=reasons(value),
        throttled_before=reasons(value >> SINCE_START_BIT),
        board=_board(root),
    )


def reasons(bits: int) -> tuple[str, ...]:
    """Which of REASONS the lowest four bits name."""
    return tuple(reason for bit, reason in enumerate(REASONS) if bits >> bit & 1)


def _temperature_c(root: Path) -> float | None:
    """Of the zone cpu-thermal, else of the first that can be read."""
    found: list[tuple[bool, int, float]] = []
    for zone in sorted((root / ZONES).glob("thermal_zone*"), key=_zone_order):
        kind, milli_c = _text(zone / "type"), _text(zone / "temp")
        try:
            celsius = float(milli_c or "") / 1000
        except ValueError:
            continue
        if PLAUSIBLE_C[0] < celsius < PLAUSIBLE_C[1]:
            found.append((kind != CPU_ZONE, len(found), celsius))
    return min(found)[2] if found else None


def _zone_order(zone: Path) -> int:
    digits = zone.name.removeprefix("thermal_zone")
    return int(digits) if digits.isdecimal() else 1 << 30


def _throttled(root: Path) -> int:
    """The firmware's bits; 0 where there is no such firmware."""
    text = _text(root / THROTTLED)
    if text is None and root == Path("/"):
        text = _ask_firmware()
    try:
        return int((text or "0").rpartition("=")[2], 16)
    except ValueError:
        return 0


def _ask_firmware() -> str | None:
    """`throttled=0x50000`, from kernels whose driver has no such file."""
    command = shutil.which("vcgencmd")
    if command is None:
        return None
    try:
        done = subprocess.run(
            [command, "get_throttled"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="ascii",
            errors="replace",
            timeout=VCGENCMD_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _board(root: Path) -> str | None:
    text = _text(root / "proc/device-tree/model")
    return text.rstrip("\0").strip() or None if text else None


def _text(path: Path) -> str | None:
    """A small file of the kernel's; none where it is not there or its driver answers no."""
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return None
