"""The doctor on disks: room, and whether it can be written to."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from edge.doctor.check import Check, fault, ok, warning

SCARCE_MB, SCARCE_SHARE = 500, 0.05
"""Free. A journal and a system's updates need as much; ext4 keeps 5 % for root."""
STATE = "var/lib/edgeproof"
"""The service's own folder (StateDirectory= of the unit)."""


@dataclass(frozen=True)
class Disk:
    """A folder that is written to."""

    folder: str
    role: str
    """What it is for: `temporary files`."""
    device: int
    """st_dev: folders of the same one share its room."""
    free_mb: int
    total_mb: int
    is_writable: bool
    """By the user who runs this."""
    must_be_writable: bool


def read_disks(root: Path, home: Path | None = None) -> list[Disk]:
    """The state folder where there is one, temporary files, and the home.

    root: where var/lib is; home: the user's own.
    """
    places = [
        (root / STATE, "the service's state", False),
        (Path(tempfile.gettempdir()), "temporary files", True),
        (home or Path(os.path.expanduser("~")), "home", False),
    ]
    return [_read(folder, role, must) for folder, role, must in places if folder.is_dir()]


def check_disks(disks: list[Disk]) -> list[Check]:
    """One for each device, and one for each folder that must be writable and is not."""
    found: list[Check] = []
    seen: set[int] = set()
    for disk in disks:
        name = f"disk {disk.folder}"
        if disk.must_be_writable and not disk.is_writable:
            what = f"{disk.role} cannot be written: read-only after an error, or not this user's"
            remedy = f"dmesg | grep -i 'read-only'; ls -ld {disk.folder}"
            found.append(fault(name, what, remedy))
        if disk.device not in seen:
            seen.add(disk.device)
            found.append(_check_room(name, disk))
    return found


def _check_room(name: str, disk: Disk) -> Check:
    share = disk.free_mb / max(disk.total_mb, 1)
    found = f"{disk.free_mb:,} MB free ({share:.0%}), for {disk.role}"
    remedy = f"sudo apt clean; sudo journalctl --vacuum-size=50M; du -xh {disk.folder} | sort -h"
    if disk.free_mb < SCARCE_MB or share < SCARCE_SHARE:
        return warning(name, found, remedy)
    return ok(name, found)


def _read(folder: Path, role: str, must_be_writable: bool) -> Disk:
    usage = shutil.disk_usage(folder)
    return Disk(
        folder=str(folder),
        role=role,
        device=folder.stat().st_dev,
        free_mb=usage.free // 1_000_000,
        total_mb=usage.total // 1_000_000,
        is_writable=os.access(folder, os.W_OK | os.X_OK),  # also no on a read-only file system
        must_be_writable=must_be_writable,
    )
