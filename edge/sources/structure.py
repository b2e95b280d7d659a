"""A picture's structure, looked at before a decoder is: of what there is too much to decode it.

A small file can ask for a million of something: scans, segments, chunks, blocks, values of a tag.
Each costs a decoder time, or memory that no number of pixels tells.

JPEG: ITU-T T.81, annex B. PNG: its third edition, section 5. GIF: GIF89a. WEBP: its container
specification, and RFC 6386, 9.1. TIFF: its revision 6.0, section 2, and BigTIFF.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from edge.sources.extent import SCAN_END

MAX_SCANS = 100
"""Of a JPEG; encoders make up to about 20. Each is a pass over all of the picture."""
MAX_SEGMENTS = 4096
"""Of a JPEG before its first scan; 64 MB of profile and EXIF fill a thousand."""
MAX_CHUNKS = 65_536
"""Of a PNG; some encoders make one for each kilobyte."""
MAX_BLOCKS = 65_536
"""Of a GIF before its first picture, such as of a comment."""
MAX_FRAMES = 1_000_000
"""Counted at most, of pages, or of a GIF's blocks on the way to its frames."""
MAX_TAGS = 1024
MAX_VALUES = 1 << 18
"""Of all tags of a TIFF that hold numbers; tiles of 16x16 are some 100,000 in a large picture."""
UNPACKED_BYTES = 1 << 20
"""What Pillow lets a compressed chunk of a PNG unfold to."""
UNPACKED = (b"zTXt", b"iTXt", b"iCCP")
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}
"""A TIFF's types -> bytes of one value."""
BYTES = (1, 2, 7)
"""Types that stay bytes; each value of the others becomes an object of Python's."""
FURTHER = (34665, 34853, 40965)
"""Tags that lead to a further directory, which Pillow reads with the picture: EXIF's."""
SOI_EOI = (0xD8, 0xD9)
SOS = 0xDA
NO_SEGMENT = (0x00, 0x01, 0xFF, *range(0xD0, 0xD8))
"""Of a JPEG's codes: stuffed or fill bytes, and restarts."""
FRAMES = tuple(code for code in range(0xC0, 0xD0) if code not in (0xC4, 0xC8, 0xCC))
PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)


class TooMuch(Exception):
    """The message says of what, and how much there may be."""


class Structure(NamedTuple):
    """What a look at the structure found."""

    metadata_bytes: int = 0
    """What a decoder copies or unpacks that is no pixels, at most."""
    scans: int = 1
    """Of a JPEG; with several it is held whole, at whatever scale it is decoded."""
    size: tuple[int, int] | None = None
    """Width and height, where a decoder takes its memory before it says them."""


def look_at(data: bytes, name: str) -> Structure:
    """Looks at a picture of format `name`; what is damaged is for the decoder to say.

    Raises:
        TooMuch: it has so many of something that it would cost minutes or gigabytes.
    """
    look = {"JPEG": _jpeg, "PNG": _png, "GIF": _gif, "WEBP": _webp, "TIFF": _tiff}.get(name)
    return look(data) if look else Structure()


def count_pictures(data: bytes, name: str) -> int | None:
    """How many frames a GIF, or pages a TIFF, has; none where that cannot be told."""
    try:
        return sum(1 for _ in (_gif_frames(data) if name == "GIF" else _tiff_pages(data)))
    except (IndexError, struct.error, TooMuch):
        return None


def _check(count: int, most: int, of_what: str) -> None:
    if count > most:
        raise TooMuch(f"expected at most {most} {of_what}, got more")


def _jpeg(data: bytes) -> Structure:
    at, scans, segments, metadata, parts = 2, 0, 0, 0, 0
    is_progressive = False
    while True:
        at = data.find(b"\xff", at)
        if at < 0 or at + 4 > len(data) or data[at + 1] in SOI_EOI:
            return Structure(metadata, scans)
        code = data[at + 1]
        segments += 1
        _check(segments, MAX_SEGMENTS, "segments in a JPEG")
        if code in NO_SEGMENT:
            at += 1 if code == 0xFF else 2
            continue
        start, at = at + 4, at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if code in FRAMES and start + 6 <= len(data):
            is_progressive, parts = code in PROGRESSIVE, data[start + 5]
        if code != SOS:
            metadata = at if scans == 0 else metadata
            continue
        scans += 1
        _check(scans, MAX_SCANS, "scans in a JPEG")
        if scans == 1 and not is_progressive and data[start : start + 1] == bytes([parts]):
            return Structure(metadata, scans)  # all of it in one scan; a decoder stops at its end
        found = SCAN_END.search(data, at)
        at = found.start() if found else len(data)


def _png(data: bytes) -> Structure:
    at, chunks, metadata = 8, 0, 0
    while len(data) - at >= 8:
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        chunks += 1
        _check(chunks, MAX_CHUNKS, "chunks in a PNG")
        if kind not in (b"IDAT", b"fdAT"):
            metadata += min(size, len(data)) + (UNPACKED_BYTES if kind in UNPACKED else 0)
        at += 12 + size
    return Structure(metadata)


def _gif(data: bytes) -> Structure:
    try:
        at = next(_gif_frames(data, MAX_BLOCKS), 0)
    except (IndexError, struct.error):
        return Structure()
    return Structure(at)


def _gif_frames(data: bytes, most: int = MAX_FRAMES) -> Iterator[int]:
    """Where each frame of a GIF begins. most: blocks on the way, also behind the first."""
    at, blocks = 13 + _color_table(data[10]), 0
    while at < len(data) and (kind := data[at]) != 0x3B:
        if kind == 0x2C:
            flags = data[at + 9]
            yield at
            at += 11 + _color_table(flags)
        elif kind == 0x21:
            at += 2
        else:  # Pillow looks on for what it knows
            at, blocks = at + 1, blocks + 1
            _check(blocks, most, "blocks in a GIF")
            continue
        while size := data[at]:
            at, blocks = at + 1 + size, blocks + 1
            _check(blocks, most, "blocks in a GIF")
        at += 1


def _color_table(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _webp(data: bytes) -> Structure:
    kind = data[12:16]
    if kind == b"VP8X" and len(data) >= 30:
        width, height = (1 + int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
    elif kind == b"VP8L" and len(data) >= 25:
        bits = int.from_bytes(data[21:25], "little")
        width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    elif kind == b"VP8 " and len(data) >= 30:
        width, height = (int.from_bytes(data[at : at + 2], "little") & 0x3FFF for at in (26, 28))
    else:
        return Structure()
    return Structure(len(data), size=(width, height))


class _Entry(NamedTuple):
    tag: int
    kind: int
    amount: int
    """Of values."""
    value: int
    """Or where the values are."""


class _Tiff:
    """A TIFF's directories, read from its bytes."""

    def __init__(self, data: bytes) -> None:
        self._data, self._order = data, "<" if data[:2] == b"II" else ">"
        self._is_big = 43 in data[2:4]
        self.first: int = self._read("Q" if self._is_big else "L", 8 if self._is_big else 4)

    def _read(self, what: str, at: int) -> int:
        number: int = struct.unpack_from(self._order + what, self._data, at)[0]
        return number

    def shape(self, at: int) -> tuple[int, int, int]:
        """Of a directory: how many entries, where the first is, and bytes of each."""
        if self._is_big:
            return self._read("Q", at), at + 8, 20
        return self._read("H", at), at + 2, 12

    def next(self, at: int) -> int:
        """Where the directory behind the one at `at` is; 0: it is the last."""
        count, start, size = self.shape(at)
        return self._read("Q" if self._is_big else "L", start + count * size)

    def entries(self, at: int) -> Iterator[_Entry]:
        count, start, size = self.shape(at)
        _check(count, MAX_TAGS, "tags in a TIFF")
        for where in range(start, start + count * size, size):
            yield _Entry(
                self._read("H", where),
                self._read("H", where + 2),
                self._read("Q" if self._is_big else "L", where + 4),
                self._read("Q" if self._is_big else "L", where + 4 + (size - 4) // 2),
            )


def _tiff(data: bytes) -> Structure:
    try:
        tiff = _Tiff(data)
        waiting, seen, values, metadata = [tiff.first], 0, 0, 0
        while waiting and seen < 1 + len(FURTHER):
            seen += 1
            for tag, kind, amount, value in tiff.entries(waiting.pop()):
                if tag in FURTHER:
                    waiting.append(value)
                size = min(amount * SIZES.get(kind, 1), len(data))
                values += 0 if kind in BYTES else size // SIZES.get(kind, 1)
                metadata += size
                _check(values, MAX_VALUES, "values of tags in a TIFF")
    except (IndexError, struct.error, OverflowError):
        return Structure()
    return Structure(metadata)


def _tiff_pages(data: bytes) -> Iterator[int]:
    """Where each page's directory is; a circle is its end."""
    tiff = _Tiff(data)
    at, seen = tiff.first, set[int]()
    while at and at not in seen and len(seen) < MAX_FRAMES:
        seen.add(at)
        yield at
        try:
            at = tiff.next(at)
        except (struct.error, OverflowError):
            return
