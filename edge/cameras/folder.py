"""A folder of pictures, replayed as if a camera took them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from edge.cameras.camera import Grabbed, Loaded, Spec
from edge.errors import CameraError
from edge.sources.files import picture_paths
from edge.sources.picture import read_picture

RATE = 10.0
"""Pictures a second, where nothing else is asked for."""


class FolderCamera:
    """The pictures of a folder and all below it, in the order of their names."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._period_s = 1 / (spec.rate or RATE)
        self._paths = self._walk()
        self._next_s = time.monotonic()
        self._shown_s = 0.0
        self.description = f"a folder, {1 / self._period_s:g} pictures a second"

    def read(self) -> Grabbed | None:
        path = next(self._paths, None)
        if path is None and self._spec.loop:
            self._paths = self._walk()
            path = next(self._paths, None)
        if path is None:
            return None
        self._shown_s += self._period_s
        if not self._spec.all_frames:
            time.sleep(max(0.0, self._next_s - time.monotonic()))
            self._next_s = max(self._next_s + self._period_s, time.monotonic())
        place = f"/{os.path.relpath(path, self._spec.address)}"
        shown_s = self._shown_s if self._spec.all_frames else None
        return Grabbed(time.monotonic(), lambda: self._decode(path), place, shown_s)

    def close(self) -> None:
        self._paths = iter(())

    def _walk(self) -> Iterator[str]:
        for path, problem in picture_paths(self._spec.address):
            if problem is not None:
                raise CameraError(str(problem), is_final=True)
            yield path

    def _decode(self, path: str) -> Loaded:
        picture = read_picture(Path(path), self._spec.side)
        return picture.pixels, picture.shrunk
