"""The keys that this device trusts: files *.pub in two folders."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge.errors import EnvironmentFault, UsageError
from edge.trust import required
from edge.trust.required import folders, is_there

if TYPE_CHECKING:
    from edge.trust.public import PublicKey


@dataclass(frozen=True)
class Trusted:
    """A key that this device trusts."""

    key: PublicKey
    file: Path


def trusted_keys() -> tuple[Trusted, ...]:
    """All keys that this device trusts.

    Raises:
        EnvironmentFault: a folder or a key in it cannot be read.
    """
    return tuple(
        Trusted(_read(file), file)
        for folder in folders()
        if is_there(folder)
        for file in _key_files(folder)
    )


def own_folder() -> Path:
    """Where this user's keys go: root's are for all, unless $EDGEPROOF_STORE says otherwise."""
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    if is_root and not os.environ.get("EDGEPROOF_STORE"):
        return required.SYSTEM_FOLDER
    return folders()[0]


def add_key(key: PublicKey) -> Trusted:
    """Trusts a key from now on.

    Raises:
        EnvironmentFault: it cannot be written.
    """
    from edge.files import sync_folder, write_atomic

    folder = own_folder()
    file = folder / f"key-{_file_name(key)}.pub"
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
    from edge.files import sync_folder

    folder = file.parent
    try:
        file.unlink()
        sync_folder(folder)
        if not _key_files(folder) and not any(folder.iterdir()):
            folder.rmdir()
            sync_folder(folder.parent)
    except OSError as error:
        raise _not_writable(file, error) from None


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
        if os.path.exists(file) and not os.path.isfile(file):  # a pipe would be waited for
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
    sudo = "; with sudo it can" if file.parent == required.SYSTEM_FOLDER else ""
    return EnvironmentFault(f"{file}: cannot be changed: {error.strerror}{sudo}")
