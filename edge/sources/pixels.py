"""A decoded picture to a frame: orientation, colour, bit depth, transparency; large ones in strips.

At once, each step would hold a copy of the whole; in strips there are the picture, the frame, and
little besides.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

STRIP_PIXELS = 1_000_000
WHOLE_PIXELS = 4_000_000
"""Up to here a picture is taken at once, which is a little faster."""
EXIF_ORIENTATION = 0x0112
MAX_EXIF_BYTES = 1 << 20
"""Cameras write up to 64 kB; Pillow makes an object of each value in it."""
EXIF = ("exif", "Raw profile type exif")
"""Where Pillow keeps it; the second is hexadecimal text in a PNG."""
DAMAGED = "damaged EXIF: the picture may be turned"
TURNS = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}
"""EXIF orientation -> the `PIL.Image.Transpose` that undoes it (EXIF 2.32, 4.6.4.A)."""
ACROSS = (2, 4, 5, 6)
"""Of those, the ones that make a row a column."""
FROM_END = (1, 3, 4, 6)
"""And those that put the first row last."""


def to_pixels(picture: Image) -> tuple[NDArray[np.uint8], str | None]:
    """uint8 (H, W, 3) RGB or (H, W) gray, sRGB, upright, over white; and what is wrong with it.

    picture: loaded; it stays as it is.
    """
    turn, note = _turn(picture)
    is_fraction = picture.mode == "F" and _is_fraction(picture)
    convert = partial(_convert, profile=picture.info.get("icc_profile"), is_fraction=is_fraction)
    if picture.width * picture.height <= WHOLE_PIXELS:
        return convert(_turned(picture, turn)), note
    across, down = picture.size
    shape = (across, down) if turn in ACROSS else (down, across)
    colors = convert(picture.crop((0, 0, 1, 1))).shape[2:]
    frame = np.empty(shape + colors, np.uint8)
    step = max(1, STRIP_PIXELS // across)
    for top in range(0, down, step):
        bottom = min(down, top + step)
        strip = convert(_turned(picture.crop((0, top, across, bottom)), turn))
        place = slice(down - bottom, down - top) if turn in FROM_END else slice(top, bottom)
        frame[(slice(None), place) if turn in ACROSS else place] = strip
    return frame, note


def _turn(picture: Image) -> tuple[int | None, str | None]:
    """The `PIL.Image.Transpose` that makes it upright, if any; and why that may be wrong."""
    size_bytes = max(len(picture.info.get(key) or b"") for key in EXIF)
    if size_bytes > MAX_EXIF_BYTES:
        return None, f"EXIF of {size_bytes} bytes is not read: the picture may be turned"
    block = picture.info.get("exif", b"")
    if block and block.removeprefix(b"Exif\0\0")[:2] not in (b"II", b"MM"):
        return None, DAMAGED
    try:
        return TURNS.get(picture.getexif().get(EXIF_ORIENTATION, 1)), None
    except Exception:  # Pillow raises anything on a damaged block, and the pixels are good
        return None, DAMAGED


def _turned(picture: Image, turn: int | None) -> Image:
    """The picture upright; itself, and no copy, where there is nothing to turn."""
    from PIL import Image

    return picture if turn is None else picture.transpose(Image.Transpose(turn))


def _convert(picture: Image, profile: bytes | None, is_fraction: bool) -> NDArray[np.uint8]:
    from PIL import Image

    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        picture = Image.fromarray(_from_deep_gray(np.asarray(picture), is_fraction))
    if picture.has_transparency_data:
        return _pixels(_over_white(picture, profile))
    if picture.mode in ("L", "RGB") and not profile:
        return _pixels(picture)
    from edge.sources.color import to_srgb

    return _pixels(to_srgb(picture, profile))


def _over_white(picture: Image, profile: bytes | None) -> Image:
    """RGB of a picture with transparency, as on a sheet of white paper."""
    from PIL import Image

    from edge.sources.color import to_srgb

    layer = picture.convert("RGBA")
    if profile:
        is_gray = picture.mode in ("1", "L", "LA")
        colors = to_srgb(picture.convert("L") if is_gray else layer.convert("RGB"), profile)
        alpha = layer.getchannel("A")
        layer = colors.convert("RGB")
        layer.putalpha(alpha)
    white = Image.new("RGBA", layer.size, "white")
    return Image.alpha_composite(white, layer).convert("RGB")


def _pixels(picture: Image) -> NDArray[np.uint8]:
    """uint8 pixels of a picture in mode L or RGB."""
    is_gray = picture.mode == "L"
    shape = (picture.height, picture.width) if is_gray else (picture.height, picture.width, 3)
    return np.frombuffer(picture.tobytes(), np.uint8).reshape(shape)  # asarray takes twice as long


def _is_fraction(picture: Image) -> bool:
    """Whether no value of a picture in mode F is above 1."""
    step = max(1, STRIP_PIXELS // max(1, picture.width))
    return all(
        np.nan_to_num(np.asarray(picture.crop((0, top, picture.width, top + step)))).max() <= 1
        for top in range(0, picture.height, step)
    )


def _from_deep_gray(pixels: NDArray[np.generic], is_fraction: bool) -> NDArray[np.uint8]:
    """16-bit gray to 8 bits; Pillow's own conversion clips everything above 255 to white.

    pixels: integers or floats of 0 to 65535; floats of 0 to 1 where `is_fraction`.
    """
    if pixels.dtype.kind == "u" and pixels.dtype.itemsize == 2:
        levels = pixels.astype(np.uint32)
        levels *= 255
        levels += 32_895
        levels >>= 16  # as below for each of the 65,536 values, in a third of the time
        return levels.astype(np.uint8)
    values = np.nan_to_num(pixels.astype(np.float64))
    if is_fraction:
        values *= 65535
    return np.round(np.clip(values, 0, 65535) / 257).astype(np.uint8)
