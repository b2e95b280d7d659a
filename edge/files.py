"""Files written whole or not at all, and folders that can be written to."""

from __future__ import annotations

import os
from pathlib import Path

from edge.errors import EnvironmentFault, UsageError


def write_atomic(path: Path, data: bytes) -> None:
    """Writes `data` to `path` so that a reader, or a power cut, sees the old file or the new one.

    The folder is made when missing. The file's mode is what the umask gives a new file.
    """
    import secrets

    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{path.name}.{secrets.token_hex(4)}"
    # Not by tempfile: what it makes is for its owner alone, and a service user has to read it.
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


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
