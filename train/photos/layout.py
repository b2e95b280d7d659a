"""Which files a folder of class folders holds, found by their names alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge.errors import UsageError
from edge.sources.files import is_picture_name

SplitName = Literal["train", "test"]
SPLIT_LIKE = {"train", "training", "test", "testing", "val", "valid", "validation"}
FOREIGN = {
    *(".avif", ".heic", ".heif", ".jfif", ".jp2", ".jxl", ".psd", ".svg"),
    *(".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".raf", ".raw", ".rw2"),
}
"""Pictures all the same, by suffix, which the edge does not read; iPhones write .heic."""


@dataclass(frozen=True)
class Listed:
    """A file with the name of a picture."""

    path: str
    """Relative to the folder, with slashes."""
    label: str
    split: SplitName | None
    """None where the folder has no splits of its own."""


@dataclass(frozen=True)
class Layout:
    """The files of a folder, sorted by path; hidden ones are passed over."""

    labels: tuple[str, ...]
    is_split: bool
    pictures: tuple[Listed, ...]
    foreign: tuple[str, ...]
    """Pictures in a format that is not read."""
    outside: tuple[str, ...]
    """Pictures and folders beside the class folders."""
    others: tuple[str, ...]
    """Files that no name makes a picture."""
    unlisted: tuple[tuple[str, str], ...]
    """(folder, why it cannot be listed)."""


def find_layout(folder: Path) -> Layout:
    """Lists `folder/CLASS/**/picture` or `folder/{train,test}/CLASS/**/picture`.

    Raises:
        UsageError: fewer than two classes, or train/ and test/ with different ones.
    """
    tops: dict[Path, SplitName | None] = {folder: None}
    if (folder / "train").is_dir() and (folder / "test").is_dir():
        tops = {folder / "train": "train", folder / "test": "test"}
    labels, *others = [_class_names(top) for top in tops]
    if any(names != labels for names in others):
        raise UsageError(
            f"{folder / 'test'} must have the same class folders as {folder / 'train'}: expected "
            f"{', '.join(labels)}, got {', '.join(others[0])}"
        )
    if not others:
        _refuse_half_a_split(folder, labels)
    files: list[Listed] = []
    unlisted: list[tuple[str, str]] = []
    for top, split in tops.items():
        for label in labels:
            names = _walk(top / label, folder, unlisted)
            files += [Listed(name, label, split) for name in names]
    files.sort(key=lambda file: file.path)
    pictures = tuple(file for file in files if is_picture_name(file.path.rpartition("/")[2]))
    rest = sorted({file.path for file in files} - {file.path for file in pictures})
    foreign = tuple(path for path in rest if _suffix(path) in FOREIGN)
    return Layout(
        labels,
        bool(others),
        pictures,
        foreign,
        tuple(_outside(folder, list(tops), labels)),
        tuple(path for path in rest if path not in set(foreign)),
        tuple(sorted(unlisted)),
    )


def _class_names(top: Path) -> tuple[str, ...]:
    names = sorted(p.name for p in top.iterdir() if p.is_dir() and not p.name.startswith("."))
    if len(names) < 2:
        raise UsageError(
            f"{top}: expected at least two class folders with pictures in them, "
            f"got {len(names)}; the layout is {top.name}/CLASS/picture.jpg"
        )
    return tuple(names)


def _refuse_half_a_split(folder: Path, labels: tuple[str, ...]) -> None:
    """train/ and val/, or Train/ and Test/, would otherwise be learnt as two classes."""
    if {label.lower() for label in labels} <= SPLIT_LIKE:
        raise UsageError(
            f"{folder}: {', '.join(labels)} look like splits, not classes; expected "
            f"{folder.name}/CLASS/picture.jpg, or both {folder.name}/train/CLASS/picture.jpg and "
            f"{folder.name}/test/CLASS/picture.jpg"
        )


def _walk(top: Path, folder: Path, unlisted: list[tuple[str, str]]) -> Iterator[str]:
    """Paths of all files below `top`, relative to `folder`; hidden ones are passed over."""

    def note(error: OSError) -> None:
        name = Path(error.filename).relative_to(folder).as_posix()
        unlisted.append((name, f"cannot be listed: {error.strerror}"))

    for parent, folders, files in os.walk(top, onerror=note):
        folders[:] = [name for name in folders if not name.startswith(".")]
        here = Path(parent).relative_to(folder).as_posix()
        yield from (f"{here}/{name}" for name in files if not name.startswith("."))


def _outside(folder: Path, tops: list[Path], labels: tuple[str, ...]) -> Iterator[str]:
    """What a user may believe to be part of the data set, and is not."""
    known = {*tops, *(top / label for top in tops for label in labels)}
    for top in sorted({folder, *tops}):
        for path in sorted(top.iterdir()):
            is_picture = is_picture_name(path.name) or _suffix(path.name) in FOREIGN
            is_folder = path.is_dir() and not path.name.startswith(".")
            if path not in known and (is_picture or is_folder):
                yield path.relative_to(folder).as_posix() + ("/" if is_folder else "")


def _suffix(path: str) -> str:
    return os.path.splitext(path)[1].lower()
