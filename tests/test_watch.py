"""The whole service: what systemd, a broker, a hook and the page are told, in one real run."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.cameras import listing, which
from edge.cameras.listing import Found, PiCamera
from edge.cameras.status import Item, Seen, State, Status
from edge.cameras.v4l2 import V4l2Node
from edge.classifier import Classifier
from edge.errors import EnvironmentFault
from edge.notify import Notifier
from edge.sources.frame import Frame
from edge.steady.smoothing import parse_smooth
from edge.watch.answers import Answer, Answerer
from edge.watch.loop import Watch
from edge.watch.news import News
from edge.watch.outlets import Outlets, cut_out
from edge.watch.rates import Rate
from edge.watch.records import Records
from edge.watch.signals import Requests
from edge.watch.stdout import Stdout
from tests.broker import Broker, Listener
from tests.drawing import on_paper
from tests.films import moving_digit, to_jpeg, write_film
from tests.mjpeg import MjpegServer, wait_until
from tests.running import Camera, read_tally


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(tmp_path_factory.mktemp("film") / "film.avi", moving_digit("7", 60))


def seen(pixels: NDArray[np.uint8], index: int = 0) -> Seen:
    return Seen(Frame(index, f"camera#{index}", time.time(), pixels), time.monotonic(), 0)


def answerer(is_auto: bool = False) -> Answerer:
    return Answerer(Classifier.load("digits"), is_auto=is_auto, smoother=parse_smooth("off"))


class Told:
    """A socket as systemd's, and what it was told."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        self._socket.settimeout(0.05)
        self.words: list[str] = []

    def hear(self) -> list[str]:
        try:
            while True:
                self.words.append(self._socket.recv(4096).decode())
        except TimeoutError:
            return self.words

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    ears = Told(tmp_path)
    yield ears
    ears.close()


def watch_of(items: list[Item | None], notifier: Notifier, lines: list[str]) -> Watch:
    watch = Watch(
        "camera",
        answerer(),
        Records("jsonl", "digits", 3, lines.append, lambda _: None),
        Outlets("camera", "digits", is_auto=False),
        Requests(),
        notifier=notifier,
        load=lambda: Classifier.load("digits"),
        err=lambda _: None,
    )
    watch.run(items, lambda: 0)
    return watch


def test_the_watchdog_is_fed_by_frames_and_not_while_wedged(told: Told) -> None:
    settings = {"NOTIFY_SOCKET": str(told.path), "WATCHDOG_USEC": "4"}  # due at any time
    frame = on_paper("7")
    with Notifier(settings) as notifier:
        watch_of([seen(frame, n) for n in range(3)], notifier, [])
        assert told.hear().count("WATCHDOG=1") == 3
        wedged = Status("wedged", "its process does not die")
        watch = watch_of([wedged, None, None, Status("wedged", "", dropped=2)], notifier, [])
        assert told.hear().count("WATCHDOG=1") == 3
    assert (watch.tally.frames, watch.tally.drops) == (2, 2)


def test_a_loop_that_turns_without_effect_does_not_feed_the_watchdog(told: Told) -> None:
    settings = {"NOTIFY_SOCKET": str(told.path), "WATCHDOG_USEC": "4"}
    with Notifier(settings) as notifier:
        watch_of([seen(on_paper("7")), None, None, None], notifier, [])
    assert told.hear().count("WATCHDOG=1") == 1


def test_systemd_hears_of_readiness_progress_reload_and_the_end(
    told: Told, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(told.path))
    monkeypatch.setenv("WATCHDOG_USEC", "200000")
    with Camera([str(film), "--loop"]) as camera:
        assert wait_until(lambda: camera.results > 0 and "READY=1" in told.hear(), 20)
        before = told.words.count("WATCHDOG=1")
        assert wait_until(lambda: told.hear().count("WATCHDOG=1") >= before + 4, 5)
        camera.process.send_signal(signal.SIGHUP)
        assert wait_until(lambda: told.hear().count("READY=1") == 2, 5)
        camera.end()
    words = told.hear()
    (reloading,) = (at for at, word in enumerate(words) if word.startswith("RELOADING=1"))
    assert words.index("READY=1") < reloading < words.index("STOPPING=1")
    assert any(word.startswith("STATUS=7 ") and "results" in word for word in words)


def test_ready_does_not_wait_for_a_camera_that_is_not_there(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(told.path))
    with Camera(["/dev/video99"]) as camera:
        assert wait_until(lambda: "READY=1" in told.hear(), 20)
        assert wait_until(lambda: bool(camera.lines), 10)
        assert camera.lines[0]["status"]["kind"] == "waiting"
        assert camera.end() < 1


def test_the_page_shows_what_the_lines_say(film: Path) -> None:
    with Camera([str(film), "--loop", "--live", "127.0.0.1:0"]) as camera:
        assert wait_until(lambda: camera.results > 5 and "live page: " in camera.told, 30)
        url = camera.told.split("live page: ")[1].split()[0]
        state = json.loads(_get(f"{url}state.json"))
        metrics = _get(f"{url}metrics").decode()
        assert b"\xff\xd8\xff" in _get(f"{url}frame.jpg")
        assert json.loads(_get(f"{url}healthz"))["healthy"] is True
        assert camera.end() < 1
    assert "edgeproof_frames_total" in metrics
    assert state["model"]["name"] == "digits"
    snapshot = state["snapshot"]
    assert (snapshot["reading"], snapshot["camera"]) == ("7", "running")
    tally = snapshot["tally"]
    assert tally["frames"] == tally["results"] + tally["errors"] + tally["drops"]


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as response:
        data: bytes = response.read()
        return data


def test_a_stalled_camera_is_not_healthy() -> None:
    frames = [to_jpeg(frame) for frame in moving_digit("7", 20)]
    with (
        MjpegServer(frames) as server,
        Camera([server.url, "--live", "127.0.0.1:0", "--stall-after", "0.5"]) as camera,
    ):
        assert wait_until(lambda: camera.results > 5 and "live page: " in camera.told, 30)
        url = camera.told.split("live page: ")[1].split()[0]
        assert json.loads(_get(f"{url}healthz"))["healthy"] is True
        server.mood = "stall"
        assert wait_until(lambda: _status_of(f"{url}healthz") == 503, 10)
        server.mood = "good"
        assert wait_until(lambda: _status_of(f"{url}healthz") == 200, 10)


def test_the_page_comes_back_also_while_the_camera_is_away() -> None:
    with Camera(["/dev/video99", "--live", "127.0.0.1:0"]) as camera:
        assert wait_until(lambda: "live page: " in camera.told, 30)
        url = camera.told.split("live page: ")[1].split()[0]
        assert json.loads(_get(f"{url}state.json"))["snapshot"]["camera"] == "waiting"
        pid = camera.process.pid
        (page,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        os.kill(int(page), signal.SIGKILL)
        assert wait_until(lambda: "started again" in camera.told, 10)
        assert json.loads(_get(f"{url}state.json"))["snapshot"]["camera"] == "waiting"


def _status_of(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_a_broker_and_a_hook_hear_of_answers_events_and_states(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = write_film(tmp_path / "film.avi", moving_digit("7", 45) + moving_digit("4", 45))
    posted: list[dict[str, object]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with (
        ThreadingHTTPServer(("127.0.0.1", 0), Hook) as hook,
        Broker(tmp_path) as broker,
        Listener(broker.port) as listener,
    ):
        threading.Thread(target=hook.serve_forever, daemon=True).start()
        options = ["--mqtt", f"mqtt://127.0.0.1:{broker.port}/door"]
        options += ["--webhook", f"http://127.0.0.1:{hook.server_address[1]}/"]
        with Camera([str(film), "--loop", *options]) as camera:
            assert wait_until(lambda: {"7", "4"} <= _labels(listener.payloads("door/event")), 30)
            assert wait_until(lambda: any("event" in one for one in posted), 10)
            camera.end()
        hook.shutdown()
        assert wait_until(lambda: listener.payloads("door/availability")[-1] == "offline", 10)
        states = [json.loads(message) for message in listener.payloads("door/state")]
        assert {state["label"] for state in states} <= {"7", "4"}
        assert states[0]["things"][0]["track"] == 1
        assert listener.payloads("door/availability")[0] == "online"
        kinds = [json.loads(m)["status"]["kind"] for m in listener.payloads("door/status")]
    assert "running" in kinds
    assert {one["status"]["kind"] for one in posted if "status" in one} >= {"running"}  # type: ignore[index]


def _labels(payloads: list[str]) -> set[str]:
    return {json.loads(payload)["event"]["label"] for payload in payloads}


def test_two_digits_keep_their_numbers_from_frame_to_frame(tmp_path: Path) -> None:
    frames = []
    for step in range(20):
        left = on_paper("7", at=(30 + 4 * step, 40 + 8 * (step % 2)))
        right = on_paper("4", at=(400 - 6 * step, 240))
        frames.append(np.repeat(np.minimum(left, right)[:, :, np.newaxis], 3, axis=2))
    film = write_film(tmp_path / "film.avi", frames)
    with Camera([str(film), "--regions", "auto", "--all-frames"]) as camera:
        camera.wait()
    results = [record for record in camera.lines if "label" in record]
    tracks = {(r["track"], r["stable"]["label"]) for r in results}
    assert tracks == {(1, "7"), (2, "4")}
    assert len(results) == 40
    assert read_tally(camera.words)["results"] == 20  # of frames, not of things


def test_a_thing_is_cut_out_with_its_paper() -> None:
    frame = np.minimum(on_paper("7", at=(30, 40)), on_paper("4", at=(400, 240)))
    several = answerer(is_auto=True).answer(seen(frame))
    assert len(several.things) == 2
    classifier = Classifier.load("digits")
    for thing in several.things:
        part = cut_out(several, thing)
        assert part.shape[0] < 480 > part.shape[1]
        assert classifier.classify(part).label == thing.result.label
    one = answerer(is_auto=True).answer(seen(on_paper("7")))
    assert cut_out(one, one.things[0]).shape == (480, 640)


def test_nothing_found_is_unknown_in_every_mode() -> None:
    paper = np.full((240, 320), 200, np.uint8)
    for is_auto in (False, True):
        answer: Answer = answerer(is_auto).answer(seen(paper))
        assert (answer.reading, answer.reading_score) == ("unknown", 0.0)


def test_a_line_that_nobody_takes_is_given_up_at_the_end_only() -> None:
    reading, writing = os.pipe()
    is_ending = False
    try:
        lines = Stdout(
            writing,
            lambda: is_ending,
            print,
            is_only=True,
            waits=True,
            waiting=lambda: None,
        )
        is_ending = True
        began_s = time.monotonic()
        for number in range(300):
            lines.write(f"{number} " + "x" * 1000)
        assert lines.lost > 200
        assert time.monotonic() - began_s < 1  # all of them together
        os.set_blocking(reading, False)
        taken = os.read(reading, 1 << 20).decode()
    finally:
        os.close(reading)
        os.close(writing)
    assert taken.endswith("x\n")
    assert [line.split()[0] for line in taken.splitlines()] == [
        str(number) for number in range(300 - lines.lost)
    ]


def test_a_camera_that_stays_away_is_told_of_once_a_minute() -> None:
    news, told = News(), []
    states: list[State] = ["starting", "running", "ended"]
    states += ["starting", "failed"] * 100  # every two seconds
    states += ["starting", "running", "stalled", "starting", "stalled"]
    for number, state in enumerate(states):
        if news.is_news(Status(state, ""), float(number)):
            told.append(state)
    middle = ["failed"] * 4  # at 4 s, and at 64, 124 and 184 s
    assert told == ["starting", "running", "ended", *middle, "running", "stalled"]


def test_people_hear_once_of_a_camera_that_refuses_and_programs_each_time() -> None:
    with Camera(["http://127.0.0.1:9/"]) as camera:
        assert wait_until(lambda: camera.told.count("failed") >= 1 and len(camera.lines) >= 6, 20)
        camera.end()
    assert camera.told.count("cannot be reached") == 1
    assert camera.told.count("opening") == 2  # the first one, and within the refusal


def test_on_a_terminal_one_line_shows_what_is_seen_now(film: Path) -> None:
    main, other = pty.openpty()
    command = [sys.executable, "-m", "edge", "camera", str(film)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=other, text=True) as process:
        os.close(other)
        said = b""
        with contextlib.suppress(OSError):  # the terminal's other end is closed
            while part := os.read(main, 4096):
                said += part
        assert process.stdout is not None
        answers = process.stdout.read()
    os.close(main)
    screen = said.decode()
    assert re.search(r"\r\x1b\[K7 [01]\.\d", screen)
    assert "answers/s" in screen
    assert "\x1b[Kedgeproof: camera ended" in screen  # on a line that is clear
    assert [line.split()[1] for line in answers.splitlines()[1:]] == ["7"]
    assert "\x1b" not in answers


def test_a_rate_is_of_the_last_seconds() -> None:
    rate = Rate()
    found = [rate.update(count, count / 30) for count in range(300)]
    assert found[0] == 0
    assert found[-1] == pytest.approx(30)
    for second in range(10, 20):
        found.append(rate.update(299, float(second)))
    assert found[-1] == 0


@pytest.mark.parametrize(
    ("csi", "nodes", "expected"),
    [
        ([(0, False), (1, True)], [], "pi:1"),
        ([(0, True)], [("/dev/video0", True)], "pi:0"),
        ([(0, False)], [("/dev/video0", True)], "/dev/video0"),
        ([], [("/dev/video0", False), ("/dev/video2", True)], "/dev/video2"),
        ([], [("/dev/video0", False)], None),
        ([], [], None),
    ],
)
def test_without_a_source_the_pi_camera_comes_first(
    csi: list[tuple[int, bool]],
    nodes: list[tuple[str, bool]],
    expected: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    v4l2 = tuple(V4l2Node(path, "uvcvideo", "A camera", is_camera) for path, is_camera in nodes)
    cameras = tuple(PiCamera(index, "imx708", "", is_csi) for index, is_csi in csi)
    found = Found(cameras, v4l2, picamera2=True, error=None)
    monkeypatch.setattr(listing, "find_cameras", lambda: found)
    if expected is None:
        with pytest.raises(EnvironmentFault, match=r"no camera found.*edgeproof doctor"):
            which.find_spec(None)
    else:
        assert which.find_spec(None).name == expected
