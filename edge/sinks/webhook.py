"""Events and statuses to a web address, each as one POST of JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from edge.errors import UsageError
from edge.sinks.outbox import (
    FIRST_S,
    GRACE_S,
    MOST_S,
    SENT,
    Attempt,
    Delivery,
    Outbox,
    Trouble,
)

if TYPE_CHECKING:
    from urllib.request import OpenerDirector

OPTION = "--webhook"
TOKEN_VARIABLE = "EDGEPROOF_WEBHOOK_TOKEN"
TIMEOUT_S = 5.0
"""Without a byte from the server."""
LATER = {408, 425, 429}
"""Of the answers 4xx, those that ask to come again: Request Timeout (RFC 9110), Too Early (RFC
8470), Too Many Requests (RFC 6585)."""


@dataclass(frozen=True)
class WebhookAddress:
    """Where to, and what opens the door."""

    url: str = field(repr=False)
    """Not for messages: many services take a secret in the path as their key."""
    token: str | None = field(repr=False)
    place: str
    """For messages: scheme, host and port."""


def parse_webhook(url: str, environ: Mapping[str, str] = os.environ) -> WebhookAddress:
    """Reads an http or https address; $EDGEPROOF_WEBHOOK_TOKEN is sent along as a bearer token.

    Raises:
        UsageError: no such address. Its message repeats nothing of it.
    """
    expected = f"{OPTION}: expected http://HOST[:PORT]/PATH or https://..., got"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise UsageError(f"{expected} a host or a port that is none") from None
    if parts.scheme not in ("http", "https") or not host:
        raise UsageError(f"{expected} another scheme, or no host")
    if parts.username is not None or parts.password is not None:
        raise UsageError(
            f"{expected} a user or a password in it; put a token into ${TOKEN_VARIABLE}"
        )
    if not url.isascii() or any(letter <= " " or letter == "\x7f" for letter in url):
        raise UsageError(f"{expected} spaces or letters beyond ASCII; write them as %20")
    token = environ.get(TOKEN_VARIABLE, "").strip() or None
    if token is not None and not (token.isascii() and token.isprintable()):
        raise UsageError(f"${TOKEN_VARIABLE}: expected printable ASCII, got other letters in it")
    name = f"[{host}]" if ":" in host else host
    return WebhookAddress(url, token, f"{parts.scheme}://{name}" + (f":{port}" if port else ""))


class WebhookSink:
    """Posts events and statuses; what cannot be delivered now is tried again.

    with WebhookSink(parse_webhook(url), err) as sink:
        sink.event(record)
    """

    def __init__(
        self,
        address: WebhookAddress,
        err: Callable[[str], None],
        *,
        first_s: float = FIRST_S,
        most_s: float = MOST_S,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """
        err: takes one line, in this sink's thread: when it fails, and when it works again.
        first_s, most_s: the pauses between attempts, see `outbox.backoff_s`.
        """
        self._address, self._timeout_s = address, timeout_s
        self._trouble = Trouble(OPTION, err)
        self._opener = _opener()
        self._outbox = Outbox(self._deliver, name="webhook", first_s=first_s, most_s=most_s)

    def event(self, record: Mapping[str, Any]) -> None:
        """Posts a change of the stable label."""
        self._outbox.put(json.dumps(record).encode())

    def status(self, record: Mapping[str, Any]) -> None:
        """Posts how the camera does."""
        self._outbox.put(json.dumps(record).encode())

    @property
    def delivery(self) -> Delivery:
        """Records by what became of them."""
        return self._outbox.delivery

    def close(self, grace_s: float = GRACE_S) -> None:
        """Posts what waits, within `grace_s`; the rest is lost."""
        self._outbox.close(grace_s)

    def __enter__(self) -> WebhookSink:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _deliver(self, body: bytes) -> Attempt:
        attempt = self._post(body)
        place = self._address.place
        if attempt.verdict == "sent":
            self._trouble.end(f"{place}: takes records again")
        elif attempt.verdict == "retry":
            self._trouble.begin(f"{place}: {attempt.reason}; the camera goes on, and retries")
        else:
            self._trouble.begin(f"{place}: {attempt.reason}; a record is lost")
        return attempt

    def _post(self, body: bytes) -> Attempt:
        from http.client import HTTPException
        from urllib.error import HTTPError, URLError
        from urllib.request import Request

        headers = {"Content-Type": "application/json", "User-Agent": "edgeproof"}
        if self._address.token is not None:
            headers["Authorization"] = f"Bearer {self._address.token}"
        request = Request(self._address.url, body, headers, method="POST")
        try:
            with self._opener.open(request, timeout=self._timeout_s):
                return SENT
        except HTTPError as error:
            with error:
                answer = " ".join(f"{error.code} {error.reason}".split())
            is_later = error.code >= 500 or error.code in LATER
            return Attempt("retry" if is_later else "lost", f"expected 2xx, got {answer}")
        except TimeoutError:
            return Attempt("retry", f"expected an answer within {self._timeout_s:g} s, got none")
        except URLError as error:
            cause = error.reason
            brief = cause.strerror if isinstance(cause, OSError) else None
            return Attempt("retry", f"cannot be reached: {brief or cause}")
        except (OSError, HTTPException) as error:
            brief = " ".join(str(error).split()) or type(error).__name__
            return Attempt("retry", f"the connection ended: {brief}")


def _opener() -> OpenerDirector:
    """What opens http and https alone and follows no redirection: it would turn the POST into a
    GET, or carry the token to another host. Such an answer (3xx) counts as lost."""
    from urllib import request

    opener = request.OpenerDirector()
    for handler in (
        *(request.ProxyHandler, request.HTTPHandler, request.HTTPSHandler),
        *(request.HTTPDefaultErrorHandler, request.HTTPErrorProcessor, request.UnknownHandler),
    ):
        opener.add_handler(handler())
    return opener
