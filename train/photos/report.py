"""What a scan of a folder found: every picture, what is left out and why, what is worth a look."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from train.photos.facts import Facts
from train.photos.layout import SplitName

Reason = Literal["unreadable", "foreign", "conflict", "copy", "leak"]
REASONS: dict[Reason, str] = {
    "unreadable": "cannot be read",
    "foreign": "in a format that is not read: save them as JPEG or PNG",
    "conflict": "the same picture under two classes: keep the right one, remove the other",
    "copy": "copies, pixel by pixel, of another picture",
    "leak": "in train/, and copies or near copies of a picture in test/",
}
"""Why a file is left out, as said to people, in the order of telling."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One readable picture of the folder."""

    path: str
    """Relative to the folder, with slashes."""
    label: str
    split: SplitName | None
    """The user's own; none where the folder has no splits."""
    facts: Facts


@dataclass(frozen=True)
class LeftOut:
    """A file that training does not use. It stays where it is."""

    path: str
    reason: Reason
    detail: str


@dataclass(frozen=True)
class Note:
    """Something worth a look, which leaves nothing out."""

    kind: str
    """A stable word for machines."""
    text: str
    """What it is and what comes of it."""
    paths: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """A folder as training sees it."""

    folder: Path
    labels: tuple[str, ...]
    is_split: bool
    """Whether the folder has train/ and test/ of its own."""
    pictures: tuple[Picture, ...]
    """Every readable one, sorted by path."""
    left_out: tuple[LeftOut, ...]
    """Sorted by reason and path."""
    kept: NDArray[np.int64]
    """Sorted indices into `pictures` of what is used."""
    groups: NDArray[np.int64]
    """(kept,) near copies share a number; no split parts them."""
    is_test: NDArray[np.bool_]
    """(kept,) whether the picture is set apart for the gate; all false when there is a problem."""
    notes: tuple[Note, ...]
    problem: str | None
    """Why this is no data set yet; none when it is one."""

    def targets(self) -> NDArray[np.int64]:
        """(kept,) index into the labels."""
        index = {label: number for number, label in enumerate(self.labels)}
        return np.array([index[self.pictures[one].label] for one in self.kept], np.int64)

    def near_copies(self) -> list[list[str]]:
        """Paths of the pictures in use that are near copies, one list a group."""
        members: dict[int, list[str]] = {}
        for group, index in zip(self.groups.tolist(), self.kept.tolist(), strict=True):
            members.setdefault(group, []).append(self.pictures[index].path)
        return [paths for paths in members.values() if len(paths) > 1]
