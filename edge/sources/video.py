"""Video files as frames."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge.errors import FrameError, UsageError
from edge.sources.ahead import read_ahead
from edge.sources.opencv import load_opencv, to_rgb
from edge.sources.picture import MAX_PIXELS, Picture, check_file, unreadable

if TYPE_CHECKING:
    import cv2

Raw = NDArray[np.uint8]
"""uint8 (H, W, 3) BGR, as OpenCV has it."""
SUFFIXES = (".avi", ".m4v", ".mjpeg", ".mkv", ".mov", ".mp4", ".webm")
MISSING_SHARE = 0.05
"""Of the frames that a film says it has, how many may be missing at its end: containers estimate,
and an edited film counts what it no longer shows."""


@dataclass(frozen=True)
class Every:
    """Which frames of a video to take: each Nth, or one in so many seconds of film."""

    frames: int = 1
    seconds: float | None = None
    """Of film; when given, `frames` does not count."""

    def slot(self, number: int, time_s: float) -> int:
        """Which of the stretches a frame lies in; the first frame of each is taken."""
        if self.seconds is None:
            return number // self.frames
        return math.floor(time_s / self.seconds + 1e-6)  # 3 * 0.1 s is a little less than 0.3 s


def parse_every(text: str) -> Every:
    """`5`: each fifth frame; `2s` or `0.5s`: one each 2 or 0.5 seconds of film.

    Raises:
        UsageError: neither.
    """
    number = re.fullmatch(r"[0-9]{1,9}", text)
    second = re.fullmatch(r"([0-9]{0,9}\.?[0-9]{1,9}) ?s", text)
    if number and int(text) > 0:
        return Every(frames=int(text))
    if second and float(second[1]) > 0:
        return Every(seconds=float(second[1]))
    raise UsageError(f"--every: expected a number of frames (5) or of seconds (2s), got {text!r}")


def is_video_name(path: str) -> bool:
    """Whether a file is taken for a video: by suffix."""
    return os.path.splitext(path)[1].lower() in SUFFIXES


def read_video(
    path: str, every: Every | None, draft: int | None = None
) -> Iterator[tuple[str, Picture | FrameError]]:
    """The frames of a video file that `every` asks for; none asks for all.

    draft: how many pixels a first look needs of the longer side. Larger frames then come in gray
        and small; their `more` has them in full.

    draft: how many pixels a first look needs of the longer side. Larger frames then come in gray
        and small; their `more` has them in full.

    A frame's source has its time in the film behind the path, `film.mp4#t=12.480`, as in W3C's
    Media Fragments. A film that cannot be opened or breaks off gives one error, at its end.
    """
    try:
        capture = open_video(path)
    except FrameError as error:
        yield path, error
        return
    try:
        # The rate is the decoder's: what can be done elsewhere is left to this thread.
        for source, raw in read_ahead(_frames(path, capture, every or Every())):
            yield source, raw if isinstance(raw, FrameError) else _picture(raw, draft)
    finally:
        capture.release()


def _check(path: Path) -> None:
    """What OpenCV would only call "not opened": no such file, no permission, an empty one."""
    check_file(path, "video", max_bytes=None)
    try:
        with open(path, "rb") as file:
            is_empty = not file.read(1)
    except OSError as error:
        raise unreadable(path, error) from None
    if is_empty:
        raise FrameError("empty-file", f"{path}: expected a video, got an empty file")


def _frames(
    path: str, capture: cv2.VideoCapture, every: Every
) -> Iterator[tuple[str, Raw | FrameError]]:
    number, last_slot = 0, -1
    clock = Clock(capture)
    while capture.grab():  # a frame that is skipped is not converted
        time_s = clock.time_s(number)
        slot = every.slot(number, time_s)
        if slot > last_slot:
            last_slot = slot
            source = f"{path}#t={time_s:.3f}"
            yield source, _retrieve(source, capture)
        number += 1
    expected = _frame_count(capture)
    if number == 0:
        yield path, FrameError("damaged-video", f"{path}: expected a film, got no frame")
    elif expected is not None and expected - number > max(2, MISSING_SHARE * expected):
        message = f"{path}: expected {expected} frames, the film ends after {number}"
        yield path, FrameError("damaged-video", message)


def _retrieve(source: str, capture: cv2.VideoCapture) -> Raw | FrameError:
    found, bgr = capture.retrieve()
    if not found or bgr is None:
        return FrameError("damaged-video", f"{source}: the frame cannot be decoded")
    return np.asarray(bgr, np.uint8)


def _picture(bgr: Raw, draft: int | None) -> Picture:
    shrunk = 1 if draft is None else max(bgr.shape[:2]) // draft
    if shrunk < 2 or min(bgr.shape[:2]) < shrunk:
        return Picture(to_rgb(bgr))
    return Picture(_draft(bgr, shrunk), shrunk, more=partial(_in_full, bgr))


def _in_full(bgr: Raw) -> Picture:
    return Picture(to_rgb(bgr))


def _draft(bgr: Raw, shrunk: int) -> NDArray[np.uint8]:
    """uint8 (H, W, 3) BGR -> gray (H // shrunk, W // shrunk), each the mean of its pixels.

    Of every second row, where there are many: a mean of fewer is as good for a first look.
    """
    import cv2

    rows, columns = bgr.shape[0] // shrunk, bgr.shape[1] // shrunk
    part = bgr[: rows * shrunk : 2 if shrunk % 2 == 0 else 1, : columns * shrunk]
    gray = cv2.cvtColor(np.ascontiguousarray(part), cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.resize(gray, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)


class Clock:
    """The time of each frame: the film's own stamps, or, where it has none, the frame rate."""

    def __init__(self, capture: cv2.VideoCapture) -> None:
        import cv2

        self._capture, self._position = capture, cv2.CAP_PROP_POS_MSEC
        rate = capture.get(cv2.CAP_PROP_FPS)
        self.rate = rate if math.isfinite(rate) and rate > 0 else 25.0
        """Frames a second."""
        self._last_s = 0.0

    def time_s(self, number: int) -> float:
        """Of the frame that was grabbed last, `number` in the film; never goes back."""
        stamp_s = self._capture.get(self._position) / 1000
        has_stamp = math.isfinite(stamp_s) and (stamp_s > 0 or number == 0)
        self._last_s = max(self._last_s, stamp_s if has_stamp else number / self.rate)
        return self._last_s


def _frame_count(capture: cv2.VideoCapture) -> int | None:
    """What the film says of itself; none where it says nothing, as a bare stream of JPEGs."""
    import cv2

    count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
    return int(count) if math.isfinite(count) and 0 < count < 1e9 else None


def open_video(path: str) -> cv2.VideoCapture:
    """Opens a film for OpenCV's `grab` and `retrieve`.

    Raises:
        FrameError: it is no film, too large, or OpenCV is not there.
    """
    _check(Path(path))
    cv2 = load_opencv(path, "videos")
    # FFmpeg alone where it is there: the other backends take minutes to refuse what is no film, or
    # take a name with digits for a series of pictures. An absolute path is never taken for a URL.
    backends = cv2.videoio_registry.getStreamBackends()
    backend = cv2.CAP_FFMPEG if cv2.CAP_FFMPEG in backends else cv2.CAP_ANY
    try:
        capture = cv2.VideoCapture(os.path.abspath(path), backend)
    except cv2.error as error:
        raise FrameError("not-a-video", f"{path}: expected a video, got {error.err}") from None
    if not capture.isOpened():
        message = f"{path}: expected a video, got something else, or one that was cut short"
        raise FrameError("not-a-video", message)
    width, height = (
        capture.get(one) for one in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
    )
    if width * height > MAX_PIXELS:
        capture.release()
        message = f"{path}: expected at most {MAX_PIXELS} pixels, got {width:.0f}x{height:.0f}"
        raise FrameError("too-large", message)
    return capture
