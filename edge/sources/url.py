"""A picture's web address as a source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.errors import FrameError
from edge.sources import picture
from edge.sources.picture import Picture, decode_picture

if TYPE_CHECKING:
    from http.client import HTTPResponse
    from urllib.request import BaseHandler, OpenerDirector

    from edge.sources.deadline import Deadline

TIMEOUT_S = 10.0
"""Without a byte from the server; and until it answers."""
TOTAL_S = 60.0
"""For all of it: a server that sends a byte every second would hold up the run."""
READ_BYTES = 1 << 16


def is_url(source: str) -> bool:
    """Whether a source is a picture's web address: http or https, and no other scheme."""
    return source[:8].lower().startswith(("http://", "https://"))


def fetch_picture(url: str, side: int | None = None) -> Picture:
    """Fetches a picture and decodes it, as `edge.sources.picture.decode_picture`.

    Raises:
        FrameError: `not-found` with what the server answered, `unreachable`, `too-large`, or as
            from decoding.
    """
    from edge.sources.deadline import Deadline

    with Deadline(TOTAL_S) as deadline:
        try:
            data = _fetch(url, deadline)
        except FrameError:
            if not deadline.is_over:
                raise
    if deadline.is_over:
        message = f"{url}: expected the picture within {TOTAL_S:g} s, got less than all of it"
        raise FrameError("unreachable", message)
    return decode_picture(data, url, side)


def _fetch(url: str, deadline: Deadline) -> bytes:
    from http.client import HTTPException
    from urllib.error import HTTPError, URLError

    try:
        opener = make_opener("image/*", *deadline.handlers())
        with opener.open(url, timeout=TIMEOUT_S) as response:
            return _read(response, url)
    except HTTPError as error:
        with error:
            answer = " ".join(f"{error.code} {error.reason}".split())
        raise FrameError(
            "not-found", f"{url}: expected a picture, the server answered {answer}"
        ) from None
    except URLError as error:
        raise FrameError("unreachable", f"{url}: cannot be reached: {error.reason}") from None
    except TimeoutError:
        raise FrameError(
            "unreachable", f"{url}: expected an answer within {TIMEOUT_S:g} s, got none"
        ) from None
    except (OSError, HTTPException, ValueError) as error:  # ValueError: no host, a strange port
        brief = " ".join(str(error).split()) or type(error).__name__
        raise FrameError("unreachable", f"{url}: cannot be fetched: {brief}") from None


def make_opener(accept: str, *further: BaseHandler) -> OpenerDirector:
    """What opens http and https alone, so that no redirection leads to ftp or to a file.

    accept: kinds of media, as in RFC 9110, 12.5.1.
    further: handlers of urllib's, such as for passwords.
    """
    from urllib import request

    opener = request.OpenerDirector()
    for handler in (
        *(request.ProxyHandler, request.HTTPHandler, request.HTTPSHandler),
        *(request.HTTPRedirectHandler, request.HTTPDefaultErrorHandler),
        *(request.HTTPErrorProcessor, request.UnknownHandler),
    ):
        opener.add_handler(handler())
    for one in further:
        opener.add_handler(one)
    opener.addheaders = [("User-Agent", "edgeproof"), ("Accept", accept)]
    return opener


def _read(response: HTTPResponse, url: str) -> bytes:
    """The body, or an error as soon as it is too large or cut short."""
    promised = response.length  # by Content-Length; none where the server does not say
    if promised is not None:
        _check_size(promised, url)
    data = bytearray()
    while part := response.read1(READ_BYTES):
        data += part
        _check_size(len(data), url)
    if promised is not None and len(data) < promised:
        message = f"{url}: expected {promised} bytes, the connection ended after {len(data)}"
        raise FrameError("unreachable", message)
    return bytes(data)


def _check_size(size_bytes: int, url: str) -> None:
    if size_bytes > picture.MAX_BYTES:
        message = f"{url}: expected at most {picture.MAX_BYTES} bytes, got {size_bytes}"
        raise FrameError("too-large", message)
