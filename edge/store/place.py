"""Where this device keeps what was installed, and whom it trusts."""

from __future__ import annotations

import os
from pathlib import Path

SYSTEM = Path("/var/opt/edgeproof/store")
"""Root's, which all users of the machine see: where the data of /opt/edgeproof belong (Filesystem
Hierarchy Standard). Not in /var/lib/edgeproof: systemd gives that to the service's user, who is
not to exchange what root installed."""
STATE = "state.json"


def store_folder() -> Path:
    """Where this user installs: `$EDGEPROOF_STORE`; else root in SYSTEM, and others in
    ~/.local/share/edgeproof/store (XDG Base Directory Specification: `$XDG_DATA_HOME`)."""
    stated = os.environ.get("EDGEPROOF_STORE")
    if stated:
        return Path(os.path.abspath(stated))
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return SYSTEM
    data = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    return Path(data) / "edgeproof" / "store"


def stores() -> tuple[Path, ...]:
    """Where installed models are looked for, in this order: the user's own store, then root's.
    `$EDGEPROOF_STORE` stands for both."""
    own = store_folder()
    return (own,) if os.environ.get("EDGEPROOF_STORE") or own == SYSTEM else (own, SYSTEM)


def state_file(store: Path, name: str) -> Path:
    """What says which bundle is in use; see `edge.store.state`."""
    return store / "models" / name / STATE


def is_name(word: str) -> bool:
    """Whether a model can be installed under that name: a folder's, no option and no path."""
    from edge.contract import NAME

    is_sound = NAME.fullmatch(word) is not None
    return is_sound and not word.startswith("-") and not word.endswith(".tflite")


def find_state(name: str) -> Path | None:
    """The state file of an installed model; none where there is none of that name.

    Raises:
        ModelError: it cannot be told.
    """
    for path in state_files(name):
        try:
            os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            from edge.errors import ModelError

            # Not passed over: the shipped model would answer in its place, unsaid.
            raise ModelError(f"{path}: cannot be read: {error.strerror}") from None
        return path
    return None


def state_files(name: str) -> tuple[Path, ...]:
    """Where a state file of that name would be, in this order; none for a path."""
    return tuple(state_file(store, name) for store in stores()) if is_name(name) else ()


def installed_names(store: Path) -> tuple[str, ...]:
    """The models that have a state file in a store, by name."""
    try:
        names = sorted(os.listdir(store / "models"))
    except OSError:
        return ()
    return tuple(name for name in names if is_name(name) and state_file(store, name).exists())
