"""Whatever is typed as a source as a stream of frames: files, folders and globs in stable order."""

from __future__ import annotations

import glob
import heapq
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import NamedTuple

from edge.errors import FrameError
from edge.sources import STDIN, url, video
from edge.sources.frame import Failure, Frame
from edge.sources.picture import Picture, read_picture
from edge.sources.png import read_plain_png
from edge.sources.video import Every

SUFFIXES = (
    *(".bmp", ".gif", ".jpeg", ".jpg", ".mpo", ".pbm", ".pgm"),
    *(".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"),
)
"""What counts as a picture inside a folder; a file named outright is always tried."""
CHUNK = 16_384
"""Names held at once. A folder with more is listed again for each chunk, in order all the same."""


class Input(NamedTuple):
    """What a word of the command line stands for, or one file that it leads to."""

    source: str
    is_file: bool
    """A picture in a file of its own: exactly one frame, which `read_file` gives."""
    problem: FrameError | None = None
    """Why there is nothing to read."""


def read_frames(
    sources: Sequence[str],
    *,
    every: Every | None = None,
    side: int | None = None,
    draft: int | None = None,
) -> Iterator[Frame | Failure]:
    """Frames of files, folders (with all folders below) and globs, in that order, sorted within.

    `-` reads pictures from stdin, http(s):// fetches one, and a file with a video's suffix gives
    its frames; in folders only pictures count. Never raises for an input: what cannot be read
    becomes a Failure and the stream goes on.

    every: which frames of a video to take; none takes all.
    side: how many pixels the longer side needs at least, see `edge.sources.picture`.
    draft: as there, of picture files and of videos.
    """
    numbers = count()
    for one in find_inputs(sources):
        yield from read_input(one, numbers, every=every, side=side, draft=draft)


def find_inputs(sources: Sequence[str]) -> Iterator[Input]:
    """What `read_frames` reads, in its order, and nothing of it is read yet."""
    for source in sources:
        if source == STDIN or url.is_url(source):
            yield Input(source, False)
        else:
            for path, problem in picture_paths(source):
                is_file = problem is None and not video.is_video_name(path)
                yield Input(path, is_file, problem)


def read_input(
    one: Input,
    numbers: Iterator[int],
    *,
    every: Every | None = None,
    side: int | None = None,
    draft: int | None = None,
) -> Iterator[Frame | Failure]:
    """The frames of one input; otherwise as `read_frames`.

    numbers: gives each frame its index.
    """
    if one.is_file:
        yield read_file(next(numbers), one.source, side, draft)
        return
    for (source, picture), index in zip(_read(one, every, side, draft), numbers, strict=False):
        yield _frame(index, source, picture)


def read_file(
    index: int, path: str, side: int | None = None, draft: int | None = None
) -> Frame | Failure:
    """The frame of one picture file; otherwise as `read_frames`."""
    pixels = read_plain_png(path)
    if pixels is not None:
        return Frame(index, path, time.time(), pixels)
    return _frame(index, path, _or_error(partial(read_picture, Path(path), side, draft)))


def _frame(index: int, source: str, picture: Picture | FrameError) -> Frame | Failure:
    if isinstance(picture, FrameError):
        return Failure(index, source, picture)
    return to_frame(index, source, picture)


def to_frame(index: int, source: str, picture: Picture) -> Frame:
    """A picture as a frame, read at this moment."""
    more = None if picture.more is None else partial(_more, index, source, picture.more)
    return Frame(index, source, time.time(), picture.pixels, picture.shrunk, picture.note, more)


def _more(index: int, source: str, read: Callable[[], Picture]) -> Frame:
    return to_frame(index, source, read())


def count_frames(sources: Sequence[str], goes_on: Callable[[], bool]) -> int | None:
    """How many frames `read_frames` will give; none where only reading them would tell.

    goes_on: asked for each file; when it says no, the count is given up.
    """
    count = 0
    for source in sources:
        if source == STDIN:
            return None
        for path, _ in (
            [(source, None)] if url.is_url(source) else picture_paths(source, in_order=False)
        ):
            if video.is_video_name(path) or not goes_on():
                return None
            count += 1
    return count


def is_picture_name(name: str) -> bool:
    """Whether a file in a folder is taken for a picture: by suffix, hidden files left out."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES


def _read(
    one: Input, every: Every | None, side: int | None, draft: int | None
) -> Iterator[tuple[str, Picture | FrameError]]:
    """Of an input that is no picture file."""
    if one.problem is not None:
        yield one.source, one.problem
    elif one.source == STDIN:
        from edge.sources.stdin import read_stdin

        yield from read_stdin(side)
    elif url.is_url(one.source):
        yield one.source, _or_error(partial(url.fetch_picture, one.source, side))
    else:
        yield from video.read_video(one.source, every, draft)


def _or_error(read: Callable[[], Picture]) -> Picture | FrameError:
    try:
        return read()
    except FrameError as error:
        return error


def picture_paths(source: str, in_order: bool = True) -> Iterator[tuple[str, FrameError | None]]:
    """The files that a source stands for, or what is wrong with it.

    in_order: false takes them as they come, which is faster.
    """
    if os.path.isdir(source):
        yield from _folder(source, in_order)
    elif os.path.lexists(source) or not glob.has_magic(source):
        yield source, None
    else:
        yield from _glob(source, in_order)


def _folder(folder: str, in_order: bool) -> Iterator[tuple[str, FrameError | None]]:
    """A folder's files, then its folders one after the other, each with all that is below it."""
    found = False
    waiting: list[Iterator[str]] = [iter([folder])]  # one for each level, so memory is flat
    while waiting:
        parent = next(waiting[-1], None)
        if parent is None:
            waiting.pop()
            continue
        try:
            for name in _names(_files, parent, in_order):
                found = True
                yield os.path.join(parent, name), None
        except OSError as error:
            found = True
            message = f"{parent}: cannot be listed: {error.strerror}"
            yield parent, FrameError("no-permission", message)
        else:
            waiting.append(_joined(parent, _names(_folders, parent, in_order)))
    if not found:
        expected = f"{folder}: expected pictures ({' '.join(SUFFIXES)}), found none"
        yield folder, FrameError("empty-folder", expected)


def _joined(parent: str, names: Iterator[str]) -> Iterator[str]:
    try:
        for name in names:
            yield os.path.join(parent, name)
    except OSError:  # it was listed a moment ago, and has gone since
        return


def _glob(pattern: str, in_order: bool) -> Iterator[tuple[str, FrameError | None]]:
    found = False
    for match in _names(_matches, pattern, in_order):
        found = True
        if os.path.isdir(match):
            yield from _folder(match, in_order)
        else:
            yield match, None
    if not found:
        yield pattern, FrameError("no-match", f"{pattern}: no file matches")


def _names(list_names: Callable[[str], Iterable[str]], where: str, in_order: bool) -> Iterator[str]:
    return iter(list_names(where)) if not in_order else _sorted(lambda: list_names(where))


def _sorted(list_names: Callable[[], Iterable[str]]) -> Iterator[str]:
    """Names in order, each once, `CHUNK` of them in memory: one listing for each chunk."""
    last: str | None = None
    while True:
        rest = (name for name in list_names() if last is None or name > last)
        chunk = heapq.nsmallest(CHUNK, rest)
        for name in chunk:
            if name != last:
                yield name
            last = name
        if len(chunk) < CHUNK:
            return


def _files(folder: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if is_picture_name(entry.name) and not _is_dir(entry):
                yield entry.name


def _folders(folder: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.startswith(".") and _is_dir(entry) and not entry.is_symlink():
                yield entry.name


def _is_dir(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that cannot be followed
        return False


def _matches(pattern: str) -> Iterator[str]:
    return glob.iglob(pattern, recursive=True)
