"""Who may see the page: methods, the Host header, the token; and headers that bind the browser."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]
Header = tuple[bytes, bytes]

COOKIE = "edgeproof_token"
COOKIE_S = 30 * 24 * 3600
NAMES = frozenset({"localhost"})
"""Of this machine for itself, beside its loopback addresses. Any other name in a Host header is of
a site that had its name lead to 127.0.0.1 (DNS rebinding), and would read the page from there."""
HEADERS: tuple[Header, ...] = (
    (
        b"content-security-policy",
        b"default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        b"object-src 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
UNAUTHORIZED = """401: this page needs its token.

Open the link that `edgeproof camera` printed when it started: it ends with ?token=...
A token of your own is put into EDGEPROOF_TOKEN before the start; then open /?token=YOURS once.
Programs send it as a header: Authorization: Bearer TOKEN
If you came by such a link from another site, load this page again.
"""


class Guard:
    """An ASGI application around another one."""

    def __init__(self, app: App, token: str | None) -> None:
        """token: none asks for a Host header of this machine instead."""
        self._app, self._token = app, token

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Passes a request on, or answers it."""
        if scope["type"] != "http":
            return
        headers = list(scope["headers"])
        if scope["method"] not in ("GET", "HEAD"):
            await _answer(send, 405, "405: GET and HEAD alone\n", [(b"allow", b"GET, HEAD")])
        elif self._token is None:
            if is_own_host(_all(headers, b"host")):
                await self._app(scope, receive, _with_headers(send))
            else:
                await _answer(send, 421, "421: open this page as http://localhost or 127.0.0.1\n")
        elif self._is_allowed(headers):
            await self._app(scope, receive, _with_headers(send))
        elif self._is_token(_token_in(scope["query_string"])):
            await _answer(send, 303, "", _entrance(scope["path"], self._token))
        else:
            await _answer(send, 401, UNAUTHORIZED, [(b"www-authenticate", b"Bearer")])

    def _is_allowed(self, headers: list[Header]) -> bool:
        for value in _all(headers, b"authorization"):
            kind, _, token = value.partition(" ")
            if kind.lower() == "bearer" and self._is_token(token.strip()):
                return True
        return any(
            COOKIE in cookies and self._is_token(cookies[COOKIE].value)
            for cookies in map(_cookies, _all(headers, b"cookie"))
        )

    def _is_token(self, text: str) -> bool:
        return hmac.compare_digest(text.encode(), (self._token or "").encode())


def is_own_host(values: list[str]) -> bool:
    """Whether a request's Host headers name this machine as it calls itself."""
    if len(values) != 1:
        return False
    host = values[0].strip()
    name, _, port = host.rpartition(":") if ":" in host.rpartition("]")[2] else (host, "", "")
    if port and not port.isdecimal():
        return False
    name = name.lower().rstrip(".")
    if name in NAMES:
        return True
    try:
        is_bracketed = name.startswith("[") and name.endswith("]")
        address = ipaddress.ip_address(name[1:-1] if is_bracketed else name)
    except ValueError:
        return False
    return address.is_loopback and is_bracketed == (address.version == 6)


def _all(headers: Iterable[Header], name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in headers if key == name]


def _cookies(text: str) -> SimpleCookie:
    cookies = SimpleCookie()
    try:
        cookies.load(text)
    except CookieError:
        return SimpleCookie()
    return cookies


def _token_in(query: bytes) -> str:
    try:
        return parse_qs(query.decode("ascii"), max_num_fields=8).get("token", [""])[-1]
    except ValueError:  # not ASCII, or more fields
        return ""


def _entrance(path: str, token: str) -> list[Header]:
    """Leads to the same page without the token in its address, which histories would keep."""
    bare = path if path.isascii() and path.replace("/", "").replace(".", "").isalnum() else "/"
    cookie = f"{COOKIE}={token}; Path=/; Max-Age={COOKIE_S}; HttpOnly; SameSite=Strict"
    # One slash alone: two would name another machine.
    location = "/" + bare.lstrip("/")
    return [(b"location", location.encode()), (b"set-cookie", cookie.encode())]


def _with_headers(send: Send) -> Send:
    async def send_with(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *HEADERS]}
        await send(message)

    return send_with


async def _answer(send: Send, status: int, text: str, headers: Iterable[Header] = ()) -> None:
    body = text.encode()
    own = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        # Whatever body the request has is not read.
        (b"connection", b"close"),
    ]
    await send(
        {"type": "http.response.start", "status": status, "headers": [*own, *headers, *HEADERS]}
    )
    await send({"type": "http.response.body", "body": body})
