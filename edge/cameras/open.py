"""Opens the camera that was chosen; each kind's library is imported when it is asked for."""

from __future__ import annotations

from dataclasses import replace

from edge.cameras.camera import Camera, Spec
from edge.errors import CameraError


def open_camera(spec: Spec) -> Camera:
    """
    Raises:
        CameraError: it cannot be opened; says why, and whether trying again can help.
    """
    if spec.kind == "pi":
        from edge.cameras.picamera import PiCamera

        return PiCamera(spec)
    if spec.kind == "folder":
        from edge.cameras.folder import FolderCamera

        return FolderCamera(spec)
    if spec.kind == "http":
        return _open_http(spec)
    from edge.cameras.opencv import DeviceCamera, FilmCamera, StreamCamera

    if spec.kind == "v4l2":
        return DeviceCamera(spec)
    return FilmCamera(spec) if spec.kind == "film" else StreamCamera(spec)


def _open_http(spec: Spec) -> Camera:
    """MJPEG and pictures need Pillow alone; what else there is on the web, OpenCV."""
    from edge.cameras.http import HttpCamera, NotAPicture

    try:
        return HttpCamera(spec)
    except NotAPicture as answer:
        from edge.cameras.opencv import StreamCamera

        try:
            return StreamCamera(replace(spec, kind="stream"))
        except CameraError as error:
            if error.is_final:  # OpenCV is not there
                raise
            raise CameraError(f"{answer}, of which OpenCV makes no stream either") from None
