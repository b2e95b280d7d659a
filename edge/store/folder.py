"""One model's folder in a store: what is read of it, what goes, and what the system refuses."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from edge.errors import EnvironmentFault, ModelError
from edge.store.state import read_state

FULL = (errno.ENOSPC, errno.EDQUOT)


def read_from_disk(path: Path) -> bytes:
    """A file's bytes as the disk has them, and not as the system remembers that it wrote them.

    Raises:
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        if hasattr(os, "posix_fadvise"):  # Linux
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return file.read()


def tidy(state_path: Path, *also: str) -> None:
    """Removes what somebody who was killed had staged, and bundles that the state does not name.

    What cannot be removed now goes the next time; of a damaged state nothing is known, and all
    bundles stay.

    also: seals of bundles that stay as well.
    """
    folder, named = state_path.parent, _named(state_path)
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            stem, _, suffix = name.rpartition(".")
            is_left = named is not None and suffix == "tflite" and stem not in {*named, *also}
            if is_left or name.startswith("."):
                with contextlib.suppress(OSError):
                    os.unlink(folder / name)
        os.rmdir(folder)  # which works where nothing is left in it


@contextlib.contextmanager
def explained(state_path: Path) -> Iterator[None]:
    """What the system refuses while a state is changed, in a line that says what came of it.

    Raises:
        EnvironmentFault: for an OSError.
    """
    before = _named(state_path)
    try:
        yield
    except OSError as error:
        outcome = (
            "nothing was changed"
            if _named(state_path) == before
            else "the switch is made, and a power cut may still undo it"
        )
        raise EnvironmentFault(f"{told(error, state_path.parent)}; {outcome}") from None


def told(error: OSError, where: Path) -> str:
    """What the system refuses, and what can be done. where: for an error that names no file."""
    name = error.filename2 or error.filename or where
    if isinstance(error, FileExistsError | NotADirectoryError):
        return f"{name}: expected a folder, got a file: remove it"
    if isinstance(error, IsADirectoryError):
        return f"{name}: expected a file, got a folder: remove it"
    free = " (free some room: df -h, df -i)" if error.errno in FULL else ""
    return f"{name}: {error.strerror or error}{free}"


def _named(state_path: Path) -> frozenset[str] | None:
    """The seals that a state names: none where there is no state, None where it is damaged."""
    try:
        return read_state(state_path).seals if os.path.lexists(state_path) else frozenset()
    except ModelError:
        return None
