"""What there is to know about one picture file, from one look at it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge.preprocess.photo import resize, to_rgb
from edge.sources.picture import FORMATS, decode_file
from edge.sources.pixels import EXIF_ORIENTATION
from train.samples import digest

if TYPE_CHECKING:
    from PIL.Image import Exif

THUMBNAIL_SIDE = 12
HASHED_SIDE = 64
"""What the hash and the thumbnail are made from; the hash's own 32 pixels lie well below."""
EXIF_GPS, GPS_LATITUDE = 0x8825, 2
GRAY_SPREAD = 2
"""Levels between the channels of a gray picture that was saved in colour, JPEG's rounding."""


@dataclass(frozen=True, slots=True)
class Facts:
    """One readable picture; about a kilobyte, however large the picture is."""

    digest: bytes
    """SHA-256 of shape and pixels, as in `train.samples`."""
    width: int
    height: int
    """In pixels, upright."""
    format: str
    """By content: JPEG, PNG, ..."""
    orientation: int
    """EXIF, 1 to 8; 1 is upright."""
    has_position: bool
    """EXIF tells where it was taken."""
    is_gray: bool
    is_animated: bool
    phash: bytes
    """64-bit perceptual hash."""
    thumbnail: bytes
    """uint8 RGB, THUMBNAIL_SIDE squared, the whole picture squeezed into it."""


def read_facts(path: Path) -> Facts:
    """Decodes a picture, as training will, and looks at it.

    Raises:
        FrameError: it cannot be read.
    """
    frame = decode_file(path)
    small = to_rgb(resize(frame, HASHED_SIDE, HASHED_SIDE))
    thumbnail = resize(small, THUMBNAIL_SIDE, THUMBNAIL_SIDE)
    spread = int(np.ptp(thumbnail.astype(np.int16), axis=2).max())
    height, width = frame.shape[:2]
    header = _read_header(path)
    return Facts(
        digest(frame),
        width,
        height,
        header.format,
        header.orientation,
        header.has_position,
        spread <= GRAY_SPREAD,
        header.is_animated,
        _phash(small),
        thumbnail.tobytes(),
    )


@dataclass(frozen=True)
class _Header:
    format: str
    orientation: int
    has_position: bool
    is_animated: bool


def _read_header(path: Path) -> _Header:
    """What the pixels do not say; the file is known to be readable."""
    from PIL import Image

    with Image.open(path, formats=FORMATS) as picture:
        name = picture.format or "unknown"
        exif = picture.getexif()
        # An MPO holds further views of one photo, such as its depth, and no film.
        is_animated = bool(getattr(picture, "is_animated", False)) and name != "MPO"
        return _Header(name, int(exif.get(EXIF_ORIENTATION, 1)), _has_position(exif), is_animated)


def _has_position(exif: Exif) -> bool:
    try:
        return GPS_LATITUDE in exif.get_ifd(EXIF_GPS)
    except Exception:  # Pillow raises anything on a damaged block, and the pixels are good
        return False


def _phash(small: NDArray[np.uint8]) -> bytes:
    import imagehash
    from PIL import Image

    return np.packbits(imagehash.phash(Image.fromarray(small)).hash).tobytes()
