"""One picture's bytes to one frame: decoding, orientation, bit depth, transparency."""

from __future__ import annotations

import io
import stat
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge.errors import FrameError

if TYPE_CHECKING:
    from PIL.Image import Image

COMMON_FORMATS = ("JPEG", "PNG", "BMP", "GIF", "PPM")
"""What Pillow reads without loading all of its plugins, which costs as much as Pillow itself."""
FORMATS = (*COMMON_FORMATS, "WEBP", "TIFF")
"""Decided by content, never by the file's name."""
MAX_PIXELS = 64_000_000
"""Above the 48-megapixel sensors sold for the Pi; checked before anything is decoded."""
EXIF_ORIENTATION = 0x0112
MAX_BYTES = 256 * 1024 * 1024


def decode_file(path: Path) -> NDArray[np.uint8]:
    """Reads a picture file.

    Returns:
        uint8 (H, W, 3) RGB, or (H, W) when the picture is gray; upright by its EXIF orientation.

    Raises:
        FrameError: says what is wrong with which file.
    """
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):  # a pipe or a device may never end
            kind = "a folder" if stat.S_ISDIR(found.st_mode) else "a pipe or a device"
            raise FrameError("not-a-picture", f"{path}: expected a picture file, got {kind}")
        size_bytes = found.st_size
        if size_bytes > MAX_BYTES:
            raise FrameError(
                "too-large", f"{path}: expected at most {MAX_BYTES} bytes, got {size_bytes}"
            )
        with open(path, "rb") as file:
            data = file.read()
    except FileNotFoundError:
        raise FrameError("not-found", f"{path}: no such file") from None
    except PermissionError:
        raise FrameError("no-permission", f"{path}: no permission to read it") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the path
        raise FrameError("not-found", f"{path}: cannot be read: {error}") from None
    return decode(data, str(path))


def decode(data: bytes, source: str) -> NDArray[np.uint8]:
    """Decodes one picture from its bytes; as `decode_file`. source: its name for messages."""
    from PIL import Image, UnidentifiedImageError

    if not data:
        raise FrameError("empty-file", f"{source}: expected a picture, got an empty file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about metadata; pixels that fail to decode raise
            with _open(data) as picture:
                _check_size(picture, source)
                picture.load()
                return _to_frame(picture)
    except FrameError:
        raise
    except UnidentifiedImageError:
        raise FrameError(
            "not-a-picture", f"{source}: expected one of {', '.join(FORMATS)}, got something else"
        ) from None
    except Image.DecompressionBombError:
        raise FrameError("too-large", f"{source}: expected at most {MAX_PIXELS} pixels") from None
    except Exception as error:  # decoders raise anything on damaged bytes: SyntaxError, KeyError
        raise FrameError(
            "damaged-picture", f"{source}: the picture is damaged: {_brief(error)}"
        ) from None


def to_frame(picture: Image) -> NDArray[np.uint8]:
    """A Pillow image as a frame: uint8 (H, W, 3) RGB or (H, W) gray, upright, over white."""
    _check_size(picture, "the picture")
    return _to_frame(picture)


def _open(data: bytes) -> Image:
    from PIL import Image, UnidentifiedImageError

    Image.preinit()
    try:
        return Image.open(io.BytesIO(data), formats=COMMON_FORMATS)
    except UnidentifiedImageError:
        Image.init()
        return Image.open(io.BytesIO(data), formats=FORMATS)


def _check_size(picture: Image, source: str) -> None:
    width, height = picture.size
    if width * height > MAX_PIXELS:
        raise FrameError(
            "too-large",
            f"{source}: expected at most {MAX_PIXELS} pixels, got {width}x{height}",
        )


def _to_frame(picture: Image) -> NDArray[np.uint8]:
    from PIL import Image

    upright = _upright(picture)
    if upright.mode in ("I", "F") or upright.mode.startswith("I;16"):
        return _from_deep_gray(np.asarray(upright))
    if upright.mode in ("L", "1"):
        return _pixels(upright, "L")
    if upright.has_transparency_data:
        white = Image.new("RGBA", upright.size, "white")
        return np.asarray(Image.alpha_composite(white, upright.convert("RGBA")).convert("RGB"))
    return _pixels(upright, "RGB")


def _upright(picture: Image) -> Image:
    """The picture turned by its EXIF orientation; itself, and no copy, where that says nothing."""
    if picture.getexif().get(EXIF_ORIENTATION, 1) == 1:
        return picture
    from PIL import ImageOps

    return ImageOps.exif_transpose(picture)


def _pixels(picture: Image, mode: str) -> NDArray[np.uint8]:
    """uint8 pixels in mode L or RGB, converted only if they are in another."""
    same = picture if picture.mode == mode else picture.convert(mode)
    shape = (same.height, same.width) if mode == "L" else (same.height, same.width, 3)
    return np.frombuffer(same.tobytes(), np.uint8).reshape(shape)  # asarray takes twice as long


def _from_deep_gray(pixels: NDArray[np.generic]) -> NDArray[np.uint8]:
    """16-bit gray to 8 bits; Pillow's own conversion clips everything above 255 to white."""
    values = np.clip(np.nan_to_num(pixels.astype(np.float64)), 0, 65535)
    return np.round(values / 257).astype(np.uint8)


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
