"""How much memory a picture takes while it is decoded, told before it is.

Counted is all that is there at once at the worst moment: the file's bytes, the decoder's own
buffers, the picture as Pillow holds it (which gives every colour four bytes), and the frame that
comes of it; or that frame and what the preprocessing makes of it, where that is more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edge.sources.structure import Structure

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

MAX_MEMORY_BYTES = 192 * 1024 * 1024
"""For one picture: a Pi Zero 2 W has 512 MB for all. It is enough for colour of 25 megapixels, for
gray of 64, and for a WEBP of 12."""
PIXEL_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16L": 2, "I;16B": 2, "I;16N": 2}
"""Pillow's mode -> bytes of a pixel, where they are not `COLOR_BYTES`."""
COLOR_BYTES = 4
GRAY = ("1", "L", "I", "F", "I;16", "I;16L", "I;16B", "I;16N")
"""Modes that give a gray frame, one byte a pixel, unless something is transparent; else three."""
FRAME_BYTES = (1, 3)
"""A pixel of a frame, in gray and in colour."""
LOOK_BYTES = (1, 5)
"""What preprocessing takes on top for each pixel of a frame (measured)."""
WEBP_BYTES = 12
"""A pixel: two canvases of the decoder's, and what it gives."""
IN_PYTHON = ("ppm", "ppm_plain", "bmp_rle")
"""Decoders of Pillow's that are no C: they hold the pixels twice more."""
COEFFICIENT_BYTES = 2
"""Of a JPEG that comes in several scans: each sample of each component, at full scale."""
WIDTH, LENGTH, BITS, ORIENTATION, SAMPLES, ROWS = 256, 257, 258, 274, 277, 278
TILE_WIDTH, TILE_LENGTH = 322, 323
"""TIFF's tags (its revision 6.0, sections 8 and 15)."""


def needed_bytes(
    picture: ImageFile, full: tuple[int, int], data: bytes, structure: Structure
) -> int:
    """What decoding takes at most, and the frame.

    picture: opened, not loaded; its size is the one at which it will be decoded.
    full: width and height before a JPEG was made smaller.
    """
    pixels = picture.width * picture.height
    held = PIXEL_BYTES.get(picture.mode, COLOR_BYTES)
    is_color = picture.mode not in GRAY or "transparency" in picture.info
    frame = FRAME_BYTES[is_color]
    each = held + frame
    if picture.format == "GIF":
        each += held  # what a frame leaves behind
    elif picture.format in ("PPM", "BMP") and picture.tile and picture.tile[0][0] in IN_PYTHON:
        each += 2 * held
    needed = each * pixels + len(data) + structure.metadata_bytes
    later = (frame + LOOK_BYTES[is_color]) * pixels + len(data)
    if picture.format in ("JPEG", "MPO"):
        needed += len(data)  # which it reads in one piece
        if structure.scans > 1 or "progressive" in picture.info:
            needed += _coefficients(picture, full)
    elif picture.format == "TIFF":
        needed += _strips(picture, held)
    return max(needed, later)


def needed_bytes_of_webp(size: tuple[int, int], data: bytes) -> int:
    """As `needed_bytes`, before it is opened: that is when the decoder takes its memory."""
    return (WEBP_BYTES + COLOR_BYTES) * size[0] * size[1] + 2 * len(data)


def _coefficients(picture: Any, full: tuple[int, int]) -> int:
    parts = [(across, down) for _, across, down, *_ in picture.layer]
    most = max(across for across, _ in parts) * max(down for _, down in parts)
    share = sum(across * down for across, down in parts) / max(1, most)
    return round(COEFFICIENT_BYTES * share * full[0] * full[1])


def _strips(picture: Any, held: int) -> int:
    """What libtiff unpacks at a time, and the copy when the picture is turned."""
    tags = picture.tag_v2

    def number(tag: int, otherwise: int) -> int:
        value = tags.get(tag, otherwise)
        value = value[0] if isinstance(value, tuple) and value else value
        return value if isinstance(value, int) else otherwise

    width, length = number(WIDTH, 0), number(LENGTH, 0)
    turned = held * width * length if number(ORIENTATION, 1) != 1 else 0
    if not picture.use_load_libtiff:
        return turned
    across = number(TILE_WIDTH, width)
    down = number(TILE_LENGTH, min(length, number(ROWS, length)))
    sample_bytes = -(-number(BITS, 1) * number(SAMPLES, 1) // 8)
    return turned + across * down * max(COLOR_BYTES, sample_bytes)
