"""SHA-256 of every wheel that a device may get: neither the package index nor a folder with wheels
has to be trusted. wheels.sha256 is written by lock.py; its diff is to be read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from edge.errors import EnvironmentFault

SUMS = Path(__file__).parent / "wheels.sha256"


def read_sums(text: str) -> dict[str, str]:
    """Lines as `sha256sum` writes them -> file name -> sum in hex."""
    return {name: digest for digest, name in (line.split() for line in text.splitlines())}


def sum_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check_sum(wheel: Path, sums: Mapping[str, str]) -> None:
    """Raises EnvironmentFault: the file is not the one that is listed."""
    got, expected = sum_of(wheel), sums[wheel.name]
    if got != expected:
        raise EnvironmentFault(
            f"{wheel}: expected sha256 {expected} as in {SUMS.name}, got {got}: remove the file, "
            "try again; if it comes back so, the index serves another one"
        )
