"""One picture's bytes to pixels, within bounds of memory that are checked before it is decoded.

This is the one door to a decoder: files, folders, stdin, addresses and cameras come through it.
"""

from __future__ import annotations

import stat
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
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
"""Above the 48-megapixel sensors sold for the Pi; checked before anything is decoded, as is the
memory that they take (`edge.sources.memory`)."""
MAX_BYTES = 64 * 1024 * 1024
"""Of a file. They count as memory; a picture with more of them would not be decoded anyway."""
PIECE_BYTES = 1 << 20
"""What a decoder reads at once of other formats than JPEG, whose arithmetic coding cannot wait."""


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
    size_bytes = check_file(path)
    wait_for_memory(size_bytes)
    try:
        with open(path, "rb") as file:
            data = file.read(size_bytes + 1)
            if len(data) > size_bytes:  # it grows, or the system does not say how long it is
                data += file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from None
    if len(data) > MAX_BYTES:
        raise FrameError("too-large", f"{path}: expected at most {MAX_BYTES} bytes, got more")
    return decode_picture(data, str(path), side, draft)


def check_file(path: Path, what: str = "picture", max_bytes: int | None = MAX_BYTES) -> int:
    """Refuses what cannot be read to its end, before it is opened; gives its length in bytes.

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
    return found.st_size


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
    if not data:
        raise FrameError("empty-file", f"{source}: expected a picture, got an empty file")
    reader = next((one for signature, *one in READERS if data.startswith(signature)), None)
    if reader is None:
        raise _no_picture(source)
    from PIL import Image, UnidentifiedImageError

    from edge.sources.structure import TooMuch

    try:
        return _decode(data, source, reader, side, draft)
    except FrameError:
        raise
    except UnidentifiedImageError:
        raise _no_picture(source) from None
    except TooMuch as error:
        raise FrameError("too-large", f"{source}: {error}") from None
    except Image.DecompressionBombError:
        raise FrameError("too-large", f"{source}: expected at most {MAX_PIXELS} pixels") from None
    except MemoryError:
        raise out_of_memory(source) from None
    except Exception as error:  # decoders raise anything on damaged bytes: SyntaxError, KeyError
        raise FrameError(
            "damaged-picture", f"{source}: the picture is damaged: {_brief(error)}"
        ) from None


def _decode(
    data: bytes, source: str, reader: list[str], side: int | None, draft: int | None
) -> Picture:
    from edge.sources import memory
    from edge.sources.pillow import careful, check_heard, note_of, open_picture
    from edge.sources.pixels import to_pixels
    from edge.sources.structure import look_at

    name, plugin = reader
    structure = look_at(data, name)
    if structure.size:
        _check_pixels(structure.size, source)
        _check_memory(memory.needed_bytes_of_webp(structure.size, data), structure.size, source)
    with careful(MAX_PIXELS) as heard, open_picture(data, name, plugin) as picture:
        check_heard(heard, name)
        full = picture.size
        if picture.info.get("progressive"):  # libjpeg holds it whole, at any scale
            _check_pixels(full, source)
        is_draft = draft is not None and _can_be_draft(picture)
        shrunk = _shrink(picture, draft if is_draft else side, "L" if is_draft else None)
        _check_pixels(picture.size, source)
        _check_end(picture, data)
        if not structure.size:
            needed = memory.needed_bytes(picture, full, data, structure)
            _check_memory(needed, picture.size, source)
        is_jpeg = picture.format in JPEG_FORMATS
        picture.decodermaxblock = max(len(data), 1) if is_jpeg else PIECE_BYTES
        picture.load()
        more = partial(decode_picture, data, source, side) if is_draft else None
        pixels, note = to_pixels(picture)
        notes = (_note(picture, data), note or note_of(heard))
        return Picture(pixels, shrunk, "; ".join(filter(None, notes)) or None, more)


def _no_picture(source: str) -> FrameError:
    message = f"{source}: expected one of {', '.join(FORMATS)}, got something else"
    return FrameError("not-a-picture", message)


def out_of_memory(source: str) -> FrameError:
    """What stands in a picture's place where the system gave no memory for it."""
    message = f"{source}: expected memory to decode it, the system gave none"
    return FrameError("no-memory", message)


def _wait_for_nothing(needed_bytes: int) -> None:
    pass


wait_for_memory: Callable[[int], None] = _wait_for_nothing
"""Called with the bytes that are about to be taken. Where several processes decode side by side, a
large picture waits there for its turn, see `edge.bulk.turns`."""


def to_frame(picture: Image) -> NDArray[np.uint8]:
    """A Pillow image as a frame: uint8 (H, W, 3) RGB or (H, W) gray, sRGB, upright, over white."""
    from edge.sources.pixels import to_pixels

    _check_pixels(picture.size, "the picture")
    return to_pixels(picture)[0]


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


def _check_pixels(size: tuple[int, int], source: str) -> None:
    width, height = size
    if width * height > MAX_PIXELS:
        message = f"{source}: expected at most {MAX_PIXELS} pixels, got {width}x{height}"
        raise FrameError("too-large", message)
    if width < 1 or height < 1:
        raise ValueError(f"expected at least one pixel, got {width}x{height}")


def _check_memory(needed_bytes: int, size: tuple[int, int], source: str) -> None:
    """Refuses what takes too much, and else waits until this process may take it."""
    from edge.sources.memory import MAX_MEMORY_BYTES

    if needed_bytes > MAX_MEMORY_BYTES:
        width, height = size
        raise FrameError(
            "too-large",
            f"{source}: expected a picture that takes at most {MAX_MEMORY_BYTES} bytes of memory "
            f"to decode, got one of {width}x{height} that takes {needed_bytes}",
        )
    wait_for_memory(needed_bytes)


def _check_end(picture: ImageFile, data: bytes) -> None:
    """Refuses a JPEG without its end marker: libjpeg makes gray of zeros where a copy broke off."""
    scan = picture.fp.tell() if picture.fp else 0
    if picture.format == "JPEG" and data.rfind(b"\xff\xd9", scan) < 0:  # from behind: it is there
        raise ValueError("the file is truncated, its end is missing")


def _note(picture: Image, data: bytes) -> str | None:
    """What a picture that is more than one tells of itself; the pixels are the first one's."""
    if picture.format in ("GIF", "TIFF"):
        from edge.sources.structure import count_pictures

        count = count_pictures(data, picture.format) or 1
    elif picture.format in JPEG_FORMATS:
        return None
    else:
        count = int(getattr(picture, "n_frames", 1))
    if count < 2:
        return None
    if picture.format == "TIFF":
        return f"several pages: the first of {count}"
    return f"animated: the first of {count} frames"


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
