"""A folder for the pictures of a run: one for each frame, named after its source."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edge.errors import UsageError
from edge.files import make_writable, write_atomic

if TYPE_CHECKING:
    from PIL.Image import Image

NAME_BYTES = 120
"""Of a source's end in a file's name; file systems allow 255 for all of it."""
DIGEST = 12
"""Hexadecimal digits: 48 bits, so that a million sources hardly ever share a name."""
JPEG_QUALITY = 90


class PictureFolder:
    """Writes pictures into a folder; what cannot be written is told once and counted."""

    def __init__(self, folder: Path, option: str, err: Callable[[str], None]) -> None:
        """
        option: what asked for it, for messages.
        err: takes one line.

        Raises:
            UsageError: not a folder.
            EnvironmentFault: nothing can be written there.
        """
        self._folder, self.option, self._err = folder, option, err
        self.failures = 0
        """Pictures that could not be written."""
        make_writable(folder, option)

    def write(self, source: str, picture: Image, suffix: str) -> None:
        """suffix: `.jpg` or `.png`."""
        path = self._folder / (flat_name(source) + suffix)
        try:
            write_atomic(path, _encode(picture, suffix))
        except OSError as error:
            self.failures += 1
            if self.failures == 1:
                reason = error.strerror or errno.errorcode.get(error.errno or 0, str(error))
                self._err(f"{self.option}: {path} cannot be written: {reason}")


def check_apart(folder: Path, option: str, sources: Sequence[str]) -> None:
    """Refuses a folder whose pictures would be classified in the same run.

    Raises:
        UsageError: it lies within a source.
    """
    for source in sources:
        if os.path.isdir(source) and folder.resolve().is_relative_to(Path(source).resolve()):
            raise UsageError(
                f"{option}: expected a folder outside of the source {source}, got {folder}, "
                "whose pictures would be classified too"
            )


def flat_name(source: str) -> str:
    """A file's name, without a suffix, that says which source it is of: the source's end, with `_`
    for what file systems do not like, and a digest of the whole."""
    digest = hashlib.sha256(source.encode("utf-8", "surrogateescape")).hexdigest()[:DIGEST]
    safe = re.sub(r"[^\w.=-]+", "_", "stdin" + source[1:] if _is_stdin(source) else source)
    end = safe.encode()[-NAME_BYTES:].decode(errors="ignore").strip("._-")
    return f"{end}-{digest}" if end else digest


def _is_stdin(source: str) -> bool:
    return re.fullmatch(r"-(#[0-9]+)?", source) is not None


def _encode(picture: Image, suffix: str) -> bytes:
    data = io.BytesIO()
    if suffix == ".jpg":  # 4:4:4: halved colour would smear thin lines
        picture.save(data, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    else:
        picture.save(data, "PNG")
    return data.getvalue()
