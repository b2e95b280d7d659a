"""Frames that the model was unsure of, kept as class folders for the next training."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.classifier import UNKNOWN, Result
from edge.files import make_writable, write_atomic
from edge.sinks.outbox import GRACE_S, SENT, Attempt, Outbox, Trouble

OPTION = "--record-uncertain"

SURE_SCORE = 0.8
"""Scores are fitted to be right as often as they say: of frames below, one in five or more is
wrong. Those teach the most, and a person has to look through all of them."""
SURE_LEAD = 0.2
"""Of the best label over the second: for models whose scores do not add up to 1."""
EVERY_S = 1.0
"""Between two pictures: of a moving hand, a training needs no thirty a second."""
SAME = 8.0
"""Largest change of a cell, in gray levels of 255, up to which a scene is the same. A pen's stroke
changes a cell by 20; a camera's noise, over the hundreds of pixels of a cell, by 1."""
CELLS = 32
"""Rows and columns that a scene is compared in: of 640x480, a cell is 20x15 pixels."""
RESERVE_BYTES = 200 << 20
"""Left free on the file system: a Pi whose card is full does not start again."""
RECOUNT_S = 600.0
"""Between counts of the files, which a person may move away meanwhile."""
RETRY_S = 60.0
"""As long as there is no room, between looks whether there is."""
WAITING = 4
"""Frames in memory at most: 6 MB each at 1920x1080."""
JPEG_QUALITY = 95
SMALL_PX = 128
"""Longer side below which a picture is kept as PNG: the blocks of JPEG are 8 pixels wide, and a
28x28 digit would be 3 blocks and a half."""
NO_SCENE = np.zeros(0, np.float32)
"""Unlike any other: nothing was recorded."""
NAME = re.compile(r"\.?\d{8}T\d{6}\.\d{3}Z-.+-\d\.\d{3}\.(jpg|png)(\.\w+)?")
"""Of the files that we wrote; with a dot before it and letters behind, of one that a power cut
left half written."""


@dataclass(frozen=True)
class RecorderCounts:
    """What became of the frames that the model was unsure of."""

    written: int
    lost: int
    """Could not be written, or came faster than the disk takes them."""
    skipped: int
    """Left out on purpose: the same scene again, too soon after the last one, or no room."""
    unwritten: int = 0
    """Of those lost, the ones that the disk did not take."""


class UncertainRecorder:
    """Writes frames that the model was unsure of; never deletes one.

    with UncertainRecorder(Path("unsure"), 1 << 30, labels, err) as recorder:
        recorder.offer(pixels, result, time.monotonic())
    """

    def __init__(
        self,
        folder: Path,
        limit_bytes: int,
        labels: Sequence[str],
        err: Callable[[str], None],
        *,
        reserve_bytes: int = RESERVE_BYTES,
        retry_s: float = RETRY_S,
    ) -> None:
        """
        limit_bytes: of all the pictures that were recorded in `folder`, earlier runs included.
        labels: all that the model knows.
        err: takes one line, in this recorder's thread.
        reserve_bytes: to be left free on the file system.
        retry_s: between looks whether there is room again.

        Raises:
            UsageError: not a folder.
            EnvironmentFault: nothing can be written there.
        """
        make_writable(folder, OPTION)
        self._folder, self._limit_bytes, self._reserve_bytes = folder, limit_bytes, reserve_bytes
        self._folders = folder_names(labels)
        self._full, self._fault = Trouble(OPTION, err), Trouble(OPTION, err)
        self._retry_s, self._full_until_s = retry_s, 0.0
        self._next_s, self._scene = 0.0, NO_SCENE
        self._used_bytes, self._recount_at_s = 0, 0.0
        self._lock = threading.Lock()
        self._written = self._lost = self._skipped = 0
        self._outbox = Outbox(self._record, name="record-uncertain", limit=WAITING)

    def offer(self, frame: NDArray[np.uint8], result: Result, now_s: float) -> None:
        """Takes a copy of the frame when it is to be kept, and returns at once.

        frame: uint8 (H, W, 3) RGB or (H, W) gray; not looked at after the call.
        now_s: on a monotonic clock.
        """
        if not is_unsure(result):
            return
        if now_s < max(self._next_s, self._full_until_s):
            self._count(skipped=1)
            return
        scene = _cells(frame)
        if _is_same(scene, self._scene):
            self._count(skipped=1)
            return
        self._next_s, self._scene = now_s + EVERY_S, scene
        self._outbox.put(_Picture(frame.copy(), result.top[0].label, result.top[0].score, now_s))

    @property
    def counts(self) -> RecorderCounts:
        """Of this run, at this moment."""
        late = self._outbox.delivery.lost
        with self._lock:
            lost = self._lost + late
            return RecorderCounts(self._written, lost, self._skipped, unwritten=self._lost)

    def close(self, grace_s: float = GRACE_S) -> None:
        """Writes what waits, within `grace_s`."""
        self._outbox.close(grace_s)

    def __enter__(self) -> UncertainRecorder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _record(self, picture: _Picture) -> Attempt:
        """In the recorder's thread. An attempt is always `sent`: the counts here are finer."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)  # a person may have taken all of it
            data, suffix = encode(picture.pixels)
            reason = self._why_full(len(data))
            if reason is not None:
                self._full_until_s, self._scene = picture.now_s + self._retry_s, NO_SCENE
                self._full.begin(
                    f"{self._folder}: {reason}; nothing is recorded until there is room"
                )
                self._count(skipped=1)
                return SENT
            write_atomic(self._path(picture, suffix), data)
        except OSError as error:
            self._fault.begin(f"{self._folder} cannot be written to: {error.strerror or error}")
            self._scene = NO_SCENE
            self._count(lost=1)
            return SENT
        self._used_bytes += len(data)
        self._full.end(f"{self._folder}: records again")
        self._fault.end(f"{self._folder} can be written to again")
        self._count(written=1)
        return SENT

    def _why_full(self, size_bytes: int) -> str | None:
        if time.monotonic() >= self._recount_at_s or self._full_until_s > 0:
            self._used_bytes = count_bytes(self._folder)
            self._recount_at_s = time.monotonic() + RECOUNT_S
        if self._used_bytes + size_bytes > self._limit_bytes:
            return f"holds {_mb(self._used_bytes)} of at most {_mb(self._limit_bytes)}"
        free_bytes = shutil.disk_usage(self._folder).free
        if free_bytes - size_bytes < self._reserve_bytes:
            reserve = _mb(self._reserve_bytes)
            return f"the file system has {_mb(free_bytes)} left, of which {reserve} stay free"
        self._full_until_s = 0.0
        return None

    def _path(self, picture: _Picture, suffix: str) -> Path:
        guess = self._folders.get(picture.guess) or folder_names([picture.guess])[picture.guess]
        at = datetime.now(UTC)
        while True:  # a Pi without a clock may live through the same second twice
            stamp = f"{at:%Y%m%dT%H%M%S}.{at.microsecond // 1000:03}Z"
            name = f"{stamp}-{guess}-{min(max(picture.score, 0.0), 9.999):.3f}{suffix}"
            if not (path := self._folder / guess / name).exists():
                return path
            at += timedelta(milliseconds=1)

    def _count(self, *, written: int = 0, lost: int = 0, skipped: int = 0) -> None:
        with self._lock:
            self._written += written
            self._lost += lost
            self._skipped += skipped


@dataclass(frozen=True, eq=False)
class _Picture:
    pixels: NDArray[np.uint8]
    guess: str
    score: float
    now_s: float


def is_unsure(result: Result) -> bool:
    """Whether something was found and the model could not well say what."""
    if not result.top:
        return False
    best = result.top[0].score
    lead = best - result.top[1].score if len(result.top) > 1 else best
    return result.label == UNKNOWN or best < SURE_SCORE or lead < SURE_LEAD


def folder_names(labels: Sequence[str]) -> dict[str, str]:
    """A folder's name for each label: letters that every file system takes, and no two alike, not
    even where upper and lower case are one."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for label in labels:
        name = re.sub(r"[^\w.-]+", "_", label).strip("._-")[:60]
        if not name or name.casefold() in taken:
            digest = hashlib.sha256(label.encode("utf-8", "surrogateescape")).hexdigest()[:8]
            name = f"{name or 'label'}_{digest}"
        taken.add(name.casefold())
        names[label] = name
    return names


def count_bytes(folder: Path) -> int:
    """The size of the pictures that were recorded in the class folders of `folder`."""
    total = 0
    with os.scandir(folder) as classes:
        for entry in classes:
            if not entry.is_dir(follow_symlinks=False):
                continue
            with os.scandir(entry) as files:
                for file in files:
                    with contextlib.suppress(FileNotFoundError):  # moved away meanwhile
                        if NAME.fullmatch(file.name) and file.is_file(follow_symlinks=False):
                            total += file.stat(follow_symlinks=False).st_size
    return total


def encode(pixels: NDArray[np.uint8]) -> tuple[bytes, str]:
    """A picture's file and its suffix.

    pixels: uint8 (H, W, 3) RGB or (H, W) gray.
    """
    from PIL import Image

    data, picture = io.BytesIO(), Image.fromarray(pixels)
    if max(pixels.shape[:2]) < SMALL_PX:
        picture.save(data, "PNG")
        return data.getvalue(), ".png"
    picture.save(data, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return data.getvalue(), ".jpg"


def _cells(frame: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The mean brightness in each of up to 32x32 cells; of a large frame, of every third pixel."""
    gray = frame if frame.ndim == 2 else frame[..., 1]  # green is most of brightness
    step = max(1, min(gray.shape) // 300)
    gray = gray[::step, ::step]
    rows, columns = (min(CELLS, side) for side in gray.shape)
    height, width = gray.shape[0] // rows, gray.shape[1] // columns
    cut = gray[: rows * height, : columns * width].reshape(rows, height, columns, width)
    means: NDArray[np.float32] = cut.mean(axis=(1, 3), dtype=np.float32)
    return means


def _is_same(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    if one.shape != other.shape:
        return False
    change = one - other
    return bool(np.abs(change - np.median(change)).max() < SAME)  # a lamp alone is no new scene


def _mb(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.1f} MB"
