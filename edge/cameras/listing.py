"""Finds the cameras of this machine, in a child: libcamera and drivers may hang or crash.

python -m edge.cameras.listing            one JSON object: what picamera2 and V4L2 see
python -m edge.cameras.listing v4l2       the same without asking picamera2
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Any

from edge.cameras.v4l2 import V4l2Node, list_nodes
from edge.trial import Trial, try_module

TIMEOUT_S = 10.0
"""Importing picamera2 from a slow SD card takes seconds; one that hangs, for ever."""
MODULE = "edge.cameras.listing"
SETTINGS = {"LIBCAMERA_LOG_LEVELS": "*:ERROR"}
"""libcamera writes a line for each camera to stderr else."""
USB_MARK = "/usb"
"""In the Id of each USB camera, which libcamera lists too (the picamera2 manual)."""


@dataclass(frozen=True)
class PiCamera:
    """A camera that libcamera knows."""

    index: int
    """What `Picamera2(index)` takes."""
    model: str
    """The sensor, `imx708`."""
    id: str
    """Its place in the device tree."""
    is_csi: bool
    """On the ribbon cable; else a USB camera, which V4L2 lists as well."""


@dataclass(frozen=True)
class Found:
    """The cameras of this machine."""

    pi_cameras: tuple[PiCamera, ...]
    v4l2: tuple[V4l2Node, ...]
    """All nodes, those too that are no cameras."""
    picamera2: bool
    """Whether picamera2 can be imported and asked."""
    error: str | None
    """Why it cannot, in one line."""
    is_absent: bool = False
    """Whether that is because picamera2 is not installed for this Python."""
    crashed: bool = False
    """Whether asking it killed the child, or never came to an end."""
    v4l2_error: str | None = None
    """Why V4L2 could not be asked: a driver hangs."""

    @property
    def csi(self) -> tuple[PiCamera, ...]:
        """The cameras on a ribbon cable, first to last."""
        return tuple(camera for camera in self.pi_cameras if camera.is_csi)

    @property
    def usb(self) -> tuple[V4l2Node, ...]:
        """The nodes that OpenCV can read pictures from, by number."""
        return tuple(node for node in self.v4l2 if node.is_camera)


def find_cameras(timeout_s: float = TIMEOUT_S) -> Found:
    """Asks picamera2 and V4L2. Never raises for what they do; takes at most twice the time.

    timeout_s: for picamera2, and then once more for V4L2 if picamera2 crashed or hung.
    """
    trial = try_module(MODULE, timeout_s=timeout_s, settings=SETTINGS)
    if trial.answer is not None:
        return _found(trial.answer)
    again = try_module(MODULE, "v4l2", timeout_s=timeout_s, settings=SETTINGS)
    return _without_picamera2(trial, again)


def _found(answer: dict[str, Any]) -> Found:
    seen = answer["picamera2"]
    return Found(
        pi_cameras=tuple(PiCamera(**camera) for camera in seen["cameras"]),
        v4l2=tuple(V4l2Node(**node) for node in answer["v4l2"]),
        picamera2=seen["importable"],
        error=seen["error"],
        is_absent=seen["absent"],
    )


def _without_picamera2(trial: Trial, again: Trial) -> Found:
    nodes = again.answer["v4l2"] if again.answer else ()
    return Found(
        pi_cameras=(),
        v4l2=tuple(V4l2Node(**node) for node in nodes),
        picamera2=False,
        error=f"picamera2 was asked for its cameras: {trial.problem}",
        crashed=True,
        v4l2_error=again.problem,
    )


def _ask_picamera2() -> dict[str, Any]:
    """In the child. Whatever a foreign library raises is an answer here."""
    try:
        picamera2: Any = import_module("picamera2")
    except ModuleNotFoundError as error:
        return _failure(error, absent=error.name == "picamera2")
    except Exception as error:  # ImportError of libcamera, ValueError of a NumPy that does not fit
        return _failure(error)
    try:
        seen = picamera2.Picamera2.global_camera_info()
        cameras = [_camera(index, info) for index, info in enumerate(seen)]
    except Exception as error:
        return _failure(error)
    return {"importable": True, "error": None, "absent": False, "cameras": cameras}


def _camera(index: int, info: dict[str, Any]) -> dict[str, Any]:
    name = str(info.get("Id", ""))
    model = str(info.get("Model", "unknown"))
    number = int(info.get("Num", index))
    return asdict(PiCamera(number, model, name, is_csi=USB_MARK not in name))


def _failure(error: Exception, absent: bool = False) -> dict[str, Any]:
    words = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return {"importable": False, "error": words, "absent": absent, "cameras": []}


def _main(arguments: list[str]) -> None:
    nodes = [asdict(node) for node in list_nodes()]
    seen = (
        {"importable": False, "error": "not asked", "absent": False, "cameras": []}
        if "v4l2" in arguments
        else _ask_picamera2()
    )
    print(json.dumps({"picamera2": seen, "v4l2": nodes}))


if __name__ == "__main__":
    _main(sys.argv[1:])
