"""From a folder of class folders to a report: look at each file once, then judge them together."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.errors import FrameError
from train.photos.alike import group_alike
from train.photos.cache import Known, load_known, stamp, store_known
from train.photos.facts import Facts, read_facts
from train.photos.findings import find_notes
from train.photos.layout import Layout, Listed, find_layout
from train.photos.report import REASONS, LeftOut, Picture, Reason, Report
from train.photos.rules import MIN_PER_CLASS, SPLIT_SEED, TEST_FRACTION
from train.samples import split

WORKERS = min(8, os.cpu_count() or 1)
"""Threads: the decoders let go of the interpreter. Each holds one picture, at most some 400 MB."""


def scan_folder(folder: Path) -> Report:
    """Looks at every file of `folder/CLASS/` or `folder/{train,test}/CLASS/`; changes none.

    Progress goes to stderr on a terminal. Does not depend on the file system's order.

    Raises:
        UsageError: the folder's layout is not that of a data set.
    """
    layout = find_layout(folder)
    pictures, left_out = _look_at_all(folder, layout)
    left_out += [
        LeftOut(path, "foreign", f"{Path(path).suffix} is not read") for path in layout.foreign
    ]
    left_out += [LeftOut(path, "unreadable", why) for path, why in layout.unlisted]
    bad = _copies(pictures)
    kept = np.array([i for i, one in enumerate(pictures) if one.path not in bad], np.int64)
    groups = _groups([pictures[i].facts for i in kept])
    if layout.is_split:
        leaks = _leaks([pictures[i] for i in kept], groups)
        bad |= leaks
        stays = np.array([pictures[i].path not in leaks for i in kept], bool)
        kept, groups = kept[stays], groups[stays]
    used = [pictures[i] for i in kept]
    problem = _too_few(folder, layout, used, groups)
    is_test = np.zeros(len(kept), bool)
    if problem is None:
        is_test, problem = _set_apart(folder, layout, used, groups)
    order = list(REASONS)
    left_out += bad.values()
    left_out.sort(key=lambda one: (order.index(one.reason), one.path))
    return Report(
        folder,
        layout.labels,
        layout.is_split,
        tuple(pictures),
        tuple(left_out),
        kept,
        groups,
        is_test,
        find_notes(layout, used, groups),
        problem,
    )


def _look_at_all(folder: Path, layout: Layout) -> tuple[list[Picture], list[LeftOut]]:
    from tqdm import tqdm

    known, seen = load_known(folder), Known()
    pictures: list[Picture] = []
    left_out: list[LeftOut] = []
    looks = _looks(folder, layout.pictures, known)
    try:
        for file, look in tqdm(
            zip(layout.pictures, looks, strict=True),
            total=len(layout.pictures),
            desc=f"scanning {folder}",
            unit=" pictures",
            leave=False,
            disable=not sys.stderr.isatty(),
        ):
            if isinstance(look, FrameError):
                detail = str(look).removeprefix(f"{folder / file.path}: ")
                left_out.append(LeftOut(file.path, "unreadable", detail))
            else:
                seen[file.path] = look
                pictures.append(Picture(file.path, file.label, file.split, look[1]))
    except BaseException:  # an interrupted scan of many thousands goes on where it was
        store_known(folder, known | seen)
        raise
    if seen != known:
        store_known(folder, seen)
    return pictures, left_out


def _looks(
    folder: Path, files: tuple[Listed, ...], known: Known
) -> Iterator[tuple[str, Facts] | FrameError]:
    # The edge silences warnings picture by picture, which threads would undo for each other.
    with warnings.catch_warnings(), ThreadPoolExecutor(WORKERS) as pool:
        warnings.simplefilter("ignore")
        yield from pool.map(partial(_look, folder, known), files)


def _look(folder: Path, known: Known, file: Listed) -> tuple[str, Facts] | FrameError:
    path = folder / file.path
    try:
        now = stamp(path)  # before reading, so that a later change is seen as one
        was, facts = known.get(file.path, ("", None))
        return (now, facts) if facts and was == now else (now, read_facts(path))
    except FrameError as error:
        return error
    except OSError as error:
        return FrameError("not-found", f"cannot be read: {error.strerror}")


def _copies(pictures: list[Picture]) -> dict[str, LeftOut]:
    """All of a picture that is under two classes; of other copies, all but the first.

    The one in test/ is kept: what the gate measures by stays as the user made it.
    """
    same: dict[bytes, list[Picture]] = {}
    for picture in sorted(pictures, key=lambda one: (one.split == "train", one.path)):
        same.setdefault(picture.facts.digest, []).append(picture)
    bad: list[LeftOut] = []
    for first, *others in same.values():
        if any(other.label != first.label for other in others):
            paths = [one.path for one in (first, *others)]
            bad += [LeftOut(p, "conflict", f"same pixels as {_but(paths, p)}") for p in paths]
            continue
        for other in others:
            reason: Reason = "copy" if other.split == first.split else "leak"
            bad.append(LeftOut(other.path, reason, f"same pixels as {first.path}"))
    return {one.path: one for one in bad}


def _but(paths: list[str], path: str) -> str:
    return ", ".join(other for other in paths if other != path)


def _groups(facts: list[Facts]) -> NDArray[np.int64]:
    return group_alike(
        np.array([list(one.phash) for one in facts], np.uint8).reshape(len(facts), 8),
        np.array([np.frombuffer(one.thumbnail, np.uint8) for one in facts]),
        np.array([one.width / one.height for one in facts]),
    )


def _leaks(used: list[Picture], groups: NDArray[np.int64]) -> dict[str, LeftOut]:
    """The training pictures of every group that has a test picture."""
    tested: dict[int, str] = {}
    for picture, group in zip(used, groups.tolist(), strict=True):
        if picture.split == "test":
            tested.setdefault(group, picture.path)
    return {
        picture.path: LeftOut(picture.path, "leak", f"a near copy of {tested[group]}")
        for picture, group in zip(used, groups.tolist(), strict=True)
        if picture.split == "train" and group in tested
    }


def _too_few(
    folder: Path, layout: Layout, used: list[Picture], groups: NDArray[np.int64]
) -> str | None:
    """Names the first class that cannot be learnt or tested."""
    splits = {"train": MIN_PER_CLASS - 1, "test": 1} if layout.is_split else {None: MIN_PER_CLASS}
    for split_name, minimum in splits.items():
        top = folder / split_name if split_name else folder
        for label in layout.labels:
            own = [i for i, p in enumerate(used) if (p.label, p.split) == (label, split_name)]
            scenes = len(set(groups[own].tolist()))
            if scenes < minimum:
                counted = f" ({len(own)} with near copies)" if scenes < len(own) else ""
                return (
                    f"{top / label}: expected at least {minimum} readable, distinct pictures, "
                    f"got {scenes}{counted}"
                )
    return None


def _set_apart(
    folder: Path, layout: Layout, used: list[Picture], groups: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], str | None]:
    """Which pictures are the gate's, and why they cannot be chosen if so."""
    if layout.is_split:
        return np.array([picture.split == "test" for picture in used], bool), None
    targets = np.array([layout.labels.index(picture.label) for picture in used], np.int64)
    is_test = np.zeros(len(used), bool)
    is_test[split(targets, TEST_FRACTION, SPLIT_SEED, groups)[1]] = True
    for number, label in enumerate(layout.labels):
        if len(set(is_test[targets == number].tolist())) < 2:
            return np.zeros(len(used), bool), (
                f"{folder / label}: expected pictures for training and for testing, but all are "
                "linked as near copies with other classes'"
            )
    return is_test, None
