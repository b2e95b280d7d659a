"""The parts of a multipart stream, as cameras send their JPEGs over HTTP.

RFC 2046, 5.1, as far as cameras keep to it: some write the dashes into the boundary's name, leave
out Content-Length, or count wrongly.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

MAX_PART_BYTES = 32 * 1024 * 1024
"""A JPEG of 48 megapixels has about 20 MB."""
MAX_HEAD_BYTES = 16 * 1024


def find_boundary(content_type: str) -> bytes | None:
    """The boundary that a Content-Type names, without leading dashes; none: it is no multipart."""
    if not re.match(r"\s*multipart/", content_type, re.IGNORECASE):
        return None
    found = re.search(r'boundary\s*=\s*(?:"([^"]*)"|([^\s;]+))', content_type, re.IGNORECASE)
    name = ((found[1] or found[2]) if found else "").strip("-")
    return name.encode("latin-1", "replace") or None


def split_parts(read: Callable[[], bytes], boundary: bytes) -> Iterator[bytes]:
    """Each part's body, as soon as it is whole; what is too long to be one comes cut off.

    read: gives what has arrived, at least a byte; nothing at the end.
    """
    delimiter = b"--" + boundary
    held = _Held(read)
    while held.skip_behind(delimiter):
        head = held.take_until((b"\r\n\r\n", b"\n\n"), MAX_HEAD_BYTES)
        if head is None:
            return
        length = re.search(rb"^content-length\s*:\s*([0-9]{1,9})\s*$", head, re.I | re.M)
        if length is None:
            body = held.take_until((b"\r\n" + delimiter, delimiter), MAX_PART_BYTES, keep=True)
        else:
            body = held.take(min(int(length[1]), MAX_PART_BYTES))
        if body is None:
            return
        yield body


class _Held:
    """Bytes that have arrived and are not used up yet."""

    def __init__(self, read: Callable[[], bytes]) -> None:
        self._read, self._bytes = read, bytearray()

    def take(self, size: int) -> bytes | None:
        """So many bytes; none when the stream ends before."""
        while len(self._bytes) < size:
            if not self._fill():
                return None
        return self._cut(size)

    def take_until(self, ends: tuple[bytes, ...], most: int, keep: bool = False) -> bytes | None:
        """All before the first of `ends`, or `most` bytes; none when the stream ends before.

        keep: the end stays, for the next search.
        """
        start = 0
        while True:
            found = [(at, end) for end in ends if (at := self._bytes.find(end, start)) >= 0]
            if found:
                at, end = min(found, key=lambda one: (one[0], -len(one[1])))
                body = self._cut(at)
                if not keep:
                    self._cut(len(end))
                return body
            if len(self._bytes) >= most:
                return self._cut(most)
            start = max(0, len(self._bytes) - max(map(len, ends)) + 1)
            if not self._fill():
                return None

    def skip_behind(self, delimiter: bytes) -> bool:
        """Lets go of all up to a delimiter and its line's end; no at the end of the stream."""
        while (at := self._bytes.find(delimiter)) < 0:
            self._cut(max(0, len(self._bytes) - len(delimiter) + 1))
            if not self._fill():
                return False
        self._cut(at + len(delimiter))
        return self.take_until((b"\n",), MAX_HEAD_BYTES) is not None

    def _fill(self) -> bool:
        part = self._read()
        self._bytes += part
        return bool(part)

    def _cut(self, size: int) -> bytes:
        taken = bytes(self._bytes[:size])
        del self._bytes[:size]
        return taken
