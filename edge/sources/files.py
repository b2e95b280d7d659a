"""Picture files, folders and globs as a stream of frames, in a stable order."""

from __future__ import annotations

import glob
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.errors import FrameError
from edge.sources.picture import decode_file

SUFFIXES = (
    *(".bmp", ".gif", ".jpeg", ".jpg", ".mpo", ".pbm", ".pgm"),
    *(".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"),
)
"""What counts as a picture inside a folder; a file named outright is always tried."""


@dataclass(frozen=True)
class Frame:
    """One picture on its way to a label."""

    index: int
    """Position in the run, from 0; failures count too."""
    source: str
    """The file's path as the user would type it."""
    timestamp_s: float
    """When it was read, seconds since the Unix epoch."""
    rgb: NDArray[np.uint8]
    """uint8 (H, W, 3) RGB, or (H, W) gray."""


@dataclass(frozen=True)
class Failure:
    """An input that gave no frame, in the place where its frame would stand."""

    index: int
    source: str
    error: FrameError


def read_frames(sources: Sequence[str]) -> Iterator[Frame | Failure]:
    """Frames of files, folders (with all folders below) and globs, in that order, sorted within.

    Never raises for an input: what cannot be read becomes a Failure and the stream goes on.
    """
    for index, (path, problem) in enumerate(_paths(sources)):
        if problem is not None:
            yield Failure(index, path, problem)
            continue
        try:
            rgb = decode_file(Path(path))
        except FrameError as error:
            yield Failure(index, path, error)
        else:
            yield Frame(index, path, time.time(), rgb)


def is_picture_name(name: str) -> bool:
    """Whether a file in a folder is taken for a picture: by suffix, hidden files left out."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES


def _paths(sources: Sequence[str]) -> Iterator[tuple[str, FrameError | None]]:
    for source in sources:
        if os.path.isdir(source):
            yield from _folder(source)
        elif os.path.lexists(source) or not glob.has_magic(source):
            yield source, None
        else:
            yield from _glob(source)


def _folder(folder: str) -> Iterator[tuple[str, FrameError | None]]:
    problems: list[OSError] = []
    found = False
    for parent, folders, files in os.walk(folder, onerror=problems.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(filter(is_picture_name, files)):
            found = True
            yield os.path.join(parent, name), None
    for problem in problems:
        message = f"{problem.filename}: cannot be listed: {problem.strerror}"
        yield str(problem.filename), FrameError("no-permission", message)
    if not found and not problems:
        expected = f"{folder}: expected pictures ({' '.join(SUFFIXES)}), found none"
        yield folder, FrameError("empty-folder", expected)


def _glob(pattern: str) -> Iterator[tuple[str, FrameError | None]]:
    matches = sorted(glob.glob(pattern, recursive=True))
    for match in matches:
        if os.path.isdir(match):
            yield from _folder(match)
        else:
            yield match, None
    if not matches:
        yield pattern, FrameError("no-match", f"{pattern}: no file matches")
