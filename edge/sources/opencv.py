"""OpenCV, loaded when it is needed: how it is kept quiet, and where BGR becomes RGB."""

from __future__ import annotations

import os
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import FrameError


def load_opencv(source: str, what: str) -> ModuleType:
    """OpenCV, kept from writing to the terminal.

    what: that needs it, in the plural, for the message.

    Raises:
        FrameError: it is not installed.
    """
    # Read once each, by the library when it is loaded and before the first film. -8 is FFmpeg's
    # AV_LOG_QUIET.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    try:
        import cv2
    except ImportError as error:
        reason = " ".join(str(error).split())
        message = f"{source}: {what} need OpenCV ({reason}): pip install 'edgeproof[camera]'"
        raise FrameError("needs-opencv", message) from None
    return cv2


def to_rgb(bgr: NDArray[Any]) -> NDArray[np.uint8]:
    """uint8 (H, W, 3) BGR, as OpenCV has it, to uint8 (H, W, 3) RGB."""
    import cv2

    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
