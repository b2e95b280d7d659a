"""Pillow for bytes that nobody vouches for: one reader at a time, its switches, its warnings.

Its warnings, as its sources have them from 10.1 to 13.0, for the formats that are read here:

| warning | what it is |
| --- | --- |
| a TIFF's directory cannot be read whole, or a tag of `PIXEL_TAGS` | an error: pixels hang on it |
| any other tag, or one of an EXIF block | a note: the picture may be turned, or its colours off |
| `Invalid APNG` | a note: the picture that stands for the film is read |
| `malformed MPO` | nothing: what comes behind a phone's picture is not read anyway |
| `DecompressionBombWarning` | nothing: the bounds here are lower, and refuse |
| palette and transparency, deprecations | nothing: about calls, not about the picture |

What libjpeg, libwebp and libtiff warn of never leaves them; Pillow switches it off.
"""

from __future__ import annotations

import io
import re
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

PIXEL_TAGS = frozenset(
    (
        *(*range(256, 260), 262, 266, 273, *range(277, 280), 284, 292, 293, 317, 320),
        *(*range(322, 326), 332, 338, 339, 347, *range(512, 516), *range(529, 533)),
    )
)
"""A TIFF's tags without which its pixels are others."""
TAG = re.compile(r"tag (\d+)")
DIRECTORY = re.compile(r"^Corrupt EXIF data|^Truncated File Read")
NO_MATTER = re.compile(r"malformed MPO|transparency|Transparency")
MAX_HEARD = 100
"""A damaged block can give a warning for each of thousands of tags."""


class _Switches:
    """Pillow's own, which belong to the whole process: as they have to be while one decodes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._before: tuple[bool, int | None] = (False, None)

    @contextmanager
    def set(self, max_pixels: int) -> Iterator[None]:
        from PIL import Image, ImageFile

        with self._lock:
            if self._users == 0:
                self._before = ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS
            self._users += 1
            ImageFile.LOAD_TRUNCATED_IMAGES = False  # else half a picture would pass for a whole
            Image.MAX_IMAGE_PIXELS = max_pixels // 2  # it refuses from twice as many on
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if self._users == 0:
                    ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS = self._before


_switches = _Switches()


@contextmanager
def careful(max_pixels: int) -> Iterator[list[str]]:
    """Has Pillow refuse what is not whole, and gives what it warns of, as it comes.

    max_pixels: what it may hold of one picture.
    """
    heard: list[str] = []

    def hear(message: Warning | str, category: type[Warning], *_: object) -> None:
        is_of_picture = category is UserWarning and not NO_MATTER.search(str(message))
        if is_of_picture and len(heard) < MAX_HEARD:
            heard.append(" ".join(str(message).split()))

    with _switches.set(max_pixels), warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = hear  # type: ignore[assignment]
        yield heard


def open_picture(data: bytes, name: str, plugin: str) -> ImageFile:
    """Opens it with one reader of Pillow's and no other, and decodes nothing.

    Raises:
        UnidentifiedImageError: the reader does not take it.
    """
    import logging

    from PIL import Image, UnidentifiedImageError

    pillow = logging.getLogger("PIL")
    if not pillow.handlers:  # it logs what it raises, and to stderr if nobody takes it
        pillow.addHandler(logging.NullHandler())
    import_module(f"PIL.{plugin}ImagePlugin")
    opened, accepts = Image.OPEN[name]
    try:
        if not accepts or accepts(data[:16]) is True:
            return opened(io.BytesIO(data), "")
    except (SyntaxError, IndexError, TypeError, struct.error):  # so they refuse one
        pass
    raise UnidentifiedImageError


def check_heard(heard: list[str], name: str) -> None:
    """Of what was warned of while it was opened.

    Raises:
        ValueError: the pixels are concerned.
    """
    for message in heard if name == "TIFF" else ():
        tag = TAG.search(message)
        if DIRECTORY.search(message) or (tag and int(tag[1]) in PIXEL_TAGS):
            raise ValueError(message)


def note_of(heard: list[str]) -> str | None:
    """What the user should be told of it, where anything is."""
    if not heard:
        return None
    if "Invalid APNG" in heard[0]:
        return "damaged animation: the picture that stands for it"
    return f"damaged metadata: the picture may be turned, or its colours off: {heard[0]}"
