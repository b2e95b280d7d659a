"""Cameras on the web: JPEGs one after the other in one answer (MJPEG), or one for each request."""

from __future__ import annotations

import time
from collections.abc import Iterator
from http.client import HTTPException, HTTPResponse
from urllib import request
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit, urlunsplit

from edge.cameras.camera import Grabbed, Loaded, Spec
from edge.cameras.multipart import find_boundary, split_parts
from edge.errors import CameraError
from edge.sources.picture import MAX_BYTES, decode_picture
from edge.sources.url import make_opener

TIMEOUT_S = 2.0
"""For the connection, for the answer's head and between two bytes: a camera that takes longer
shows nothing that happens now."""
READ_BYTES = 1 << 16
SNAPSHOT_RATE = 10.0
"""Requests a second at most to a camera that gives one picture for each."""
ACCEPT = "multipart/x-mixed-replace, image/jpeg, image/*;q=0.5, */*;q=0.1"


class NotAPicture(CameraError):
    """The server answers with something else: a film's stream perhaps, which OpenCV can read."""


class HttpCamera:
    """An MJPEG stream, or a picture that is fetched again and again."""

    def __init__(self, spec: Spec) -> None:
        """
        Raises:
            NotAPicture: the server answers with neither.
            CameraError: it does not answer, or not with success, or with a page for people.
        """
        self._spec = spec
        self._address, self._opener = _with_password(spec.address)
        self._response = self._open()
        kind = self._response.headers.get("Content-Type", "")
        boundary = find_boundary(kind)
        if boundary is None and not kind.lower().startswith("image/"):
            self._response.close()
            is_page = kind.lower().startswith("text/html")
            raise (CameraError if is_page else NotAPicture)(
                f"{spec.name}: expected MJPEG (multipart/x-mixed-replace) or a picture, "
                f"the server answered with {kind or 'no Content-Type'!r}"
            )
        if boundary is None:
            self.description = "one picture for each request"
            self._pictures = self._snapshots()
        else:
            self.description = "MJPEG over HTTP"
            self._pictures = split_parts(self._read, boundary)

    def read(self) -> Grabbed | None:
        data = next(self._pictures, None)
        return None if data is None else Grabbed(time.monotonic(), lambda: self._decode(data))

    def close(self) -> None:
        self._response.close()

    def _decode(self, data: bytes) -> Loaded:
        picture = decode_picture(data, self._spec.name, self._spec.side)
        return picture.pixels, picture.shrunk

    def _open(self) -> HTTPResponse:
        name = self._spec.name
        try:
            response: HTTPResponse = self._opener.open(self._address, timeout=TIMEOUT_S)
        except HTTPError as error:
            with error:
                answer = " ".join(f"{error.code} {error.reason}".split())
            message = f"{name}: expected a stream, the server answered {answer}"
            raise CameraError(message) from None
        except URLError as error:
            raise CameraError(f"{name}: cannot be reached: {error.reason}") from None
        except (OSError, HTTPException, ValueError) as error:
            raise _lost(name, error) from None
        return response

    def _read(self) -> bytes:
        try:
            return self._response.read1(READ_BYTES)
        except (OSError, HTTPException, ValueError) as error:
            raise _lost(self._spec.name, error) from None

    def _snapshots(self) -> Iterator[bytes]:
        period_s = 1 / (self._spec.rate or SNAPSHOT_RATE)
        while True:
            began_s = time.monotonic()
            data = bytearray()
            while part := self._read():
                data += part
                if len(data) > MAX_BYTES:
                    message = f"expected at most {MAX_BYTES} bytes a picture, got more"
                    raise CameraError(f"{self._spec.name}: {message}")
            self._response.close()
            yield bytes(data)
            time.sleep(max(0.0, began_s + period_s - time.monotonic()))
            self._response = self._open()


def _lost(name: str, error: Exception) -> CameraError:
    if isinstance(error, TimeoutError):
        return CameraError(f"{name}: expected bytes within {TIMEOUT_S:g} s, got none")
    brief = " ".join(str(error).split()) or type(error).__name__
    return CameraError(f"{name}: the connection is lost: {brief}")


def _with_password(address: str) -> tuple[str, request.OpenerDirector]:
    """The address without user name and password, and what answers when it is asked for them."""
    parts = urlsplit(address)
    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    passwords = request.HTTPPasswordMgrWithDefaultRealm()
    if parts.username is not None:
        passwords.add_password(None, bare, unquote(parts.username), unquote(parts.password or ""))
    handlers = request.HTTPDigestAuthHandler(passwords), request.HTTPBasicAuthHandler(passwords)
    return bare, make_opener(ACCEPT, *handlers)
