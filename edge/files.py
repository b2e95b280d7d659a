"""Files written whole or not at all, and folders that can be written to."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from edge.errors import EnvironmentFault, UsageError


def write_atomic(path: Path, data: bytes) -> None:
    """Writes `data` to `path` so that a reader, or a power cut, sees the old file or the new one.

    The folder is made when missing. The file's mode is what the umask gives a new file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = stage(path, data)
    try:
        os.replace(staged, path)
    except BaseException:
        staged.unlink(missing_ok=True)
        raise


def write_durable(path: Path, data: bytes) -> None:
    """As `write_atomic`, and on return the disk has it: after a power cut it is the new one.

    That takes the folder's own turn at the disk, twice the time of a small file. The folder has to
    be there: `make_durable`.
    """
    write_atomic(path, data)
    sync_folder(path.parent)


def stage(path: Path, data: bytes) -> Path:
    """Writes `data`, to the disk, beside `path` under a name with a dot; returns where.

    Nothing of it is left when that fails.
    """
    import secrets

    staged = path.parent / f".{path.name}.{secrets.token_hex(4)}"
    # Not by tempfile: what it makes is for its owner alone, and a service user has to read it.
    handle = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        staged.unlink(missing_ok=True)
        raise
    return staged


def make_durable(folder: Path) -> None:
    """Makes a folder where it is missing, and has the disk know of it and of all those above.

    Also of those that were there: a process that was killed may have made them just now.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for above in folder.absolute().parents:
        try:
            sync_folder(above)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise
            break  # nothing of it, or above it, was made by us


def sync_folder(folder: Path) -> None:
    """Has the disk take what was made, renamed and removed in a folder."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that knows no such thing, such as CIFS
            raise
    finally:
        os.close(handle)


def make_writable(folder: Path, option: str) -> None:
    """Makes a folder when it is missing, and tries whether files can be written there.

    option: what asked for it, for messages.

    Raises:
        UsageError: not a folder.
        EnvironmentFault: nothing can be written there.
    """
    import tempfile

    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (FileExistsError, NotADirectoryError) as error:
        file = error.filename or folder
        raise UsageError(f"{option}: expected a folder, got a file: {file}") from None
    except OSError as error:
        reason = error.strerror or error
        raise EnvironmentFault(f"{option}: {folder} cannot be written to: {reason}") from None
