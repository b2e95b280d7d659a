"""The highest version of each model that this device has had: versions.json in its store.

Read where signatures are required, and nowhere else: an unsigned version is anybody's word.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from edge.errors import EnvironmentFault
from edge.store.place import store_folder, stores
from edge.strict import from_dict, parse_json
from edge.trust.statement import check_version

FILE = "versions.json"
SCHEMA = 1


@dataclass(frozen=True)
class Versions:
    """versions.json."""

    schema: int
    versions: dict[str, int]
    """Contract's name -> version."""

    def __post_init__(self) -> None:
        if self.schema != SCHEMA:
            raise ValueError(f"expected schema {SCHEMA}, got {self.schema}")
        for version in self.versions.values():
            check_version(version)


def remembered(name: str) -> int | None:
    """The highest version of a model that this device has had; none: it has had none.

    What root's store had counts for everybody.

    Raises:
        EnvironmentFault: the record cannot be read. What was seen is not known then, so older
            models cannot be told from newer ones.
    """
    had = [_read(store / FILE).get(name) for store in stores()]
    return max((version for version in had if version is not None), default=None)


def remember(name: str, version: int, *, allow_downgrade: bool = False) -> None:
    """Notes a version whose signature was checked; it is on the disk when this returns.

    A lower one than is remembered changes nothing. allow_downgrade: it does; somebody said so.

    Raises:
        EnvironmentFault: the record cannot be read or written.
    """
    check_version(version)
    if not _is_news(_read(_file()), name, version, allow_downgrade):
        return  # without the lock, so that a store that is only read is no trouble
    with _locked() as file:
        known = _read(file)
        if _is_news(known, name, version, allow_downgrade):
            _write(file, known | {name: version})


def _is_news(known: dict[str, int], name: str, version: int, allow_downgrade: bool) -> bool:
    before = known.get(name, 0)
    return version != before if allow_downgrade else version > before


def _file() -> Path:
    return store_folder() / FILE


def _read(file: Path) -> dict[str, int]:
    try:
        text = file.read_text()
        return from_dict(Versions, parse_json(text), file.name).versions
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:  # a Mismatch is a ValueError
        reason = error.strerror if isinstance(error, OSError) else error
        raise EnvironmentFault(
            f"{file}: the versions that this device has had cannot be read: {reason}; to forget "
            "them, remove the file, and then install the newest models again"
        ) from None


def _write(file: Path, versions: dict[str, int]) -> None:
    from edge.files import sync_folder, write_atomic

    text = json.dumps(asdict(Versions(SCHEMA, versions)), indent=1, sort_keys=True) + "\n"
    write_atomic(file, text.encode())
    sync_folder(file.parent)


@contextmanager
def _locked() -> Iterator[Path]:
    """The record's file, while no other process changes it."""
    import fcntl

    file = _file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with open(file.with_suffix(".lock"), "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield file
    except OSError as error:
        raise EnvironmentFault(f"{file}: cannot be written: {error.strerror}") from None
