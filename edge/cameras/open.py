"""Opens the camera that was chosen; each kind's library is imported when it is asked for."""

from __future__ import annotations

from dataclasses import replace

from edge.cameras.camera import Camera, Spec


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
    except NotAPicture:
        from edge.cameras.opencv import StreamCamera

        return StreamCamera(replace(spec, kind="stream"))
