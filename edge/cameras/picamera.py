"""The Pi's own camera at its ribbon cable (CSI), through picamera2; the one file that imports it.

picamera2 comes with Raspberry Pi OS (python3-picamera2) and not from pip: an environment sees it
when it was made with --system-site-packages.
"""

from __future__ import annotations

import os
import time
from importlib import import_module
from typing import Any

import numpy as np

from edge.cameras.camera import Grabbed, Spec
from edge.cameras.opencv import DEFAULT_SIZE
from edge.errors import CameraError

FORMAT = "BGR888"
"""What libcamera calls the bytes R, G, B; its RGB888 is B, G, R (Picamera2 manual, appendix A)."""
AF_CONTINUOUS = 2
"""libcamera's AfModeContinuous: the third camera module would otherwise stay at its last focus."""


class PiCamera:
    """A camera at the ribbon cable."""

    def __init__(self, spec: Spec) -> None:
        """
        Raises:
            CameraError: picamera2 is not there (for good), or gives no camera.
        """
        os.environ.setdefault("LIBCAMERA_LOG_LEVELS", "*:ERROR")
        try:
            module = import_module("picamera2")
        except Exception as error:  # a libcamera that does not fit raises anything
            reason = " ".join(str(error).split()) or type(error).__name__
            raise CameraError(
                f"{spec.name}: picamera2 cannot be imported ({reason}): sudo apt install "
                "python3-picamera2, and an environment made with python3 -m venv "
                "--system-site-packages",
                is_final=True,
            ) from None
        self._name = spec.name
        size = spec.size or DEFAULT_SIZE
        try:
            self._camera: Any = module.Picamera2(int(spec.address))
            wanted = {"format": FORMAT, "size": size}
            self._camera.configure(self._camera.create_video_configuration(main=wanted))
            if "AfMode" in self._camera.camera_controls:
                self._camera.set_controls({"AfMode": AF_CONTINUOUS})
            self._camera.start()
        except Exception as error:  # RuntimeError, IndexError, and what libcamera throws
            raise self._failed("cannot be opened", error) from None
        model = self._camera.camera_properties.get("Model", "camera")
        self.description = f"{model}, {size[0]}x{size[1]}"

    def read(self) -> Grabbed | None:
        try:
            request = self._camera.capture_request()
            try:
                taken_s = _sensor_time_s(request.get_metadata())
                pixels = np.asarray(request.make_array("main"), np.uint8)
            finally:
                request.release()
        except Exception as error:
            raise self._failed("gives no more frames", error) from None
        return Grabbed(taken_s, lambda: (pixels, 1))

    def close(self) -> None:
        self._camera.close()

    def _failed(self, what: str, error: Exception) -> CameraError:
        reason = " ".join(str(error).split()) or type(error).__name__
        return CameraError(f"{self._name}: the Pi camera {what}: {reason}")


def _sensor_time_s(metadata: dict[str, Any]) -> float:
    """When the sensor began to read the frame out, by `time.monotonic`.

    libcamera's SensorTimestamp is in nanoseconds of CLOCK_BOOTTIME, which goes on in suspend.
    """
    now_s = time.monotonic()
    stamp = metadata.get("SensorTimestamp")
    if stamp is None:
        return now_s
    return now_s - max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - stamp / 1e9)
