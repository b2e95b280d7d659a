"""Which camera is meant by what a user typed, or by nothing."""

from __future__ import annotations

import os
import re
import stat
from urllib.parse import urlsplit, urlunsplit

from edge.cameras.camera import Kind, Size, Spec
from edge.errors import EnvironmentFault, UsageError
from edge.sources import url, video

STREAMS = ("rtsp://", "rtsps://", "rtmp://", "udp://", "rtp://", "srt://", "tcp://")
"""What OpenCV's FFmpeg opens beside http."""
EXPECTED = (
    "a camera (/dev/video0, or pi), a film, a folder of pictures, or the address of a stream "
    "(http://, rtsp://)"
)


def find_spec(source: str | None) -> Spec:
    """The camera that a user means; none: the Pi's own, else the first that is plugged in.

    Raises:
        UsageError: it is nothing that could be a camera.
        EnvironmentFault: no camera was found.
    """
    if source is None:
        return _first_camera()
    lower = source.lower()
    if pi := re.fullmatch(r"pi(?::?([0-9]+))?", lower):
        return Spec("pi", pi[1] or "0", f"pi:{pi[1] or 0}")
    if re.fullmatch(r"[0-9]+", source):
        return Spec("v4l2", f"/dev/video{source}", f"/dev/video{source}")
    if url.is_url(source):
        return Spec("http", source, without_password(source))
    if lower.startswith(STREAMS):
        return Spec("stream", source, without_password(source))
    return Spec(_kind_of_path(source), os.path.abspath(source), source)


def parse_size(text: str) -> Size:
    """`1280x720` as width and height.

    Raises:
        UsageError: anything else.
    """
    found = re.fullmatch(r"([1-9][0-9]{1,4})x([1-9][0-9]{1,4})", text)
    if found is None:
        raise UsageError(f"--size: expected WIDTHxHEIGHT such as 1280x720, got {text!r}")
    return int(found[1]), int(found[2])


def without_password(address: str) -> str:
    """A web address as it may be shown: without user name and password."""
    try:
        parts = urlsplit(address)
    except ValueError:  # its message may repeat the password
        raise UsageError(
            "SOURCE: expected an address of a stream, got one without a host"
        ) from None
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _kind_of_path(path: str) -> Kind:
    if path.startswith("/dev/"):  # also one that is unplugged at the moment
        return "v4l2"
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError) as error:  # ValueError: a NUL in it
        reason = f"{path!r}: {getattr(error, 'strerror', None) or error}"
        raise UsageError(f"SOURCE: expected {EXPECTED}, got {reason}") from None
    if stat.S_ISDIR(mode):
        return "folder"
    if stat.S_ISCHR(mode):
        return "v4l2"
    if video.is_video_name(path):
        return "film"
    suffixes = " ".join(video.SUFFIXES)
    raise UsageError(
        f"SOURCE: expected {EXPECTED}, got the file {path!r}, which ends in none of {suffixes}; "
        "pictures are for: edgeproof classify"
    )


def _first_camera() -> Spec:
    from edge.cameras.listing import find_cameras

    found = find_cameras()
    for camera in found.csi:
        return Spec("pi", str(camera.index), f"pi:{camera.index}")
    for node in found.v4l2:
        if node.is_camera:
            return Spec("v4l2", node.path, node.path)
    raise EnvironmentFault(
        "no camera found: expected a Pi camera (with picamera2) or a /dev/video device; name a "
        "SOURCE such as a film or http://..., or see what is missing: edgeproof doctor"
    )
