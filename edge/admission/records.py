"""Which models this machine has tried: a small file for each, in the user's cache.

A cache: what cannot be read or written, or holds anything else than it should, is as if it were not
there, and costs a trial. No record says that a model is good, only that it ran here.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

RULES = 2
"""Of admission. To be raised when more is asked of a model than before."""
MOST = 128
"""Records that are kept; beyond that the oldest go."""


@dataclass(frozen=True)
class Record:
    """One model, tried with one runtime on this kind of machine."""

    seal: str
    """Its bytes' own name: `edge.bundle.seal_of`."""
    runtime: str
    """Package and version."""

    @property
    def text(self) -> str:
        machine = os.uname().machine if hasattr(os, "uname") else "unknown"
        return f"edgeproof trial {RULES}\n{self.seal}\n{self.runtime}\n{machine}\n"

    @property
    def name(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()[:40]


def records_folder() -> Path | None:
    """Where they are: `$CACHE_DIRECTORY`, which systemd gives a service; else `$XDG_CACHE_HOME`,
    else ~/.cache (XDG Base Directory Specification); none without a home."""
    # Systemd may state several, with colons between.
    service = os.environ.get("CACHE_DIRECTORY", "").partition(":")[0]
    user = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    folder = Path(service) if service else Path(user) / "edgeproof"
    return folder / "tried" if folder.is_absolute() else None


def is_known(record: Record) -> bool:
    """Whether this very model ran with this runtime here before."""
    folder = records_folder()
    if folder is None:
        return False
    expected = record.text.encode()
    try:
        with (folder / record.name).open("rb") as file:
            owner = os.fstat(file.fileno()).st_uid
            return _is_ours(owner) and file.read(len(expected) + 1) == expected
    except OSError:
        return False


def _is_ours(owner: int) -> bool:
    return not hasattr(os, "geteuid") or owner in (0, os.geteuid())


def remember(record: Record) -> None:
    """Writes it down, as well as can be."""
    from edge.files import write_atomic

    folder = records_folder()
    if folder is None:
        return
    with suppress(OSError):
        write_atomic(folder / record.name, record.text.encode())
        _forget_oldest(folder)


def _forget_oldest(folder: Path) -> None:
    with os.scandir(folder) as found:
        files = sorted(found, key=lambda one: one.stat(follow_symlinks=False).st_mtime_ns)
    for file in files[:-MOST]:
        with suppress(OSError):
            os.unlink(file)
