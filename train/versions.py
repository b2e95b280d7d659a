"""The versions of what made a result."""

from __future__ import annotations

import platform
from importlib import metadata


def versions(*packages: str) -> dict[str, str]:
    """Installed versions of edgeproof, Python and the named packages; absent ones left out."""
    found = {"python": platform.python_version(), "machine": platform.machine()}
    for package in ("edgeproof", *packages):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
