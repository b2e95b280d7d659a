"""The keys that this device trusts: files *.pub in two folders.

A folder that is there is the requirement, whatever it holds: what cannot be read, or holds no key,
lets nothing in. So damage never turns "signed models only" into "any model".
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge.errors import EnvironmentFault, UsageError
from edge.store.place import store_folder

if TYPE_CHECKING:
    from edge.trust.public import PublicKey

SYSTEM_FOLDER = Path("/etc/edgeproof/trusted")
"""Root's: for all users of the device."""


@dataclass(frozen=True)
class Trusted:
    """A key that this device trusts."""

    key: PublicKey
    file: Path


def folders() -> tuple[Path, Path]:
    """Where trusted keys are looked for: the user's own, then root's."""
    return store_folder() / "trusted", SYSTEM_FOLDER


def is_required() -> bool:
    """Whether this device takes signed models only; two calls of stat where it does not.

    Raises:
        EnvironmentFault: that cannot be told.
    """
    return any(_is_there(folder) for folder in folders())


def trusted_keys() -> tuple[Trusted, ...]:
    """All keys that this device trusts.

    Raises:
        EnvironmentFault: a folder or a key in it cannot be read.
    """
    return tuple(
        Trusted(_read(file), file)
        for folder in folders()
        if _is_there(folder)
        for file in _key_files(folder)
    )


def own_folder() -> Path:
    """Where this user's keys go: root's are for all, unless $EDGEPROOF_STORE says otherwise."""
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    return SYSTEM_FOLDER if is_root and not os.environ.get("EDGEPROOF_STORE") else folders()[0]


def add_key(key: PublicKey) -> Trusted:
    """Trusts a key from now on.

    Raises:
        EnvironmentFault: it cannot be written.
    """
    from edge.files import write_atomic
    from edge.trust.durable import sync_folder

    folder = own_folder()
    file = folder / f"{_file_name(key)}.pub"
    try:
        write_atomic(file, key.line.encode())
        sync_folder(folder)
        sync_folder(folder.parent)
    except OSError as error:
        with suppress(OSError):
            folder.rmdir()  # made for this key and empty, it would ask for keys that nobody has
        raise _not_writable(file, error) from None
    return Trusted(key, file)


def remove_file(file: Path) -> None:
    """Takes a key away; with the last one of its folder goes the folder, and so the requirement.

    Raises:
        EnvironmentFault: it cannot be removed.
    """
    from edge.trust.durable import sync_folder

    folder = file.parent
    try:
        file.unlink()
        sync_folder(folder)
        if not _key_files(folder) and not any(folder.iterdir()):
            folder.rmdir()
            sync_folder(folder.parent)
    except OSError as error:
        raise _not_writable(file, error) from None


def _is_there(folder: Path) -> bool:
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


def _key_files(folder: Path) -> list[Path]:
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise EnvironmentFault(
            f"{folder}: expected a folder of trusted keys that can be read: {error.strerror}; "
            "until it can, no model is taken that did not come with edgeproof"
        ) from None
    return [folder / name for name in names if name.endswith(".pub") and name[0] != "."]


def _read(file: Path) -> PublicKey:
    from edge.trust.public import read_public

    try:
        if file.exists() and not file.is_file():  # a pipe would be waited for
            raise UsageError(f"{file}: expected a file, got something else")
        return read_public(file)
    except UsageError as error:
        raise EnvironmentFault(
            f"among the trusted keys, {error}; until it is mended or removed (edgeproof trust "
            f"--remove {file}), no model is taken that did not come with edgeproof"
        ) from None


def _file_name(key: PublicKey) -> str:
    """The fingerprint, in letters that every file system takes."""
    return key.fingerprint.removeprefix("SHA256:").replace("/", "_").replace("+", "-")


def _not_writable(file: Path, error: OSError) -> EnvironmentFault:
    sudo = "; with sudo it can" if file.parent == SYSTEM_FOLDER else ""
    return EnvironmentFault(f"{file}: cannot be changed: {error.strerror}{sudo}")
