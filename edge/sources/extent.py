"""Where a picture ends within a stream of bytes, told from its structure without decoding it.

JPEG: ITU-T T.81, annex B. PNG: its third edition, section 5. GIF: GIF89a, section 12 on. WEBP: its
container specification. BMP: BITMAPFILEHEADER. PBM, PGM, PPM: netpbm's own pages. The further
pictures behind a phone's JPEG: CIPA DC-007.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import BinaryIO, Literal

READ_BYTES = 1 << 16
SCAN_END = re.compile(rb"\xff[\xc4\xcc\xd8-\xdf\xe0-\xef\xfe]")
"""In a JPEG's scan: a marker that ends it. 00 is a stuffed byte, D0 to D7 are restarts."""
SOI, EOI, SOS, APP2, COM = 0xD8, 0xD9, 0xDA, 0xE2, 0xFE
MP_ENTRY = 0xB002
"""The field of DC-007 with a record of 16 bytes for each picture."""
Order = Literal["big", "little"]


class Incomplete(Exception):
    """The stream ends before the picture does."""


class Broken(Exception):
    """What comes is no picture, or one whose structure stops making sense."""

    def __init__(self, kind: str, message: str, at: int) -> None:
        super().__init__(message)
        self.kind = kind
        self.at = at
        """Bytes from the picture's start to where it stops making sense."""


class Stream:
    """The bytes of a stream that were read and not cut off yet."""

    def __init__(self, file: BinaryIO, max_bytes: int) -> None:
        self.held = bytearray()
        self.offset = 0
        """Bytes cut off so far."""
        self._file, self._max_bytes = file, max_bytes

    def __len__(self) -> int:
        return len(self.held)

    def fill(self) -> bool:
        """Reads what there is; false at the end of the stream."""
        read = getattr(self._file, "read1", None) or self._file.read  # `read` waits for all of it
        part = read(READ_BYTES)
        self.held += part or b""
        return bool(part)

    def peek(self, at: int, size: int) -> bytes:
        """`size` bytes from `at` on, fewer at the end of the stream; nothing is cut off."""
        while len(self.held) < at + size:
            if len(self.held) >= self._max_bytes:
                message = f"expected at most {self._max_bytes} bytes a picture, got more"
                raise Broken("too-large", message, len(self.held))
            if not self.fill():
                break
        return bytes(self.held[at : at + size])

    def need(self, at: int, size: int) -> bytes:
        """`size` bytes from `at` on.

        Raises:
            Incomplete: the stream ends before.
            Broken: the picture is too large.
        """
        found = self.peek(at, size)
        if len(found) < size:
            raise Incomplete
        return found

    def number(self, at: int, size: int, order: Order = "big") -> int:
        """The unsigned number of `size` bytes at `at`; as `need`."""
        return int.from_bytes(self.need(at, size), order)

    def cut(self, size: int) -> bytes:
        """Takes the first `size` bytes off."""
        with memoryview(self.held) as view:  # one copy, not two
            taken = bytes(view[:size])
        del self.held[:size]
        self.offset += len(taken)
        return taken


def find_end(stream: Stream) -> int:
    """How many bytes the picture has that the stream begins with.

    Raises:
        Incomplete: it is cut short by the end of the stream.
        Broken: it is no picture, or a damaged one.
    """
    start = stream.peek(0, 12)
    for is_start, find in _FORMATS:
        if is_start(start):
            return find(stream)
    raise Broken("not-a-picture", "no picture", 0)


def _jpeg_end(stream: Stream) -> int:
    at = trusted = 2
    further: list[tuple[int, int]] = []
    while True:
        if stream.need(at, 1) != b"\xff":
            raise _damaged("JPEG", trusted)
        while (code := stream.need(at + 1, 1)[0]) == 0xFF:  # fill bytes
            at += 1
        if code == EOI:
            return _with_further_pictures(stream, at + 2, further)
        if code == SOI:  # the next one begins within this one
            raise _damaged("JPEG", at)
        if code == 0x01 or 0xD0 <= code <= 0xD7:  # markers without a segment
            at += 2
            continue
        length = stream.number(at + 2, 2)
        if code == APP2 and stream.need(at + 4, 4) == b"MPF\0":
            further = _listed_pictures(stream.need(at + 8, max(0, length - 6)), at + 8)
        end = at + 2 + length
        if 0xE0 <= code <= 0xEF or code == COM:  # it may well hold a picture, a thumbnail
            trusted = end
        else:
            cut = stream.peek(at, 4 + length).find(b"\xff\xd8\xff")  # the next one's start
            if cut >= 0:
                raise _damaged("JPEG", at + cut)
            trusted = at + 2
        at = end
        if code == SOS:
            at = trusted = _scan_end(stream, at)


def _scan_end(stream: Stream, at: int) -> int:
    """Where the marker stands that ends a scan, whose compressed bytes begin at `at`."""
    while True:
        found = SCAN_END.search(stream.held, at)
        if found:
            return found.start()
        at = max(at, len(stream) - 1)  # an FF may be the last byte that came
        stream.need(len(stream), 1)


def _listed_pictures(listing: bytes, at: int) -> list[tuple[int, int]]:
    """Start and end of each picture that a phone's JPEG says to have behind itself.

    listing: TIFF, as DC-007 has it in the segment MPF.
    at: where it stands, from which its offsets count.
    """
    order: Order = "little" if listing[:2] == b"II" else "big"

    def number(where: int, size: int) -> int:
        return int.from_bytes(listing[where : where + size], order)

    directory = number(4, 4)
    last = min(directory + 2 + 12 * number(directory, 2), len(listing))
    for field in range(directory + 2, last, 12):
        if number(field, 2) == MP_ENTRY:
            first, size = number(field + 8, 4), number(field + 4, 4)
            records = range(first, min(first + size, len(listing)), 16)
            found = [(number(one + 8, 4), number(one + 4, 4)) for one in records]
            return [(at + offset, at + offset + length) for offset, length in found if offset]
    return []


def _with_further_pictures(stream: Stream, end: int, further: list[tuple[int, int]]) -> int:
    """A JPEG's end with its further pictures, where each stands where the list says it does."""
    last = max((one[1] for one in further), default=end)
    try:
        stand = all(start >= end and stream.peek(start, 2) == b"\xff\xd8" for start, _ in further)
        return last if stand and len(stream.peek(0, last)) == last else end
    except Broken:  # the list is: it reaches beyond what a picture may have
        return end


def _png_end(stream: Stream) -> int:
    at = 8
    while True:
        kind = stream.need(at + 4, 4)
        if not kind.isalpha():
            raise _damaged("PNG", at)
        length = stream.number(at, 4)
        end = at + 12 + length
        if length >= 1 << 31:
            raise _damaged("PNG", at)
        stream.need(end - 1, 1)
        if kind == b"IEND":
            return end
        at = end


def _gif_end(stream: Stream) -> int:
    at = 13 + _color_table(stream.need(10, 1)[0])
    while True:
        kind = stream.need(at, 1)
        if kind == b";":
            return at + 1
        if kind == b"!":
            at = _sub_blocks_end(stream, at + 2)
        elif kind == b",":
            at += 10 + _color_table(stream.need(at + 9, 1)[0])
            at = _sub_blocks_end(stream, at + 1)
        else:
            raise _damaged("GIF", at)


def _color_table(flags: int) -> int:
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _sub_blocks_end(stream: Stream, at: int) -> int:
    while size := stream.need(at, 1)[0]:
        at += 1 + size
    return at + 1


def _riff_end(stream: Stream) -> int:
    size = stream.number(4, 4, "little")
    return _whole(stream, 8 + size + size % 2)


def _bmp_end(stream: Stream) -> int:
    size = stream.number(2, 4, "little")
    return _whole(stream, size) if size >= 26 else _to_the_end(stream)  # some leave it out


def _pnm_end(stream: Stream) -> int:
    """P4 to P6: from width, height and, but for P4, the largest value."""
    kind = stream.need(1, 1)
    numbers: list[int] = []
    at = 2
    while len(numbers) < (2 if kind == b"4" else 3):
        word, at = _pnm_word(stream, at)
        if not word.isdigit() or len(word) > 10:
            raise _damaged("PNM", at)
        numbers.append(int(word))
    width, height = numbers[:2]
    if kind == b"4":
        return _whole(stream, at + (width + 7) // 8 * height)
    size = 1 if numbers[2] < 256 else 2
    return _whole(stream, at + width * height * size * (3 if kind == b"6" else 1))


def _pnm_word(stream: Stream, at: int) -> tuple[bytes, int]:
    """The next word of a header, and where what follows its one blank begins."""
    word = b""
    while True:
        one = stream.need(at, 1)
        at += 1
        if one == b"#":
            while stream.need(at, 1) not in b"\r\n":
                at += 1
        elif not one.isspace():
            word += one
        elif word:
            return word, at
        if len(word) > 10:
            return word, at


def _whole(stream: Stream, size: int) -> int:
    stream.need(size - 1, 1)
    return size


def _to_the_end(stream: Stream) -> int:
    """TIFF and plain-text PNM do not say where they end."""
    while stream.peek(len(stream), 1):
        pass
    return len(stream)


def _damaged(kind: str, at: int) -> Broken:
    return Broken("damaged-picture", f"the {kind} is damaged", at)


_FORMATS: tuple[tuple[Callable[[bytes], object], Callable[[Stream], int]], ...] = (
    (lambda start: start.startswith(b"\xff\xd8\xff"), _jpeg_end),
    (lambda start: start.startswith(b"\x89PNG\r\n\x1a\n"), _png_end),
    (lambda start: start.startswith((b"GIF87a", b"GIF89a")), _gif_end),
    (lambda start: start.startswith(b"RIFF") and start[8:] == b"WEBP", _riff_end),
    (lambda start: start.startswith(b"BM") and start[6:10] == b"\0\0\0\0", _bmp_end),
    (lambda start: re.match(rb"P[456][\s#]", start), _pnm_end),
    (lambda start: re.match(rb"P[123f][\s#]|II[*+]\0|MM\0[*+]", start), _to_the_end),
)
