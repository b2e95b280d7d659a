"""One picture's bytes to pixels: decoding, orientation, colour, bit depth, transparency."""

from __future__ import annotations

import io
import stat
import struct
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge.errors import FrameError

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

READERS = (
    (b"\xff\xd8\xff", "JPEG", "Jpeg"),
    (b"\x89PNG\r\n\x1a\n", "PNG", "Png"),
    (b"BM", "BMP", "Bmp"),
    (b"GIF8", "GIF", "Gif"),
    *((b"P" + kind, "PPM", "Ppm") for kind in (b"1", b"2", b"3", b"4", b"5", b"6", b"f")),
    (b"RIFF", "WEBP", "WebP"),
    *((order, "TIFF", "Tiff") for order in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
)
"""How a picture begins, its format, and the plugin of Pillow's that reads it: content decides and
never the file's name, and to load all plugins would cost as much as Pillow itself."""
FORMATS = tuple(dict.fromkeys(name for _, name, _ in READERS))
JPEG_FORMATS = ("JPEG", "MPO")
"""MPO is a phone's JPEG with a further picture behind it, such as its depth."""
MAX_PIXELS = 64_000_000
"""Above the 48-megapixel sensors sold for the Pi; checked before anything is decoded."""
EXIF_ORIENTATION = 0x0112
MAX_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True)
class Picture:
    """One decoded picture."""

    pixels: NDArray[np.uint8]
    """uint8 (H, W, 3) RGB, or (H, W) when the picture is gray; sRGB, upright, over white."""
    shrunk: int = 1
    """The file's pixels a side that one of these pixels stands for: 1, 2, 4 or 8."""
    note: str | None = None
    """What the user should be told of it."""
    more: Callable[[], Picture] | None = None
    """Decodes it in full: this is a draft, gray and small. Raises FrameError."""


def decode_file(path: Path, side: int | None = None) -> NDArray[np.uint8]:
    """The pixels of a picture file; as `read_picture`."""
    return read_picture(path, side).pixels


def decode(data: bytes, source: str, side: int | None = None) -> NDArray[np.uint8]:
    """The pixels of a picture's bytes; as `decode_picture`."""
    return decode_picture(data, source, side).pixels


def read_picture(path: Path, side: int | None = None, draft: int | None = None) -> Picture:
    """Reads a picture file; as `decode_picture`.

    Raises:
        FrameError: says what is wrong with which file.
    """
    check_file(path)
    try:
        with open(path, "rb") as file:
            data = file.read()
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from None
    return decode_picture(data, str(path), side, draft)


def check_file(path: Path, what: str = "picture", max_bytes: int | None = MAX_BYTES) -> None:
    """Refuses what cannot be read to its end, before it is opened.

    what: the word for it in messages, and in the kind `not-a-...`.

    Raises:
        FrameError: nothing there, no plain file, or too large.
    """
    try:
        found = path.stat()
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from None
    if not stat.S_ISREG(found.st_mode):  # a pipe or a device may never end
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "a pipe or a device"
        raise FrameError(f"not-a-{what}", f"{path}: expected a {what} file, got {kind}")
    if max_bytes is not None and found.st_size > max_bytes:
        raise FrameError(
            "too-large", f"{path}: expected at most {max_bytes} bytes, got {found.st_size}"
        )


def unreadable(path: Path, error: Exception) -> FrameError:
    """What stands in a frame's place when the system does not give the file."""
    if isinstance(error, FileNotFoundError):
        return FrameError("not-found", f"{path}: no such file")
    if isinstance(error, PermissionError):
        return FrameError("no-permission", f"{path}: no permission to read it")
    return FrameError("not-found", f"{path}: cannot be read: {error}")  # a NUL byte in the path


def decode_picture(
    data: bytes, source: str, side: int | None = None, draft: int | None = None
) -> Picture:
    """Decodes one picture from its bytes.

    source: its name for messages.
    side: how many pixels the longer side needs at least. A JPEG is then decoded at a half, a
        quarter or an eighth, which saves time and memory; other formats are decoded whole.
    draft: how many a first look needs, fewer. A JPEG is then decoded in gray, and so far; its
        `more` decodes it again, as it would have been without this.

    Raises:
        FrameError: says what is wrong with which picture.
    """
    from PIL import Image, UnidentifiedImageError

    if not data:
        raise FrameError("empty-file", f"{source}: expected a picture, got an empty file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about metadata; pixels that fail to decode raise
            with _open(data) as picture:
                if picture.info.get("progressive"):  # libjpeg holds it whole, at any scale
                    _check_size(picture, source)
                is_draft = draft is not None and _can_be_draft(picture)
                shrunk = _shrink(picture, draft if is_draft else side, "L" if is_draft else None)
                _check_size(picture, source)
                _check_end(picture, data)
                wait_for_memory(picture.width * picture.height)
                picture.decodermaxblock = max(len(data), 1)  # in one piece: all of it is here
                picture.load()
                more = partial(decode_picture, data, source, side) if is_draft else None
                return Picture(_to_frame(picture), shrunk, _note(picture), more)
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


def _wait_for_nothing(pixels: int) -> None:
    pass


wait_for_memory: Callable[[int], None] = _wait_for_nothing
"""Called with the number of pixels that are about to be decoded. Where several processes decode
side by side, a large picture waits there for its turn, see `edge.bulk.turns`."""


def to_frame(picture: Image) -> NDArray[np.uint8]:
    """A Pillow image as a frame: uint8 (H, W, 3) RGB or (H, W) gray, sRGB, upright, over white."""
    _check_size(picture, "the picture")
    return _to_frame(picture)


def _open(data: bytes) -> ImageFile:
    import logging

    from PIL import Image, UnidentifiedImageError

    pillow = logging.getLogger("PIL")
    if not pillow.handlers:  # it logs what it raises, and to stderr if nobody takes it
        pillow.addHandler(logging.NullHandler())
    for signature, name, plugin in READERS:
        if data.startswith(signature):
            import_module(f"PIL.{plugin}ImagePlugin")
            opened, accepts = Image.OPEN[name]
            try:
                if not accepts or accepts(data[:16]) is True:
                    return opened(io.BytesIO(data), "")
            except (SyntaxError, IndexError, TypeError, struct.error):  # so they refuse one
                break
    raise UnidentifiedImageError


def _can_be_draft(picture: Image) -> bool:
    """Whether it is a JPEG whose luma is its gray, as BT.601 has it: no profile says otherwise."""
    is_jpeg = picture.format in JPEG_FORMATS and picture.mode in ("RGB", "L")
    return is_jpeg and "icc_profile" not in picture.info


def _shrink(picture: Image, side: int | None, mode: str | None) -> int:
    """Has a JPEG decoded at a fraction of its size, and says at which.

    mode: `L` takes its luma alone; none keeps its own: gray stays gray, CMYK stays CMYK.
    """
    longer = max(picture.size)
    if side is None or picture.format not in JPEG_FORMATS:
        return 1
    wanted = next((scale for scale in (8, 4, 2) if longer >= scale * side), 1)
    if wanted == 1 and mode is None:
        return 1
    width, height = (max(1, length // wanted) for length in picture.size)
    drafted = picture.draft(mode, (width, height))
    return 1 if drafted is None else round(longer / max(drafted[1][2:]))


def _check_size(picture: Image, source: str) -> None:
    width, height = picture.size
    if width * height > MAX_PIXELS:
        raise FrameError(
            "too-large",
            f"{source}: expected at most {MAX_PIXELS} pixels, got {width}x{height}",
        )


def _check_end(picture: ImageFile, data: bytes) -> None:
    """Refuses a JPEG without its end marker: libjpeg makes gray of zeros where a copy broke off."""
    scan = picture.fp.tell() if picture.fp else 0
    if picture.format == "JPEG" and data.rfind(b"\xff\xd9", scan) < 0:  # from behind: it is there
        raise ValueError("the file is truncated, its end is missing")


def _note(picture: Image) -> str | None:
    """What a picture that is more than one tells of itself; the pixels are the first one's."""
    if picture.format in JPEG_FORMATS or not getattr(picture, "is_animated", False):
        return None
    try:
        count = int(getattr(picture, "n_frames", 1))
    except Exception:  # a later one is damaged, which is no concern of the first
        return None
    if picture.format == "TIFF":
        return f"several pages: the first of {count}"
    return f"animated: the first of {count} frames"


def _to_frame(picture: Image) -> NDArray[np.uint8]:
    from PIL import Image

    upright = _upright(picture)
    profile = picture.info.get("icc_profile")
    if upright.mode in ("I", "F") or upright.mode.startswith("I;16"):
        upright = Image.fromarray(_from_deep_gray(np.asarray(upright)))
    if upright.has_transparency_data:
        return _pixels(_over_white(upright, profile))
    if upright.mode in ("L", "RGB") and not profile:
        return _pixels(upright)
    from edge.sources.color import to_srgb

    return _pixels(to_srgb(upright, profile))


TURNS = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}
"""EXIF orientation -> the `PIL.Image.Transpose` that undoes it (EXIF 2.32, 4.6.4.A)."""


def _upright(picture: Image) -> Image:
    """The picture turned by its EXIF orientation; itself, and no copy, where that says nothing."""
    from PIL import Image

    try:
        turn = TURNS.get(picture.getexif().get(EXIF_ORIENTATION, 1))
    except Exception:  # Pillow raises anything on a damaged block, and the pixels are good
        return picture
    return picture if turn is None else picture.transpose(Image.Transpose(turn))


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


def _from_deep_gray(pixels: NDArray[np.generic]) -> NDArray[np.uint8]:
    """16-bit gray to 8 bits; Pillow's own conversion clips everything above 255 to white.

    pixels: integers or floats of 0 to 65535; floats of 0 to 1 where none is above 1.
    """
    values = np.nan_to_num(pixels.astype(np.float64))
    if np.issubdtype(pixels.dtype, np.floating) and values.max(initial=0) <= 1:
        values *= 65535
    return np.round(np.clip(values, 0, 65535) / 257).astype(np.uint8)


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
