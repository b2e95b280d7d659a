"""Your own pictures: a folder whose folders are the classes."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from edge.contract import Input, Preprocess
from edge.errors import FrameError, UsageError
from edge.sources.files import is_picture_name
from edge.sources.picture import decode_file
from train.samples import Dataset, PictureFiles, Samples, digest, split

SIDE = 64
"""Height and width in pixels that pictures of a folder are brought to."""
TEST_FRACTION = 0.2
SPLIT_SEED = 1
MIN_PER_CLASS = 3
"""One picture each for training, validation and test."""

PHOTO = Input(SIDE, SIDE, "rgb", Preprocess("photo", (0.0,) * 3, (255.0,) * 3, fit="crop"))


def load_folder(folder: Path) -> Dataset:
    """A data set from `folder/CLASS/picture.jpg`, or `folder/{train,test}/CLASS/picture.jpg`.

    Labels are the class folders' names, sorted. Without a test folder a seeded, stratified fifth
    is set apart. Pictures that cannot be read are named on stderr and left out, and so are exact
    copies: one in the test split of one in the training split would flatter the gate.

    Raises:
        UsageError: fewer than two classes, or a class with too few readable pictures.
    """
    train_folder, test_folder = folder / "train", folder / "test"
    is_split = train_folder.is_dir() and test_folder.is_dir()
    labels = _class_names(train_folder if is_split else folder)
    seen: dict[bytes, Path] = {}
    if is_split:
        if _class_names(test_folder) != labels:
            raise UsageError(
                f"{test_folder} must have the same class folders as {train_folder}: expected "
                f"{', '.join(labels)}, got {', '.join(_class_names(test_folder))}"
            )
        test = _scan(test_folder, labels, seen, minimum=1)
        train = _scan(train_folder, labels, seen, minimum=MIN_PER_CLASS - 1)
    else:
        everything = _scan(folder, labels, seen, minimum=MIN_PER_CLASS)
        rest, held_out = split(everything.targets, TEST_FRACTION, SPLIT_SEED)
        train, test = everything.take(rest), everything.take(held_out)
    return Dataset(folder.resolve().name, labels, PHOTO, train, test)


def _class_names(folder: Path) -> tuple[str, ...]:
    names = sorted(p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    if len(names) < 2:
        raise UsageError(
            f"{folder}: expected at least two class folders with pictures in them, "
            f"got {len(names)}; the layout is {folder.name}/CLASS/picture.jpg"
        )
    return tuple(names)


def _scan(folder: Path, labels: tuple[str, ...], seen: dict[bytes, Path], minimum: int) -> Samples:
    """The readable, distinct pictures of each class; the rest is named on stderr."""
    paths: list[Path] = []
    targets: list[int] = []
    for target, label in enumerate(labels):
        good = [p for p in sorted((folder / label).rglob("*")) if _is_usable(p, seen)]
        if len(good) < minimum:
            raise UsageError(
                f"{folder / label}: expected at least {minimum} readable, distinct pictures, "
                f"got {len(good)}"
            )
        paths += good
        targets += [target] * len(good)
    return Samples(PictureFiles(tuple(paths)), np.array(targets, np.int64))


def _is_usable(path: Path, seen: dict[bytes, Path]) -> bool:
    if not path.is_file() or not is_picture_name(path.name):
        return False
    try:
        content = digest(decode_file(path))
    except FrameError as error:
        print(f"left out: {error}", file=sys.stderr)
        return False
    if content in seen:
        print(f"left out: {path} is a copy of {seen[content]}", file=sys.stderr)
        return False
    seen[content] = path
    return True
