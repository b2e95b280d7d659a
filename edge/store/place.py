"""Where this device keeps what was installed, and whom it trusts."""

from __future__ import annotations

import os
from pathlib import Path


def store_folder() -> Path:
    """`$EDGEPROOF_STORE`; else /var/lib/edgeproof/store for root, and for others
    ~/.local/share/edgeproof/store (XDG Base Directory Specification: `$XDG_DATA_HOME`)."""
    stated = os.environ.get("EDGEPROOF_STORE")
    if stated:
        return Path(stated)
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/edgeproof/store")
    data = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    return Path(data) / "edgeproof" / "store"
