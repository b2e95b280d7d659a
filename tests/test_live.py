"""The live page: its process, its routes and limits, and what a browser makes of it."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.bundle import read_bundle
from edge.errors import EnvironmentFault, UsageError
from edge.handoff import MAX_MESSAGE_BYTES
from edge.live import web
from edge.live.address import parse_live
from edge.live.describe import describe_model
from edge.live.history import MAX_MARKS, WINDOW_S, History
from edge.live.message import MAX_THINGS, pack, unpack
from edge.live.page import MAX_WIDTH, LivePage
from edge.live.snapshot import Snapshot, Thing
from edge.tally import Tally
from edge.zoo import find_model
from tests.chromium import browser, look, require_chromium
from tests.conftest import ROOT
from tests.drawing import on_paper

TOKEN = "a-token-of-24-characters"
MODEL = describe_model(read_bundle(find_model("digits")), "tflite-runtime 2.14.0")
SEVEN = Thing("7", 0.75, "7", 0.75, (("7", 0.75), ("1", 0.2), ("4", 0.05)), (150, 90, 200, 200), 3)
NO_ANSWER = "\u2013"
UNSURE = Thing("unknown", 0.4, "unknown", 0.4, (("4", 0.4), ("9", 0.3)), (20, 40, 60, 80), 4)
RUNNING = Snapshot(
    source="film.mp4",
    camera="running",
    message="",
    timestamp_s=1_790_000_000.0,
    tally=Tally(frames=12, results=9, errors=1, drops=2, restarts=1),
    index=11,
    age_ms=20.0,
    latency_ms=3.5,
    answers_per_s=29.5,
    frames_per_s=30.0,
    reading="7",
    reading_score=0.75,
    things=(SEVEN,),
    sinks={"mqtt": (5, 2, True)},
)


def frame_of(digit: str = "7") -> NDArray[np.uint8]:
    return np.stack([on_paper(digit)] * 3, axis=2)


class Loop:
    """A camera's loop: publishes a snapshot 30 times a second, and times how long that takes."""

    def __init__(self, page: LivePage, lines: list[str]) -> None:
        """lines: what the page tells on stderr."""
        self.page, self.lines, self.snapshot = page, lines, RUNNING
        self.frame: NDArray[np.uint8] | None = frame_of()
        self.costs_s: list[float] = []
        self._goes_on = True
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        number = 0
        while self._goes_on:
            number += 1
            shown, tally = self.snapshot, self.snapshot.tally
            if shown.index is not None:
                tally = replace(tally, frames=tally.frames + number, results=tally.results + number)
                shown = replace(shown, index=number, tally=tally)
            began_s = time.perf_counter()
            self.page.publish(shown, self.frame if shown.index is not None else None)
            self.costs_s.append(time.perf_counter() - began_s)
            time.sleep(1 / 30)

    def stop(self) -> None:
        self._goes_on = False
        self._thread.join()


@contextlib.contextmanager
def served(
    address: tuple[str, int] = ("127.0.0.1", 0), model: Any = None, healthy_s: float = 5.0
) -> Iterator[Loop]:
    lines: list[str] = []
    with LivePage(address, model or MODEL, lines.append, healthy_s=healthy_s) as page:
        loop = Loop(page, lines)
        try:
            yield loop
        finally:
            loop.stop()


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    with served() as loop:
        wait_for(lambda: get(loop, "/healthz")[0] == 200)
        yield loop


def get(
    loop: Loop, path: str, headers: dict[str, str] | None = None, method: str = "GET"
) -> tuple[int, dict[str, str], bytes]:
    host, port = loop.page.address
    connection = http.client.HTTPConnection(host, port, timeout=10)
    try:
        connection.request(method, path, headers=headers or {})
        answer = connection.getresponse()
        told = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, told, answer.read()
    finally:
        connection.close()


def get_json(loop: Loop, path: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(get(loop, path)[2])
    return found


def wait_for(is_so: Callable[[], object], timeout_s: float = 15.0) -> None:
    ends_s = time.monotonic() + timeout_s
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if is_so():
                return
        assert time.monotonic() < ends_s, "it did not come to be"
        time.sleep(0.05)


def open_stream(loop: Loop, path: str = "/stream.mjpg") -> socket.socket:
    """A connection that has asked for a stream, and has read nothing of the answer."""
    connection = socket.create_connection(loop.page.address, timeout=10)
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return connection


def status_of(loop: Loop, path: str) -> int:
    """Of an answer that may never end."""
    with open_stream(loop, path) as connection:
        return int(read_until(connection, b"\r\n").split()[1])


def read_until(connection: socket.socket, word: bytes, count: int = 1) -> bytes:
    data, ends_s = b"", time.monotonic() + 20
    while data.count(word) < count:
        assert time.monotonic() < ends_s, data[-500:]
        part = connection.recv(65536)
        assert part, data[-500:]
        data += part
    return data


def server_pid(loop: Loop) -> int:
    process = loop.page._process
    assert process is not None
    return process.pid


# --- the words of --live ---


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ("127.0.0.1", 8080)),
        ("9000", ("127.0.0.1", 9000)),
        (":9000", ("127.0.0.1", 9000)),
        ("0.0.0.0:80", ("0.0.0.0", 80)),
        ("[::1]:8081", ("::1", 8081)),
        ("pi.local:8080", ("pi.local", 8080)),
    ],
)
def test_address_is_read(text: str, expected: tuple[str, int]) -> None:
    assert parse_live(text) == expected


@pytest.mark.parametrize(
    "text",
    ["film.mp4", "/dev/video0", "rtsp://camera:554/x", "::1:80", "host", "1:70000", "a b:80"],
)
def test_address_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected HOST:PORT, :PORT or PORT") as error:
        parse_live(text)
    assert repr(text) in str(error.value)


def test_port_that_is_taken_is_a_fault_of_the_environment() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = taken.getsockname()[:2]
        with pytest.raises(EnvironmentFault, match=f"{address[1]}.*in use") as error:
            LivePage(address, MODEL, pytest.fail)
    assert "\n" not in str(error.value)


def test_address_of_another_machine_is_a_fault_of_the_environment() -> None:
    with pytest.raises(EnvironmentFault, match=r"192\.0\.2\.7:8080: "):
        LivePage(("192.0.2.7", 8080), MODEL, pytest.fail)


def test_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.live.page.LIBRARIES", ("uvicorn", "no_such_library"))
    with pytest.raises(EnvironmentFault, match=r"needs no_such_library: pip install .*\[live\]"):
        LivePage(("127.0.0.1", 0), MODEL, pytest.fail)


# --- routes ---


@pytest.mark.parametrize(
    ("path", "kind", "content"),
    [
        ("/", "text/html; charset=utf-8", b"<!doctype html>"),
        ("/app.js", "text/javascript; charset=utf-8", b"EventSource"),
        ("/style.css", "text/css; charset=utf-8", b"prefers-color-scheme"),
        ("/icon.svg", "image/svg+xml", b"<svg"),
        ("/state.json", "application/json", b'"film.mp4"'),
        ("/healthz", "application/json", b'"healthy":true'),
        ("/metrics", "text/plain; version=0.0.4; charset=utf-8", b"edgeproof_frames_total"),
        ("/frame.jpg", "image/jpeg", b"\xff\xd8"),
    ],
)
def test_route_answers_with_safe_headers(loop: Loop, path: str, kind: str, content: bytes) -> None:
    status, headers, body = get(loop, path)
    assert (status, headers["content-type"]) == (200, kind)
    assert content in body
    assert headers["content-security-policy"].startswith("default-src 'self'; ")
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers
    assert get(loop, path, method="HEAD")[::2] == (200, b"")


@pytest.mark.parametrize("path", ["/stream.mjpg", "/events"])
def test_head_of_a_stream_ends(loop: Loop, path: str) -> None:
    assert get(loop, path, method="HEAD")[::2] == (200, b"")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "X"])
def test_other_methods_are_refused(loop: Loop, method: str) -> None:
    status, headers, _ = get(loop, "/", method=method)
    assert (status, headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", ["/app.js/", "/assets/app.js", "/index.html", "/server.py", "//"])
def test_other_paths_are_not_there(loop: Loop, path: str) -> None:
    assert get(loop, path)[0] == 404


def test_state_says_what_was_published(loop: Loop) -> None:
    state = get_json(loop, "/state.json")
    shown, tally = state["snapshot"], state["snapshot"]["tally"]
    assert state["model"]["labels"] == [str(digit) for digit in range(10)]
    assert state["model"]["proven"]
    assert shown["things"][0]["top"][0] == ["7", 0.75]
    assert shown["things"][0]["box"] == [150, 90, 200, 200]
    assert tally["frames"] == tally["results"] + tally["errors"] + tally["drops"]
    wait_for(lambda: get_json(loop, "/state.json")["snapshot"]["index"] > shown["index"])


def test_events_begin_with_the_model_and_the_past(loop: Loop) -> None:
    with open_stream(loop, "/events") as connection:
        data = read_until(connection, b"event: state", 3)
    parts = [part.split("\n") for part in data.decode().partition("retry: ")[2].split("\n\n")]
    names = [next((line[7:] for line in part if line.startswith("event: ")), "") for part in parts]
    assert names[:3] == ["model", "past", "state"]
    past = json.loads(next(line for line in parts[1] if line.startswith("data: "))[6:])
    assert past["is_all"]
    assert past["points"][0][1:3] == ["7", 0.75]
    assert ["label", "7"] in [mark[1:] for mark in past["marks"]]


def test_stream_brings_pictures_with_boxes(loop: Loop) -> None:
    with open_stream(loop) as connection:
        data = read_until(connection, b"--edgeproof-frame", 4)
    head, jpeg = data.split(b"--edgeproof-frame\r\n")[2].split(b"\r\n\r\n", 1)
    assert f"Content-Length: {len(jpeg) - 2}".encode() in head
    picture = decoded(jpeg)
    assert picture.shape == (480, 640, 3)
    red, green, blue = picture[190, 148].astype(int)  # the box's left edge, outside of the thing
    assert blue > red + 80, (red, green, blue)


def test_picture_belongs_to_its_snapshot_when_the_frame_is_wide() -> None:
    """Thinned by a whole step, and the box with it."""
    with served() as loop:
        wide = np.full((1200, 2 * MAX_WIDTH, 3), 230, np.uint8)
        thing = replace(SEVEN, box=(1000, 400, 400, 400))
        loop.frame, loop.snapshot = wide, replace(RUNNING, things=(thing,))
        time.sleep(0.2)
        picture = decoded(get(loop, "/frame.jpg")[2])
    assert picture.shape == (600, MAX_WIDTH, 3)
    rows, columns = np.nonzero(picture[..., 2].astype(int) > picture[..., 0].astype(int) + 80)
    is_low = rows > 260  # below the plate with the label
    assert abs(int(columns[is_low].min()) - 500) < 8
    assert abs(int(columns[is_low].max()) - 700) < 8


def test_nothing_is_encoded_while_nobody_watches(loop: Loop) -> None:
    def page() -> dict[str, Any]:
        found: dict[str, Any] = get_json(loop, "/state.json")["page"]
        return found

    wait_for(lambda: page()["streams"] == 0 and page()["uptime_s"] > 1.5)
    time.sleep(0.2)
    before = page()["picture"]
    time.sleep(0.5)
    assert page()["picture"] == before


def decoded(jpeg: bytes) -> NDArray[np.uint8]:
    import io

    from PIL import Image

    with Image.open(io.BytesIO(jpeg)) as picture:
        return np.asarray(picture.convert("RGB"))


# --- health and metrics ---


def test_health_says_why_it_is_not_well() -> None:
    with served(healthy_s=0.4) as loop:
        wait_for(lambda: get(loop, "/healthz")[0] == 200)
        loop.snapshot = replace(RUNNING, camera="stalled", message="no frame for 2 s", index=None)
        wait_for(lambda: get(loop, "/healthz")[0] == 503)
        assert "the camera is stalled: no frame for 2 s" in get_json(loop, "/healthz")["ailment"]
        loop.snapshot = RUNNING
        wait_for(lambda: get(loop, "/healthz")[0] == 200)
        loop.stop()
        wait_for(lambda: "newest answered frame is" in str(get_json(loop, "/healthz")))


def test_metrics_are_what_prometheus_reads(loop: Loop) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    wait_for(lambda: b'edgeproof_answers_total{label="7"}' in get(loop, "/metrics")[2])
    text = get(loop, "/metrics")[2].decode()
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    counted = {name: samples[f"edgeproof_{name}_total",] for name in ("frames", "results")}
    assert counted["frames"] == counted["results"] + 3
    assert samples["edgeproof_errors_total",] == 1
    assert samples["edgeproof_drops_total",] == 2
    assert samples["edgeproof_restarts_total",] == 1
    assert samples["edgeproof_frame_age_seconds",] == pytest.approx(0.02)
    assert samples["edgeproof_latency_seconds",] == pytest.approx(0.0035)
    assert samples["edgeproof_camera_state", "running"] == 1
    assert samples["edgeproof_camera_state", "stalled"] == 0
    assert samples["edgeproof_sink_sent_total", "mqtt"] == 5
    assert samples["edgeproof_sink_lost_total", "mqtt"] == 2
    assert samples["edgeproof_model_accuracy",] == MODEL["accuracy"]
    assert samples["edgeproof_answers_total", "7"] > 0
    assert ("edgeproof_throttled", "under-voltage", "false") in samples
    assert any(name[0] == "edgeproof_model_info" for name in samples)


def test_unproven_model_is_said_to_be_so() -> None:
    bundle = replace(read_bundle(find_model("digits")), proof_json=None)
    with served(model=describe_model(bundle, "tflite-runtime")) as loop:
        wait_for(lambda: get(loop, "/healthz")[0] == 200)
        loop.page.set_model({**MODEL, "name": "newer"})
        wait_for(lambda: get_json(loop, "/state.json")["model"]["name"] == "newer")
    assert not describe_model(bundle, "x")["proven"]


# --- who may see it ---


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", 200),
        ("LOCALHOST:8080", 200),
        ("127.0.0.1:1", 200),
        ("[::1]:99", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost.evil.example:8080", 421),
        ("192.168.1.4", 421),
        ("localhost:80@evil.example", 421),
        ("", 421),
    ],
)
def test_host_of_another_site_is_refused(loop: Loop, host: str, expected: int) -> None:
    assert get(loop, "/state.json", {"Host": host})[0] == expected


@pytest.fixture(scope="module")
def guarded() -> Iterator[Loop]:
    """At an address that other machines reach, with a token of the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGEPROOF_TOKEN", TOKEN)
        with served(("0.0.0.0", 0)) as loop:
            yield loop


@pytest.mark.parametrize(
    ("path", "headers", "expected"),
    [
        ("/", {}, 401),
        ("/healthz", {}, 401),
        ("/no-such-path", {}, 401),
        ("/?token=wrong", {}, 401),
        ("/?token=", {}, 401),
        (f"/?token={TOKEN[:-1]}", {}, 401),
        (f"/?token={TOKEN}", {}, 303),
        ("/metrics", {"Authorization": f"Bearer {TOKEN}"}, 200),
        ("/metrics", {"Authorization": f"bearer  {TOKEN}"}, 200),
        ("/metrics", {"Authorization": f"Basic {TOKEN}"}, 401),
        ("/metrics", {"Authorization": "Bearer \xe9\xe9\xe9"}, 401),
        ("/state.json", {"Cookie": f"other=1; edgeproof_token={TOKEN}"}, 200),
        ("/state.json", {"Cookie": "edgeproof_token=wrong"}, 401),
        ("/state.json", {"Cookie": "edgeproof_token"}, 401),
        ("/state.json", {"Host": "pi.local", "Authorization": f"Bearer {TOKEN}"}, 200),
    ],
)
def test_token_is_asked_for(
    guarded: Loop, path: str, headers: dict[str, str], expected: int
) -> None:
    assert get(guarded, path, headers)[0] == expected


def test_token_becomes_a_cookie_and_leaves_the_address(guarded: Loop) -> None:
    _, headers, _ = get(guarded, f"/?token={TOKEN}")
    cookie = headers["set-cookie"]
    assert headers["location"] == "/"
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert get(guarded, "/", {"Cookie": cookie.partition(";")[0]})[0] == 200
    location = get(guarded, f"//evil.example/?token={TOKEN}")[1]["location"]
    assert not location.startswith("//")


def test_401_says_what_to_do(guarded: Loop) -> None:
    _, headers, body = get(guarded, "/")
    assert b"Open the link" in body
    assert b"EDGEPROOF_TOKEN" in body
    assert headers["www-authenticate"] == "Bearer"
    assert headers["content-security-policy"]


def test_token_is_in_no_ones_arguments(guarded: Loop) -> None:
    pid = server_pid(guarded)
    assert b"edge.live.server" in Path(f"/proc/{pid}/cmdline").read_bytes()
    assert TOKEN.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
    assert TOKEN.encode() not in Path(f"/proc/{pid}/environ").read_bytes()
    assert TOKEN not in guarded.page.url


def test_token_is_made_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGEPROOF_TOKEN", raising=False)
    with LivePage(("0.0.0.0", 0), MODEL, pytest.fail) as page:
        assert page.token is not None
        assert len(page.token) >= 24
        assert page.url.endswith(f"/?token={page.token}")
        assert "0.0.0.0" not in page.url
    monkeypatch.setenv("EDGEPROOF_TOKEN", "short")
    with pytest.raises(UsageError, match="at least 16 letters"):
        LivePage(("0.0.0.0", 0), MODEL, pytest.fail)
    with LivePage(("127.0.0.1", 0), MODEL, pytest.fail) as page:
        assert page.token is None


# --- limits ---


def test_ninth_stream_is_refused_at_once(loop: Loop) -> None:
    with contextlib.ExitStack() as opened:
        for _ in range(8):
            connection = opened.enter_context(open_stream(loop))
            assert b"200 OK" in read_until(connection, b"\r\n\r\n")
        began_s = time.monotonic()
        with open_stream(loop) as connection:
            head = read_until(connection, b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nretry-after: " in head
        assert time.monotonic() - began_s < 2
        assert get(loop, "/healthz")[0] == 200
    wait_for(lambda: get_json(loop, "/state.json")["page"]["streams"] == 0)
    with open_stream(loop) as connection:
        assert b"200 OK" in read_until(connection, b"\r\n\r\n")


def test_slow_readers_slow_neither_the_loop_nor_others(loop: Loop) -> None:
    """200 connections: readers that never read, pages, and those that say nothing."""
    loop.costs_s.clear()
    with contextlib.ExitStack() as opened:
        for number in range(200):
            path = "/stream.mjpg" if number % 10 == 0 else "/events"
            if number % 3 == 2:
                opened.enter_context(socket.create_connection(loop.page.address, timeout=10))
            else:
                opened.enter_context(open_stream(loop, path))
        for path in ("/stream.mjpg", "/events"):
            wait_for(lambda path=path: status_of(loop, path) == 503)  # type: ignore[misc]
        began_s = time.monotonic()
        assert status_of(loop, "/events") == 503
        assert time.monotonic() - began_s < 3
        time.sleep(1)
    wait_for(lambda: get_json(loop, "/state.json")["page"]["events"] == 0)
    assert len(loop.costs_s) > 20
    assert float(np.median(loop.costs_s)) < 0.005
    assert not loop.lines


def test_reader_gets_frames_beside_one_that_does_not_read(loop: Loop) -> None:
    with open_stream(loop), open_stream(loop) as reader:
        read_until(reader, b"Content-Type: image/jpeg", 12)


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    """The server with an endless answer behind it, in this process, with little patience."""
    monkeypatch.setattr(web, "REQUEST_S", 0.5)
    listener = socket.create_server(("127.0.0.1", 0))
    address = listener.getsockname()
    ready = threading.Event()

    async def endless(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(100_000):
            await send({"type": "http.response.body", "body": bytes(65536), "more_body": True})
            await asyncio.sleep(0)
            if scope["server"] is None:
                return

    loop = asyncio.new_event_loop()
    task = loop.create_task(web.serve(endless, listener, ready.set))

    def run() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(task)
        for left in asyncio.all_tasks(loop):
            left.cancel()
        loop.run_until_complete(asyncio.sleep(0.05))
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(10)
    yield address
    loop.call_soon_threadsafe(task.cancel)
    thread.join()
    listener.close()


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: "])
def test_request_that_does_not_come_is_given_up(limited: tuple[str, int], sent: bytes) -> None:
    """Also when a byte comes now and then."""
    with socket.create_connection(limited, timeout=10) as connection:
        connection.sendall(sent)
        with contextlib.suppress(ConnectionError):
            for _ in range(200):
                if sent:
                    connection.sendall(b"a")
                connection.settimeout(0.05)
                with contextlib.suppress(TimeoutError):
                    assert connection.recv(1) == b""
                    return
            pytest.fail("it is still open")


def test_reader_that_does_not_read_is_given_up(limited: tuple[str, int]) -> None:
    with socket.create_connection(limited, timeout=10) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        time.sleep(1.5)
        taken = 0
        with contextlib.suppress(ConnectionError):
            while part := connection.recv(1 << 20):
                taken += len(part)
                assert taken < 1 << 26, "it goes on"


def test_publishing_costs_little_when_nobody_takes_it() -> None:
    """The server stands still, as on a machine that has too much to do."""
    lines: list[str] = []
    with LivePage(("127.0.0.1", 0), MODEL, lines.append) as page:
        assert page._process is not None
        pid = page._process.pid
        os.kill(pid, signal.SIGSTOP)
        many, frame = replace(RUNNING, things=(SEVEN,) * 100), frame_of()
        costs_s = []
        for _ in range(500):
            began_s = time.perf_counter()
            page.publish(many, frame)
            costs_s.append(time.perf_counter() - began_s)
        began_s = time.perf_counter()
        page.close()
        assert time.perf_counter() - began_s < 0.5
        wait_for(lambda: not Path(f"/proc/{pid}/exe").exists(), 2)
    assert float(np.median(costs_s)) < 0.01
    assert not lines


# --- its process ---


def test_server_that_is_killed_comes_back_at_the_same_address() -> None:
    with served() as loop:
        wait_for(lambda: get(loop, "/healthz")[0] == 200)
        first = server_pid(loop)
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: get(loop, "/healthz")[0] == 200)
        assert server_pid(loop) != first
        assert len(loop.lines) == 1
        assert "the page's process ended" in loop.lines[0]
        assert max(loop.costs_s) < 0.5


def test_server_ignores_what_is_meant_for_its_parent(loop: Loop) -> None:
    pid = server_pid(loop)
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(pid, number)
    time.sleep(0.2)
    assert get(loop, "/healthz")[0] == 200
    assert server_pid(loop) == pid
    assert os.getpriority(os.PRIO_PROCESS, pid) >= 10


def test_server_ends_with_its_parent() -> None:
    code = (
        "import time; from edge.live.page import LivePage\n"
        "page = LivePage(('127.0.0.1', 0), {}, print)\n"
        "print(page._process.pid, page.address[1], flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as parent:
        assert parent.stdout is not None
        pid, port = map(int, parent.stdout.readline().split())
        socket.create_connection(("127.0.0.1", port)).close()
        parent.kill()
    wait_for(lambda: is_refused(port), 3)
    assert not Path(f"/proc/{pid}/exe").exists()  # a zombie has none either


def is_refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return True
    return False


def test_closing_ends_it_within_a_moment() -> None:
    page = LivePage(("127.0.0.1", 0), MODEL, pytest.fail)
    assert page._process is not None
    pid = page._process.pid
    began_s = time.monotonic()
    page.close()
    assert time.monotonic() - began_s < 0.3
    assert not Path(f"/proc/{pid}").exists()


# --- requests that nobody should send ---

WRONG = [
    b"GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /..%2f..%2f..%2fetc%2fpasswd HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET //etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /assets/..%5c..%5cserver.py HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /app.js%00.html HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET file:///etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /%ff%fe%zz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /?token=%ff&token=x&" + b"a=1&" * 50 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: \xe9vil\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.0\r\n\r\n",
    b"GET\r\n\r\n",
    b"\r\n\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 40_000 + b"\r\n\r\n",
    b"GET /" + b"a" * 60_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nGET /x",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\n"
    b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
    b"CONNECT evil.example:443 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n\x00\xff garbage behind it \r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20,
    b"GET /frame.jpg HTTP/1.1\r\nHost: localhost\r\nRange: bytes=0-,0-,0-\r\n\r\n",
    b"GET / HTTP/1.1\nHost: localhost\n\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nCookie: edgeproof_token=\"\\x00;;=;\r\n\r\n",
]  # fmt: skip


def mutated(request: bytes, chance: random.Random) -> bytes:
    data = bytearray(request[:3000])
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(data))
        data[at : at + chance.randint(0, 3)] = chance.randbytes(chance.randint(0, 3))
        if not data:
            data = bytearray(b"\0")
    return bytes(data)


def ask_all(loop: Loop, requests: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Each request at a connection of its own, and the answer's beginning; nothing in half a
    second is one too."""
    with contextlib.ExitStack() as opened:
        asked = []
        for request in requests:
            connection = socket.create_connection(loop.page.address, timeout=10)
            asked.append((request, opened.enter_context(connection)))
            with contextlib.suppress(ConnectionError):
                connection.sendall(request)
        ends_s = time.monotonic() + 0.5
        for request, connection in asked:
            connection.settimeout(max(0.001, ends_s - time.monotonic()))
            answer = b""
            with contextlib.suppress(ConnectionError, TimeoutError):
                answer = connection.recv(65536)
            yield request, answer


def test_500_wrong_requests_read_no_file_and_leave_no_trace(
    loop: Loop, capfd: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(6)
    requests = [*WRONG, *(mutated(chance.choice(WRONG), chance) for _ in range(500 - len(WRONG)))]
    pid = server_pid(loop)
    private = (b"root:x:0", b"def main", b"import ")
    answers: list[tuple[bytes, bytes]] = []
    for start in range(0, len(requests), 100):
        answers += ask_all(loop, requests[start : start + 100])
    for request, answer in answers:
        assert not any(word in answer for word in private), request
        if answer.startswith(b"HTTP/1.1 200"):
            path = request.split()[1].partition(b"?")[0]
            assert path in (b"/", b"/events", b"/frame.jpg"), (request, answer[:100])
    assert sum(answer.startswith(b"HTTP/1.1 ") for _, answer in answers) > 300
    assert get(loop, "/healthz")[0] == 200
    assert server_pid(loop) == pid
    assert not loop.lines
    assert capfd.readouterr().err == ""


# --- memory ---


def test_history_keeps_the_last_minutes_and_no_more() -> None:
    history, states = History(), ("running", "stalled")
    for second in range(5000):
        snapshot = replace(RUNNING, reading=str(second // 7), camera=states[second // 11 % 2])
        for part in range(4):
            history.add(snapshot, second + part / 4)
    assert len(history._points) <= 600
    assert len(history._marks) <= MAX_MARKS
    points, marks = history.since(0, 5000.0)
    assert 590 <= len(points) <= 600
    assert marks
    assert min(points[0].at_s, marks[0].at_s) >= 5000 - WINDOW_S
    assert {one.camera for one in points} == set(states)
    assert history.since(points[-1].serial, 5000.0)[0] == []


def test_snapshot_survives_the_way_and_stays_small() -> None:
    snapshot = replace(RUNNING, things=(SEVEN, UNSURE))
    assert unpack(json.loads(json.dumps(pack(snapshot)))) == snapshot
    huge = replace(
        RUNNING,
        things=(replace(UNSURE, label="\u4e03" * 99, top=(("\u4e03" * 5000, 0.1),) * 99),) * 999,
    )
    assert len(unpack(pack(huge)).things) == MAX_THINGS
    assert len(json.dumps({"kind": "frame", "snapshot": pack(huge)})) < MAX_MESSAGE_BYTES - 1000


# --- in a browser ---


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    require_chromium()
    with browser(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


def text_of(driver: Any, selector: str) -> str:
    found: str = driver.execute_script(
        "return document.querySelector(arguments[0]).textContent", selector
    )
    return found.replace("\N{NO-BREAK SPACE}", " ")


def complaints(driver: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = driver.get_log("browser")
    return found


def test_page_shows_what_the_loop_says(chromium: Any) -> None:
    with served() as loop:
        look(chromium, 1280, 900)
        chromium.get(loop.page.url)
        wait_for(lambda: text_of(chromium, "#reading") == "7")
        assert text_of(chromium, "#camera") == "running"
        assert text_of(chromium, "#source") == "film.mp4"
        proof = read_bundle(find_model("digits")).proof
        assert proof is not None
        accuracy = min(found.score.accuracy for found in proof.measurements)
        assert f"{100 * accuracy:.2f} %" in text_of(chromium, "#model")
        before = text_of(chromium, "#figures")
        wait_for(lambda: text_of(chromium, "#figures") != before)
        widths = (
            "return [...document.querySelectorAll('#bars li')].map(row => [row.children[0]"
            ".textContent, row.querySelector('.fill').getBoundingClientRect().width /"
            "row.querySelector('.track').getBoundingClientRect().width])"
        )
        wait_for(lambda: abs(dict(chromium.execute_script(widths))["7"] - 0.75) < 0.01)
        shown = dict(chromium.execute_script(widths))
        assert list(shown) == [str(digit) for digit in range(10)]
        assert shown["1"] == pytest.approx(0.2, abs=0.01)
        assert shown["0"] == 0
        wait_for(lambda: chromium.execute_script("return picture.naturalWidth") == 640)
        wait_for(lambda: len(chromium.find_elements("css selector", "#timeline .lane")) == 1)
        loop.snapshot = replace(RUNNING, reading="7?", things=(SEVEN, UNSURE))
        wait_for(lambda: text_of(chromium, "#reading") == "7?")
        chromium.find_elements("css selector", "#things button")[1].click()
        wait_for(lambda: dict(chromium.execute_script(widths))["4"] == pytest.approx(0.4, abs=0.01))
        loop.snapshot = replace(RUNNING, camera="stalled", index=None, message="no frame for 2 s")
        wait_for(lambda: "no frame for 2 s" in text_of(chromium, "#banner"))
        assert text_of(chromium, "#reading") == NO_ANSWER
        assert not complaints(chromium)
        asked = [
            json.loads(entry["message"])["message"]["params"]["request"]["url"]
            for entry in chromium.get_log("performance")
            if '"Network.requestWillBeSent"' in entry["message"]
        ]
        ours = f"http://127.0.0.1:{loop.page.address[1]}/"
        assert [url for url in asked if url.startswith(ours)]
        # chrome: is the empty page that the browser starts with
        assert not [url for url in asked if not url.startswith((ours, "data:", "chrome:"))]


def test_page_comes_back_after_its_server_was_killed(chromium: Any) -> None:
    with served() as loop:
        look(chromium, 1280, 900)
        chromium.get(loop.page.url)
        wait_for(lambda: text_of(chromium, "#reading") == "7")
        loop.snapshot = replace(RUNNING, reading="8")
        os.kill(server_pid(loop), signal.SIGKILL)
        wait_for(lambda: "Connection lost" in text_of(chromium, "#banner"))
        wait_for(lambda: text_of(chromium, "#reading") == "8")
        assert text_of(chromium, "#banner") == ""
        wait_for(lambda: get_json(loop, "/state.json")["page"]["streams"] == 1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_page_fits_the_screen(chromium: Any, loop: Loop, width: int, scheme: str) -> None:
    look(chromium, width, 800, scheme)
    chromium.get(loop.page.url)
    wait_for(lambda: text_of(chromium, "#reading") == "7")
    scroll = "return document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    assert chromium.execute_script(scroll)
    ground = chromium.execute_script("return getComputedStyle(document.body).backgroundColor")
    light = sum(map(int, ground[4:-1].split(","))) / 3
    assert (light > 200) == (scheme == "light")
    columns = chromium.execute_script(
        "return getComputedStyle(document.querySelector('main')).gridTemplateColumns.split(' ')"
    )
    assert len(columns) == (1 if width == 360 else 2)
