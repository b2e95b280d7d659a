"""What OpenCV reads: USB cameras (V4L2), streams (RTSP, HTTP) and films at their own speed."""

from __future__ import annotations

import math
import time
from types import ModuleType
from typing import TYPE_CHECKING

from edge.cameras.camera import Grabbed, Load, Loaded, Size, Spec
from edge.errors import CameraError, FrameError
from edge.sources.opencv import load_opencv, to_rgb
from edge.sources.video import Clock, open_video

if TYPE_CHECKING:
    import cv2

DEFAULT_SIZE: Size = (1280, 720)
"""USB cameras give 30 of these a second as JPEGs; raw, USB 2 carries about 10."""
TIMEOUT_MS = 5000
"""For opening a stream and for each of its frames; FFmpeg's own is 30 seconds."""


class DeviceCamera:
    """A USB camera, or what else the kernel shows as /dev/video*."""

    def __init__(self, spec: Spec) -> None:
        """
        Raises:
            CameraError: it cannot be opened, or gives no frame.
        """
        cv2 = _opencv(spec, "USB cameras")
        self._name = spec.name
        self._capture = cv2.VideoCapture(spec.address, cv2.CAP_V4L2)
        if not self._capture.isOpened():
            raise CameraError(
                f"{spec.name}: cannot be opened as a camera: it may be in use, no camera, or not "
                "allowed to this user; see: edgeproof doctor"
            )
        width, height = spec.size or DEFAULT_SIZE
        for setting, value in (
            (cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG")),
            (cv2.CAP_PROP_FRAME_WIDTH, width),
            (cv2.CAP_PROP_FRAME_HEIGHT, height),
            (cv2.CAP_PROP_BUFFERSIZE, 1),  # the driver's queue holds no old frames
        ):
            self._capture.set(setting, value)
        self.description = _describe(self._capture)

    def read(self) -> Grabbed | None:
        return _read(self._capture, self._name)

    def close(self) -> None:
        self._capture.release()


class StreamCamera:
    """A stream that FFmpeg reads, such as RTSP."""

    def __init__(self, spec: Spec) -> None:
        """
        Raises:
            CameraError: it cannot be reached, or is no stream.
        """
        cv2 = _opencv(spec, "streams")
        self._name = spec.name
        timeouts = (cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, cv2.CAP_PROP_READ_TIMEOUT_MSEC)
        settings = [value for timeout in timeouts for value in (timeout, TIMEOUT_MS)]
        self._capture = cv2.VideoCapture(spec.address, cv2.CAP_FFMPEG, settings)
        if not self._capture.isOpened():
            raise CameraError(f"{spec.name}: cannot be opened as a stream, or not be reached")
        self.description = _describe(self._capture)

    def read(self) -> Grabbed | None:
        return _read(self._capture, self._name)

    def close(self) -> None:
        self._capture.release()


class FilmCamera:
    """A film that runs as fast as it was taken, or as fast as its frames are."""

    def __init__(self, spec: Spec) -> None:
        """
        Raises:
            CameraError: it is no film, or cannot be read; for good.
        """
        self._spec = spec
        self._rounds_s = 0.0
        self._open()
        self._next_s = time.monotonic()
        self.description = _describe(self._capture)

    def read(self) -> Grabbed | None:
        if not self._capture.grab():
            if not self._spec.loop or self._number == 0:
                return None
            self._rounds_s += self._clock.time_s(self._number - 1) + 1 / self._clock.rate
            self._capture.release()
            self._open()
            if not self._capture.grab():
                return None
        time_s = self._clock.time_s(self._number)
        self._number += 1
        shown_s = self._rounds_s + time_s if self._spec.all_frames else None
        if shown_s is None:
            self._wait_for(time_s)
        found, bgr = self._capture.retrieve()
        place = f"#t={time_s:.3f}"
        if not found or bgr is None:
            return Grabbed(time.monotonic(), _undecodable(self._spec.name + place), place)
        return Grabbed(time.monotonic(), lambda: (to_rgb(bgr), 1), place, shown_s)

    def close(self) -> None:
        self._capture.release()

    def _open(self) -> None:
        try:
            self._capture = open_video(self._spec.address)
        except FrameError as error:
            raise CameraError(str(error), is_final=True) from None
        self._clock, self._number, self._before_s = Clock(self._capture), 0, 0.0

    def _wait_for(self, time_s: float) -> None:
        """Until the film is at that time; the first frame stands as long as one at its rate."""
        step_s = time_s - self._before_s if self._number > 1 else 1 / self._clock.rate
        self._before_s = time_s
        # What could not be decoded in time is not made up for: the film goes slower.
        self._next_s = max(self._next_s + step_s, time.monotonic())
        time.sleep(max(0.0, self._next_s - time.monotonic()))


def _opencv(spec: Spec, what: str) -> ModuleType:
    try:
        return load_opencv(spec.name, what)
    except FrameError as error:
        raise CameraError(str(error), is_final=True) from None


def _read(capture: cv2.VideoCapture, name: str) -> Grabbed | None:
    if not capture.grab():
        return None
    taken_s = time.monotonic()
    found, bgr = capture.retrieve()
    if not found or bgr is None:
        return Grabbed(taken_s, _undecodable(name))
    return Grabbed(taken_s, lambda: (to_rgb(bgr), 1))


def _undecodable(name: str) -> Load:
    def load() -> Loaded:
        raise FrameError("damaged-picture", f"{name}: the frame cannot be decoded")

    return load


def _describe(capture: cv2.VideoCapture) -> str:
    import cv2

    width, height, rate = (
        capture.get(one)
        for one in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FPS)
    )
    size = f"{width:.0f}x{height:.0f}"
    return f"{size}, {rate:g} frames a second" if math.isfinite(rate) and rate > 0 else size
