"""Plain PNG files take a short way, and come out as Pillow's reader has them, to the pixel."""

from __future__ import annotations

import io
import random
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from edge.errors import FrameError
from edge.sources import picture
from edge.sources.files import read_file
from edge.sources.frame import Failure
from edge.sources.picture import decode
from edge.sources.png import MAX_BYTES, decode_plain_png, read_plain_png

NOISE = np.random.default_rng(5).integers(0, 256, (21, 17, 3), np.uint8)
GRAY, RGB = Image.fromarray(NOISE[:, :, 0]), Image.fromarray(NOISE)


def png(image: Image.Image, **settings: Any) -> bytes:
    data = io.BytesIO()
    image.save(data, "PNG", **settings)
    return data.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def with_chunk(data: bytes, kind: bytes, content: bytes) -> bytes:
    """With one more chunk behind the header."""
    return data[:33] + chunk(kind, content) + data[33:]


def in_parts(data: bytes) -> bytes:
    """The same picture in several IDAT chunks."""
    size = struct.unpack(">I", data[33:37])[0]
    packed = data[41 : 41 + size]
    parts = [chunk(b"IDAT", packed[at : at + 7]) for at in range(0, size, 7)]
    return data[:33] + b"".join(parts) + chunk(b"IEND", b"")


def filtered(kind: int) -> bytes:
    """A gray picture whose every row has the same filter (PNG, 9.2)."""
    rows = b"".join(bytes([kind]) + row.tobytes() for row in np.asarray(GRAY))
    header = struct.pack(">IIBBBBB", *GRAY.size, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    )


def text(key: str, value: str) -> PngInfo:
    info = PngInfo()
    info.add_text(key, value)
    return info


EXIF = Image.Exif()
EXIF[0x0112] = 6

PLAIN = {
    "gray": png(GRAY),
    "rgb": png(RGB),
    "stored": png(GRAY, compress_level=0),
    "parts": in_parts(png(RGB)),
    "one pixel": png(GRAY.crop((0, 0, 1, 1))),
    "gamma": with_chunk(png(GRAY), b"gAMA", struct.pack(">I", 45455)),
    "density": png(GRAY, dpi=(300, 300)),
    "garbage behind": png(GRAY) + b"garbage",
    **{f"filter {kind}": filtered(kind) for kind in range(5)},
}
OTHERS = {
    "16 bit": png(Image.fromarray(NOISE[:, :, 0].astype(np.uint16) * 257)),
    "1 bit": png(GRAY.convert("1")),
    "4 bit": png(GRAY.quantize(9), bits=4),
    "palette": png(RGB.quantize(100)),
    "gray and alpha": png(GRAY.convert("LA")),
    "rgb and alpha": png(RGB.convert("RGBA")),
    "transparent level": png(GRAY, transparency=9),
    "profile": png(RGB, icc_profile=b"profile"),
    "exif": png(RGB, exif=EXIF),
    "text": png(RGB, pnginfo=text("Comment", "a text")),
    "unknown filter": filtered(9),
    "bad length": with_chunk(png(GRAY), b"gAMA", b"1"),
    "animated": png(GRAY, save_all=True, append_images=[GRAY.rotate(90)]),
    "jpeg": b"\xff\xd8\xff",
    "nothing": b"",
}


@pytest.mark.parametrize("name", PLAIN)
def test_plain_png_has_the_very_pixels_that_pillow_reads(name: str) -> None:
    pixels = decode_plain_png(PLAIN[name])
    assert pixels is not None
    np.testing.assert_array_equal(pixels, decode(PLAIN[name], name), strict=True)


@pytest.mark.parametrize("name", OTHERS)
def test_all_else_is_left_to_pillow(name: str) -> None:
    assert decode_plain_png(OTHERS[name]) is None


def test_interlaced_is_left_to_pillow() -> None:
    data = bytearray(png(GRAY))
    data[28] = 1
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    assert decode_plain_png(bytes(data)) is None


@pytest.mark.parametrize("name", ["gray", "rgb", "parts"])
def test_damage_is_never_seen_in_another_way_than_by_pillow(name: str) -> None:
    whole, dice = PLAIN[name], random.Random(3)
    damaged = [whole[:length] for length in range(0, len(whole), 3)]
    for _ in range(300):
        flipped = bytearray(whole)
        flipped[dice.randrange(len(whole))] ^= 1 << dice.randrange(8)
        damaged.append(bytes(flipped))
    for one in damaged:
        pixels = decode_plain_png(one)
        if pixels is not None:
            np.testing.assert_array_equal(pixels, decode(one, name), strict=True)


@pytest.mark.parametrize("rows", [3, 20, 22, 60])
def test_too_few_or_too_many_rows_are_seen_as_by_pillow(rows: int) -> None:
    header = struct.pack(">IIBBBBB", *GRAY.size, 8, 0, 0, 0, 0)
    packed = zlib.compress((b"\0" + bytes(range(17))) * rows)
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        [chunk(b"IHDR", header), chunk(b"IDAT", packed), chunk(b"IEND", b"")]
    )
    pixels = decode_plain_png(data)
    try:
        expected = decode(data, "x")
    except FrameError:
        assert pixels is None
    else:
        assert pixels is None or (pixels == expected).all()


def test_too_many_pixels_are_left_to_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "MAX_PIXELS", 21 * 17 - 1)
    assert decode_plain_png(PLAIN["gray"]) is None


def test_file_is_read_with_the_same_words_for_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    assert read_plain_png(str(path)) is None
    path.write_bytes(PLAIN["rgb"])
    pixels = read_plain_png(str(path))
    assert pixels is not None
    assert pixels.shape == (21, 17, 3)
    path.write_bytes(PLAIN["rgb"][:100])
    failure = read_file(0, str(path))
    assert isinstance(failure, Failure)
    assert failure.error.kind == "damaged-picture"
    path.write_bytes(PLAIN["rgb"] + bytes(MAX_BYTES))
    assert read_plain_png(str(path)) is None
    assert read_plain_png("a\0b.png") is None
    path.unlink()
    path.mkdir()
    assert read_plain_png(str(path)) is None
