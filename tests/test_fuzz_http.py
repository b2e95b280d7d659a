"""Strange requests to the page's server: never a fault of its own, nothing without the token."""

from __future__ import annotations

import re
import selectors
import socket
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.amount import FEW
from tests.test_live import TOKEN, Loop, get, served, server_pid, wait_for

BATCH = 16
"""Requests side by side, each on a connection of its own."""
QUIET_S = 0.15
"""Without a byte for so long, that was all; a request that is not whole gets none."""
EXPECTED = {200, 303, 400, 401, 404, 405, 421, 431, 503}
"""303 is the way in, with a token; 503 is said where too many wait."""
ENDLESS = (b"content-type: text/event-stream", b"content-type: multipart/x-mixed-replace")
"""Answers that go on for ever; nobody waits for their end."""
PATHS = (
    *("/", "/app.js", "/style.css", "/state.json", "/healthz", "/metrics", "/frame.jpg", "/events"),
    *("/stream.mjpg", "//", "//evil.example/", "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd"),
    *(
        "/app.js/..",
        "/./app.js",
        "/app.js%00.html",
        "/APP.JS",
        "/assets/",
        "*",
        "",
        "/?",
        "/%",
        "/%ff",
    ),
    *("http://evil.example/", "http://localhost/state.json", "/state.json;x", "/state.json?token="),
    *("/?token=" + "x" * 5000, "/?" + "&" * 5000, "/?token=%ff%00", f"/?token={TOKEN}x", "\\..\\"),
)
NAMES = (
    *("Host", "Origin", "Cookie", "Authorization", "Content-Length", "Transfer-Encoding"),
    *("Connection", "Upgrade", "Expect", "Range", "X-Forwarded-For", "Sec-WebSocket-Key", "Accept"),
)
VALUES = (
    *(
        "localhost",
        "127.0.0.1",
        "[::1]",
        "evil.example",
        "localhost:99999",
        "[::1",
        "a, b",
        "",
        " ",
    ),
    *(
        "chunked",
        "websocket",
        "Upgrade",
        "100-continue",
        "keep-alive",
        "0",
        "-1",
        "9" * 40,
        "bytes=0-",
    ),
    *(
        "Bearer",
        f"Bearer {TOKEN}x",
        f"bearer {TOKEN[:-1]}",
        "Basic eDp5",
        f"edgeproof_token={TOKEN}x",
    ),
    *("edgeproof_token=", 'edgeproof_token="\\303', "x=1; " * 900, "\xff\xfe", "null", "\u0663"),
)
TEXT = st.text(st.characters(max_codepoint=255), max_size=30)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """One or several requests in a row, whole or nearly so, or bytes that are none."""
    fate = draw(st.integers(0, 9))
    if fate == 0:
        return draw(st.binary(max_size=300))
    whole = b""
    for _ in range(draw(st.sampled_from([1, 1, 1, 1, 3]))):
        method = draw(
            st.sampled_from(["GET", "GET", "GET", "HEAD", "POST", "PUT", "get", "G\0T", ""])
        )
        path = draw(st.sampled_from(PATHS) | TEXT)
        version = draw(
            st.sampled_from(["HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/9", ""])
        )
        pairs = draw(
            st.lists(
                st.tuples(st.sampled_from(NAMES) | TEXT, st.sampled_from(VALUES) | TEXT), max_size=5
            )
        )
        if draw(st.booleans()):
            pairs = [("Host", "localhost"), *pairs]
        end = draw(st.sampled_from(["\r\n", "\r\n", "\r\n", "\n", "\r", "\r\n\t"]))
        lines = [f"{method} {path} {version}", *(f"{name}: {value}" for name, value in pairs)]
        text = end.join([*lines, draw(st.sampled_from(["", "", "", "junk"])), ""])
        whole += text.encode("latin-1", "replace") + draw(
            st.binary(max_size=20) if fate < 3 else st.just(b"")
        )
    if fate == 4:
        whole *= 40  # asked before anything is answered
    return whole[: draw(st.integers(1, len(whole)))] if fate == 1 and whole else whole


def ask(address: tuple[str, int], asked: list[bytes]) -> list[bytes]:
    """What comes back to each, within a short while; streams go on for ever."""
    waiting = selectors.DefaultSelector()
    answers = [bytearray() for _ in asked]
    connections = []
    for number, request in enumerate(asked):
        connection = socket.create_connection(address, timeout=5)
        connections.append(connection)
        connection.sendall(request)
        waiting.register(connection, selectors.EVENT_READ, number)
    ends_s = time.monotonic() + 2
    while waiting.get_map() and time.monotonic() < ends_s:
        ready = waiting.select(QUIET_S)
        if not ready:
            break
        for key, _ in ready:
            try:
                part = connections[key.data].recv(65536)
            except OSError:  # garbage behind what it answered: it lets go
                part = b""
            answers[key.data] += part
            if not part or any(kind in answers[key.data] for kind in ENDLESS):
                waiting.unregister(key.fileobj)
    for connection in connections:
        connection.close()
    return [bytes(answer) for answer in answers]


def statuses(answer: bytes) -> list[int]:
    """Of each answer on a connection. What is sent has no such line within."""
    return [int(code) for code in re.findall(rb"HTTP/1\.1 ([0-9]{3}) ", answer)]


@pytest.fixture(scope="module", params=["open", "guarded"])
def server(request: pytest.FixtureRequest) -> Iterator[tuple[Loop, str | None]]:
    """The page on loopback without a token, and on every address with one."""
    is_guarded = request.param == "guarded"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGEPROOF_TOKEN", TOKEN)
        with served(("0.0.0.0" if is_guarded else "127.0.0.1", 0)) as loop:
            process = loop.page._process
            yield loop, TOKEN if is_guarded else None
    if process is not None:
        process.wait(10)  # the page itself does not wait so long for what it has killed


def ask_well(server: tuple[Loop, str | None]) -> int:
    loop, token = server
    return get(loop, "/healthz", {"Authorization": f"Bearer {token}"} if token else None)[0]


def test_no_request_is_a_fault_and_none_gets_past_the_token(
    server: tuple[Loop, str | None],
) -> None:
    loop, token = server
    wait_for(lambda: ask_well(server) == 200)
    pid, address = server_pid(loop), ("127.0.0.1", loop.page.address[1])
    seen: set[int] = set()

    def check(asked: list[bytes]) -> None:
        for request, answer in zip(asked, ask(address, asked), strict=True):
            found = set(statuses(answer))
            assert found <= EXPECTED, (request, answer[:300])
            assert b"Traceback" not in answer
            if token is not None:
                assert not found & {200, 303}, (request, answer[:300])
                assert token.encode() not in answer
            seen.update(found)

    @FEW
    @given(st.lists(requests(), min_size=BATCH, max_size=BATCH))
    def try_all(asked: list[bytes]) -> None:
        check(asked)

    try_all()
    plain = [f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n" for path in PATHS]
    plain += [
        f"GET /{name} HTTP/1.1\r\nHost: localhost\r\n{name}: {value}\r\n\r\n"
        for name in NAMES
        for value in VALUES
    ]
    for at in range(0, len(plain), 2 * BATCH):  # each by itself, too
        check([one.encode("latin-1", "replace") for one in plain[at : at + 2 * BATCH]])
    wait_for(lambda: ask_well(server) == 200)
    assert (server_pid(loop), loop.lines) == (pid, [])
    assert {400, 401 if token else 200, 405} <= seen  # it was not refused at the first byte
