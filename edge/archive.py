"""Reads the zip behind a model as strictly as we write it, so that there is one way to read it.

Two entries of one name, a header before an entry that differs from the directory's, or bytes
between entries are read in one way by one program and in another by the next; and what was checked
has to be what is used. No more is unpacked than the directory says, and it may not say much.

Source: PKWARE's APPNOTE.TXT, section 4.3.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

MAX_ENTRIES = 32
MAX_BYTES = 64 * 1024 * 1024
"""Of all entries together, unpacked: no honest ones come near; more is to fill the memory."""
STORED, DEFLATED = 0, 8
UTF8_NAME = 0x800
"""The one flag that may be set."""
_END = struct.Struct("<4s4H2IH")
_ENTRY = struct.Struct("<4s6H3I5H2I")
_LOCAL = struct.Struct("<4s5H3I2H")
_MAX_COMMENT = 0xFFFF


class BadArchive(ValueError):
    """The zip is damaged, or not as we write it."""


@dataclass(frozen=True)
class Archive:
    """What stands at the end of some bytes."""

    start: int
    """Where the first entry begins."""
    entries: dict[str, bytes]
    comment: bytes


@dataclass(frozen=True)
class _Entry:
    name: bytes
    flags: int
    method: int
    crc: int
    packed_bytes: int
    size_bytes: int
    at: int


def read_archive(data: bytes) -> Archive | None:
    """The zip that `data` ends with; none when it ends otherwise.

    Raises:
        BadArchive: says what was expected and what came.
    """
    end = data.rfind(b"PK\x05\x06", max(0, len(data) - _END.size - _MAX_COMMENT))
    if end < 0 or end + _END.size > len(data):
        return None
    _, disk, first_disk, here, count, size_bytes, at, comment_bytes = _END.unpack_from(data, end)
    comment = data[end + _END.size :]
    if len(comment) != comment_bytes:
        raise BadArchive(f"its comment has {comment_bytes} bytes, got {len(comment)}")
    if (disk, first_disk, here) != (0, 0, count) or count > MAX_ENTRIES:
        raise BadArchive(f"expected at most {MAX_ENTRIES} entries, it claims {count}")
    if at + size_bytes != end:
        raise BadArchive("its directory is not where it says")
    directory = _read_directory(data, at, end, count)
    claimed_bytes = sum(entry.size_bytes for entry in directory)
    if claimed_bytes > MAX_BYTES:
        raise BadArchive(f"its entries claim {claimed_bytes} bytes, more than {MAX_BYTES}")
    start = place = directory[0].at if directory else at
    entries: dict[str, bytes] = {}
    for entry in directory:
        name = _decode(entry.name)
        if name in entries:
            raise BadArchive(f"two entries are called {name}")
        if entry.at != place:
            raise BadArchive(f"{name} does not begin where the entry before it ends")
        begin = _check_local(data, entry, name)
        place = begin + entry.packed_bytes
        if place > at:
            raise BadArchive(f"{name} is longer than its place")
        entries[name] = _unpack(data[begin:place], entry, name)
    if place != at:
        raise BadArchive("its directory does not begin where the last entry ends")
    return Archive(start, entries, comment)


def _read_directory(data: bytes, at: int, end: int, count: int) -> list[_Entry]:
    found = []
    for _ in range(count):
        if at + _ENTRY.size > end:
            raise BadArchive("its directory is cut short")
        fields = _ENTRY.unpack_from(data, at)
        signature, _, _, flags, method, _, _, crc, packed_bytes, size_bytes = fields[:10]
        name_bytes, extra_bytes, comment_bytes, disk, _, _, place = fields[10:]
        name = data[at + _ENTRY.size : at + _ENTRY.size + name_bytes]
        at += _ENTRY.size + name_bytes + extra_bytes + comment_bytes
        if signature != b"PK\x01\x02" or disk or at > end:
            raise BadArchive("its directory is damaged")
        found.append(_Entry(name, flags, method, crc, packed_bytes, size_bytes, place))
    if at != end:
        raise BadArchive(f"its directory holds more than the {count} entries that it claims")
    return found


def _check_local(data: bytes, entry: _Entry, name: str) -> int:
    """Where the entry's bytes begin."""
    if entry.at + _LOCAL.size > len(data):
        raise BadArchive(f"{name} is outside the file")
    fields = _LOCAL.unpack_from(data, entry.at)
    signature, _, flags, method, _, _, crc, packed_bytes, size_bytes = fields[:9]
    name_bytes, extra_bytes = fields[9:]
    begin = entry.at + _LOCAL.size + name_bytes
    found = _Entry(
        data[begin - name_bytes : begin], flags, method, crc, packed_bytes, size_bytes, entry.at
    )
    if signature != b"PK\x03\x04" or found != entry:
        raise BadArchive(f"the header before {name} does not say what the directory says")
    if flags & ~UTF8_NAME or method not in (STORED, DEFLATED):
        raise BadArchive(f"{name} is encrypted, or packed in another way than deflate")
    return begin + int(extra_bytes)


def _unpack(packed: bytes, entry: _Entry, name: str) -> bytes:
    content = packed
    if entry.method == DEFLATED:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            content = inflater.decompress(packed, entry.size_bytes + 1)
        except zlib.error as error:
            raise BadArchive(f"{name} cannot be unpacked: {error}") from None
        if not inflater.eof or inflater.unused_data:
            raise BadArchive(f"{name} does not end where it says")
    if len(content) != entry.size_bytes:
        raise BadArchive(f"{name} has another length than the {entry.size_bytes} bytes it claims")
    if zlib.crc32(content) != entry.crc:
        raise BadArchive(f"{name} does not have the checksum that the directory says")
    return content


def _decode(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError:
        raise BadArchive(f"the name of an entry is no UTF-8: {name!r}") from None
