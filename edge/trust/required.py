"""Whether this device takes signed models only: there is a folder of trusted keys.

A folder that is there is the requirement, whatever it holds: what cannot be read, or holds no key,
lets nothing in. So damage never turns "signed models only" into "any model".
"""

from __future__ import annotations

import os
from pathlib import Path

from edge.errors import EnvironmentFault
from edge.store.place import store_folder

SYSTEM_FOLDER = Path("/etc/edgeproof/trusted")
"""Root's: for all users of the device."""


def folders() -> tuple[Path, Path]:
    """Where trusted keys are looked for: the user's own, then root's."""
    return store_folder() / "trusted", SYSTEM_FOLDER


def is_required() -> bool:
    """Whether this device takes signed models only; two calls of stat where it does not.

    Raises:
        EnvironmentFault: that cannot be told.
    """
    return any(is_there(folder) for folder in folders())


def is_there(folder: Path) -> bool:
    """Whether a folder, or whatever has its name, is there.

    Raises:
        EnvironmentFault: that cannot be told.
    """
    try:
        os.stat(folder, follow_symlinks=False)  # a link that leads nowhere is there
    except FileNotFoundError:
        return False
    except OSError as error:
        raise EnvironmentFault(
            f"{folder}: cannot be looked at: {error.strerror}; it may hold the keys that this "
            "device trusts, so no model is taken that did not come with edgeproof"
        ) from None
    return True
