"""What is worth a look among the pictures that are used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from train.photos.layout import Layout
from train.photos.report import Note, Picture
from train.photos.rules import FEW_PER_CLASS, IMBALANCE, LONG_ASPECT, SIDE


def find_notes(layout: Layout, used: list[Picture], groups: NDArray[np.int64]) -> tuple[Note, ...]:
    """The notes that have something to say, what matters most first."""
    notes = [
        *_about_classes(layout, used),
        _mixed_groups(used, groups),
        *_about_files(used),
        Note("outside", "beside the class folders, not used", layout.outside),
        Note("other-files", "no pictures by their names, passed over", layout.others),
    ]
    return tuple(note for note in notes if note and (note.paths or note.kind in WITHOUT_PATHS))


WITHOUT_PATHS = ("small-class", "imbalance")


def _about_classes(layout: Layout, used: list[Picture]) -> Iterator[Note]:
    counts = Counter(picture.label for picture in used)
    small = [
        f"{label} ({counts[label]})" for label in layout.labels if counts[label] < FEW_PER_CLASS
    ]
    if small:
        text = f"fewer than {FEW_PER_CLASS} pictures: {', '.join(small)}; more would help most"
        yield Note("small-class", text, ())
    least, most = (pick(layout.labels, key=lambda one: counts[one]) for pick in (min, max))
    if counts[least] and counts[most] >= IMBALANCE * counts[least]:
        text = (
            f"{most} has {counts[most] / counts[least]:.0f} times the pictures of {least} "
            f"({counts[most]} to {counts[least]}); more of {least} would help"
        )
        yield Note("imbalance", text, ())


def _mixed_groups(used: list[Picture], groups: NDArray[np.int64]) -> Note:
    """Near copies under two classes may be right: a part with and without its scratch."""
    labels: dict[int, set[str]] = {}
    for picture, group in zip(used, groups.tolist(), strict=True):
        labels.setdefault(group, set()).add(picture.label)
    mixed = [p.path for p, g in zip(used, groups.tolist(), strict=True) if len(labels[g]) > 1]
    return Note(
        "alike-across-classes",
        "look alike and are under two classes: is each where it belongs?",
        tuple(mixed),
    )


def _about_files(used: list[Picture]) -> Iterator[Note]:
    def paths(chosen: NDArray[np.bool_]) -> tuple[str, ...]:
        return tuple(used[index].path for index in np.flatnonzero(chosen))

    facts = [picture.facts for picture in used]
    sides = np.array([(one.width, one.height) for one in facts], np.int64).reshape(-1, 2)
    yield Note(
        "position",
        "tell where they were taken (EXIF): mind that before you give the folder to others; the "
        "position does not get into a model",
        paths(np.array([one.has_position for one in facts], bool)),
    )
    yield Note(
        "small-picture",
        f"smaller than the model's {SIDE}x{SIDE}: enlarged, which adds no detail",
        paths(sides.min(axis=1) < SIDE),
    )
    yield Note(
        "long-picture",
        f"more than {LONG_ASPECT} times as long as wide: only the middle square is seen",
        paths(sides.max(axis=1) > LONG_ASPECT * sides.min(axis=1)),
    )
    gray = np.array([one.is_gray for one in facts], bool)
    if not gray.all():
        yield Note(
            "gray", "gray among pictures in colour: one class more than others?", paths(gray)
        )
    yield Note(
        "animated",
        "animated or of several pages: the first one is used",
        paths(np.array([one.is_animated for one in facts], bool)),
    )
    yield Note(
        "turned",
        "stored lying down and turned upright by their EXIF tag, as the edge does too",
        paths(np.array([one.orientation != 1 for one in facts], bool)),
    )
