"""Which /dev/video* are cameras: on a Raspberry Pi most of them are codecs and ISPs."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

CAPABILITY = struct.Struct("=16s32s32sIII12x")
"""struct v4l2_capability of linux/videodev2.h: driver, card, bus_info, version, capabilities,
device_caps, reserved[3]; 104 bytes."""
VIDIOC_QUERYCAP = 2 << 30 | CAPABILITY.size << 16 | ord("V") << 8 | 0
"""_IOR('V', 0, struct v4l2_capability) of linux/videodev2.h."""
CAPTURE, CAPTURE_MPLANE = 0x1, 0x1000
M2M, M2M_MPLANE = 0x8000, 0x4000
"""Memory to memory: a codec."""
DEVICE_CAPS = 0x80000000
"""device_caps holds what this node can; `capabilities` is of the whole device."""
NOT_CAMERAS = (
    *("bcm2835-codec", "bcm2835-isp", "pispbe", "rpivid", "rpi-hevc-dec"),  # codecs and ISPs
    *("unicam", "rp1-cfe"),  # the CSI camera's raw pixels, for libcamera alone
)
"""Drivers of a Raspberry Pi that capture, but no pictures to look at."""


@dataclass(frozen=True)
class V4l2Node:
    """A /dev/video*, as its driver describes it."""

    path: str
    driver: str
    """`uvcvideo` for USB cameras; empty when it could not be asked."""
    card: str
    """The name that people know: `HD Pro Webcam C920`."""
    is_camera: bool
    """Whether it gives pictures that OpenCV can read."""
    problem: str | None = None
    """Why it could not be asked, and what to do."""


def list_nodes(
    folder: Path = Path("/dev"), query: Callable[[int], bytes] | None = None
) -> tuple[V4l2Node, ...]:
    """Every video* in a folder, by number. Opens each for a moment, which takes no camera from
    anybody; a driver that hangs hangs this too.

    query: takes a file descriptor, gives the capability's bytes; asks the driver.
    """
    found = []
    for entry in folder.glob("video*") if folder.is_dir() else ():
        number = re.fullmatch(r"video([0-9]+)", entry.name)
        if number:
            found.append((int(number[1]), str(entry)))
    return tuple(_ask(path, query or query_capability) for _, path in sorted(found))


def query_capability(handle: int) -> bytes:
    """VIDIOC_QUERYCAP: the bytes of struct v4l2_capability.

    Raises:
        OSError: no video device, or its driver failed.
    """
    answer = bytearray(CAPABILITY.size)
    fcntl.ioctl(handle, VIDIOC_QUERYCAP, answer)
    return bytes(answer)


def parse_capability(path: str, data: bytes) -> V4l2Node:
    """data: struct v4l2_capability, 104 bytes."""
    driver, card, _, _, capabilities, device_caps = CAPABILITY.unpack(data)
    caps = device_caps if capabilities & DEVICE_CAPS else capabilities
    name = _word(driver)
    is_camera = (
        bool(caps & (CAPTURE | CAPTURE_MPLANE))
        and not caps & (M2M | M2M_MPLANE)
        and name not in NOT_CAMERAS
    )
    return V4l2Node(path, name, _word(card), is_camera)


def _ask(path: str, query: Callable[[int], bytes]) -> V4l2Node:
    try:
        handle = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        return V4l2Node(path, "", "", False, _reason(path, error))
    try:
        return parse_capability(path, query(handle))
    except OSError as error:
        return V4l2Node(path, "", "", False, _reason(path, error))
    finally:
        os.close(handle)


def _reason(path: str, error: OSError) -> str:
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"{path}: no permission: the user must be in the group video"
    if error.errno == errno.EBUSY:
        return f"{path}: in use by another process: fuser -v {path} says which"
    if error.errno in (errno.ENOTTY, errno.EINVAL):
        return f"{path}: expected a video device, got something else"
    if error.errno in (errno.ENODEV, errno.ENXIO, errno.ENOENT):
        return f"{path}: its device has gone"
    return f"{path}: {os.strerror(error.errno or 0)}"


def _word(data: bytes) -> str:
    return data.split(b"\0", 1)[0].decode("utf-8", "replace").strip()
