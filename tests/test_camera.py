"""`edgeproof camera`, from the command line: what it says, and how it ends."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from edge.bundle import Bundle, read_bundle, write_bundle
from edge.cameras.camera import Spec
from edge.cameras.multipart import find_boundary, split_parts
from edge.cameras.open import open_camera
from edge.cameras.which import find_spec, parse_size
from edge.errors import CameraError, UsageError
from edge.zoo import find_model
from tests.conftest import Edgeproof
from tests.films import moving_digit, to_jpeg, write_film
from tests.mjpeg import MjpegServer, wait_until
from tests.running import Camera, read_tally


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second of a 7, then a second of a 4."""
    frames = moving_digit("7", 30) + moving_digit("4", 30)
    return write_film(tmp_path_factory.mktemp("film") / "film.avi", frames)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve pictures of a 7; the sixth is damaged."""
    folder = tmp_path_factory.mktemp("pictures")
    for number, frame in enumerate(moving_digit("7", 12)):
        (folder / f"{number:02}.jpg").write_bytes(to_jpeg(frame))
    (folder / "05.jpg").write_bytes(b"\xff\xd8\xff no picture")
    return folder


def lines_of(done: subprocess.CompletedProcess[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("typed", "kind", "address", "name"),
    [
        ("pi", "pi", "0", "pi:0"),
        ("pi:1", "pi", "1", "pi:1"),
        ("0", "v4l2", "/dev/video0", "/dev/video0"),
        ("/dev/video7", "v4l2", "/dev/video7", "/dev/video7"),
        ("/dev/v4l/by-id/usb-cam", "v4l2", "/dev/v4l/by-id/usb-cam", "/dev/v4l/by-id/usb-cam"),
        ("http://host/a", "http", "http://host/a", "http://host/a"),
        ("http://me:secret@host:81/a?b=1", "http", None, "http://host:81/a?b=1"),
        ("rtsp://me:secret@host/a", "stream", "rtsp://me:secret@host/a", "rtsp://host/a"),
    ],
)
def test_a_source_names_its_camera(typed: str, kind: str, address: str | None, name: str) -> None:
    spec = find_spec(typed)
    assert (spec.kind, spec.address, spec.name) == (kind, address or typed, name)
    assert spec.is_live


def test_a_source_on_disk_is_a_film_or_a_folder(film: Path, folder: Path) -> None:
    assert (find_spec(str(film)).kind, find_spec(str(folder)).kind) == ("film", "folder")
    assert not find_spec(str(film)).is_live


@pytest.mark.parametrize("typed", ["nothing.avi", "no/such/folder", __file__])
def test_what_is_no_camera_is_refused_with_what_would_be_one(typed: str) -> None:
    with pytest.raises(
        UsageError, match=r"/dev/video0.*film.*folder.*http://.*" + Path(typed).stem
    ):
        find_spec(typed)


@pytest.mark.parametrize("text", ["1280", "x", "0x0", "1280X720 ", "99999999x1"])
def test_a_size_that_is_none_is_refused(text: str) -> None:
    assert parse_size("1280x720") == (1280, 720)
    with pytest.raises(UsageError, match="WIDTHxHEIGHT"):
        parse_size(text)


@pytest.mark.parametrize(
    ("header", "boundary"),
    [
        ("multipart/x-mixed-replace; boundary=frame", b"frame"),
        ("multipart/x-mixed-replace;boundary=--frame", b"frame"),
        ('Multipart/X-Mixed-Replace; a=b; Boundary="two words"', b"two words"),
        ("multipart/x-mixed-replace", None),
        ("image/jpeg; boundary=frame", None),
        ("", None),
    ],
)
def test_a_boundary_is_read_as_cameras_write_it(header: str, boundary: bytes | None) -> None:
    assert find_boundary(header) == boundary


PARTS = [b"first", b"", b"--fram is no boundary", bytes(range(256)) * 50]


@pytest.mark.parametrize("step", [1, 2, 3, 7, 64, 10**6])
@pytest.mark.parametrize("with_length", [True, False])
@pytest.mark.parametrize("line", [b"\r\n", b"\n"])
def test_parts_are_whole_however_they_arrive(step: int, with_length: bool, line: bytes) -> None:
    stream = b"preamble" + line
    for part in PARTS:
        length = b"Content-Length: %d" % len(part) + line if with_length else b""
        stream += b"--frame" + line + b"Content-Type: image/jpeg" + line + length + line
        stream += part + b"\r\n"
    stream += b"--frame--\r\n"
    found = list(split_parts(_reader(stream, step), b"frame"))
    assert found == PARTS


def test_a_part_with_a_wrong_length_costs_no_other() -> None:
    stream = b"".join(
        b"--frame\r\nContent-Length: %d\r\n\r\n" % length + part + b"\r\n"
        for part, length in ((b"a" * 100, 100), (b"b" * 100, 60), (b"c" * 100, 100))
    )
    found = list(split_parts(_reader(stream, 100), b"frame"))
    assert found == [b"a" * 100, b"b" * 60, b"c" * 100]


def test_noise_without_a_part_is_not_held() -> None:
    fed = 0

    def read() -> bytes:
        nonlocal fed
        fed += 1
        return os.urandom(65536) if fed < 400 else b""

    assert list(split_parts(read, b"a-boundary-that-does-not-come")) == []
    assert fed == 400


def _reader(data: bytes, step: int) -> Callable[[], bytes]:
    parts = iter([data[at : at + step] for at in range(0, len(data), step)])
    return lambda: next(parts, b"")


def test_each_frame_of_a_film_has_a_line(edgeproof: Edgeproof, film: Path) -> None:
    done = edgeproof("camera", film, "--all-frames", "--format", "jsonl")
    records = lines_of(done)
    results = [record for record in records if "label" in record]
    assert done.returncode == 0, done.stderr
    assert [record["index"] for record in results] == list(range(60))
    assert [record["label"] for record in results] == ["7"] * 30 + ["4"] * 30
    assert {tuple(record) for record in results} == {
        (
            *("source", "index", "timestamp_s", "box", "label", "score", "reason", "top"),
            *("model", "latency_ms", "track", "stable", "age_ms", "dropped", "still"),
        )
    }
    statuses = [record["status"]["kind"] for record in records if "status" in record]  # type: ignore[index]
    assert statuses == ["starting", "running", "ended"]
    events = [record["event"] for record in records if "event" in record]
    assert [(e["before"], e["label"]) for e in events] == [(None, "7"), ("7", "4")]  # type: ignore[index]
    last = {"frames": 60, "results": 60, "errors": 0, "drops": 0, "restarts": 0}
    assert read_tally(done.stderr.splitlines()[-1]) == last


@pytest.mark.parametrize("name", ["film", "folder"])
def test_what_is_not_waited_for_has_the_time_at_which_it_would_be_shown(
    request: pytest.FixtureRequest, name: str
) -> None:
    """So that what is said over time, such as a steady answer, is the same on any machine."""
    path = request.getfixturevalue(name)
    spec = replace(find_spec(str(path)), all_frames=True, loop=True)
    rate, count = (30.0, 60) if name == "film" else (10.0, 12)
    camera = open_camera(spec)
    shown = []
    for _ in range(2 * count + 3):
        grabbed = camera.read()
        assert grabbed is not None
        assert grabbed.shown_s is not None
        shown.append(grabbed.shown_s)
    camera.close()
    assert np.allclose(np.diff(shown), 1 / rate, atol=2e-3)
    waited = open_camera(replace(spec, all_frames=False))
    first = waited.read()
    waited.close()
    assert first is not None
    assert first.shown_s is None


def test_a_damaged_frame_is_told_and_counted(edgeproof: Edgeproof, folder: Path) -> None:
    done = edgeproof("camera", folder, "--all-frames", "--format", "jsonl")
    errors = [record for record in lines_of(done) if "error" in record]
    assert done.returncode == 1
    assert [(one["source"], one["index"]) for one in errors] == [(f"{folder}/05.jpg", 5)]
    assert read_tally(done.stderr.splitlines()[-1])["results"] == 11


def test_csv_and_table_say_the_same(edgeproof: Edgeproof, film: Path) -> None:
    table = edgeproof("camera", film, "--all-frames")
    csv = edgeproof("camera", film, "--all-frames", "--format", "csv")
    assert [line.split()[1] for line in table.stdout.splitlines()[1:]] == ["7", "4"]
    rows = [
        dict(zip(csv.stdout.split("\n")[0].split(","), line.split(","), strict=True))
        for line in csv.stdout.splitlines()[1:]
    ]
    assert len(rows) == 60
    assert [(row["label"], row["stable_label"]) for row in (rows[0], rows[59])] == [
        ("7", "7"),
        ("4", "4"),
    ]


@pytest.mark.parametrize("regions", ["whole", "auto"])
def test_what_does_not_move_is_not_classified_again(
    edgeproof: Edgeproof, tmp_path: Path, regions: str
) -> None:
    still = moving_digit("7", 1)[0]
    for number in range(6):
        Image.fromarray(still).save(tmp_path / f"{number}.png")
    Image.fromarray(moving_digit("4", 1)[0]).save(tmp_path / "9.png")
    options = ["--all-frames", "--format", "jsonl", "--motion", "--regions", regions]
    done = edgeproof("camera", tmp_path, *options)
    results = [record for record in lines_of(done) if "label" in record]
    assert [record["still"] for record in results] == [False] + [True] * 5 + [False]
    assert [record["label"] for record in results] == ["7"] * 6 + ["4"]
    assert all((record["latency_ms"] == 0) == record["still"] for record in results)


def test_frames_ends_after_so_many_results(edgeproof: Edgeproof, film: Path) -> None:
    done = edgeproof("camera", film, "--loop", "--frames", "7", "--format", "csv")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 8


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["film.txt"], "SOURCE: expected a camera"),
        (["http://127.0.0.1:9/", "--loop"], "--loop is for a film or a folder"),
        (["pi", "--all-frames"], "--all-frames is for a film or a folder"),
        (["0", "--smooth", "often"], "--smooth: expected"),
        (["0", "--size", "big"], "--size: expected WIDTHxHEIGHT"),
        (["--live", "film.avi"], "--live: expected HOST:PORT, :PORT or PORT"),
        ([".", "--mqtt", "host"], "--mqtt: expected"),
        ([".", "--webhook", "host"], "--webhook: expected"),
        ([".", "--model", "none"], "unknown model 'none'"),
    ],
)
def test_wrong_words_are_one_line(
    edgeproof: Edgeproof, arguments: list[str], expected: str
) -> None:
    done = edgeproof("camera", *arguments)
    assert done.returncode in (2, 4)
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_film_that_is_none_ends_the_run(edgeproof: Edgeproof, tmp_path: Path) -> None:
    (tmp_path / "film.avi").write_bytes(b"RIFF nothing")
    done = edgeproof("camera", tmp_path / "film.avi")
    assert (done.returncode, done.stderr.count("\n")) == (4, 2)
    assert "expected a video" in done.stderr


def test_an_mjpeg_camera_is_answered_until_asked_to_end() -> None:
    frames = [to_jpeg(frame) for frame in moving_digit("7", 20)]
    with MjpegServer(frames) as server, Camera([server.url]) as camera:
        assert wait_until(lambda: camera.results >= 20, 20)
        assert camera.end() < 1
        tally = read_tally(camera.words)
        assert camera.process.returncode == 0
    assert not camera.unparsed
    assert (tally["results"], tally["errors"]) == (camera.results, camera.errors)
    assert tally["frames"] == tally["results"] + tally["errors"] + tally["drops"]
    assert {r["label"] for r in camera.lines if "label" in r} == {"7"}
    assert sorted(camera.ages_ms)[len(camera.ages_ms) // 2] < 500


def test_statuses_carry_exact_counts() -> None:
    frames = [to_jpeg(frame) for frame in moving_digit("7", 20)]
    with MjpegServer(frames) as server, Camera([server.url, "--stall-after", "0.5"]) as camera:
        assert wait_until(lambda: camera.results >= 10, 20)
        server.mood = "garbage"
        assert wait_until(lambda: camera.errors >= 5, 10)
        server.mood = "stall"
        assert wait_until(lambda: "stalled" in _states(camera), 10)
        camera.end()
    seen = {"results": 0, "errors": 0, "drops": 0}
    for record in camera.lines:
        seen["results"] += "label" in record
        seen["errors"] += "error" in record
        seen["drops"] += record.get("dropped", record.get("status", {}).get("dropped", 0))
        if "tally" in record:
            tally = record["tally"]
            assert {key: tally[key] for key in seen} == seen
            assert tally["frames"] == sum(seen.values())


def _states(camera: Camera) -> list[str]:
    return [record["status"]["kind"] for record in list(camera.lines) if "status" in record]


def test_a_picture_for_each_request_is_a_camera_too() -> None:
    frames = [to_jpeg(frame) for frame in moving_digit("7", 20)]
    with _Snapshots(frames) as url, Camera([url, "--frames", "5"]) as camera:
        camera.wait(20)
        assert camera.process.returncode == 0
    assert [r["label"] for r in camera.lines if "label" in r] == ["7"] * 5


def test_the_environment_may_name_the_source(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEPROOF_SOURCE", str(film))
    with Camera(["--frames", "3"]) as camera:
        camera.wait(20)
    assert camera.results == 3


def test_a_password_opens_the_stream_and_is_nowhere_to_be_read() -> None:
    frames = [to_jpeg(frame) for frame in moving_digit("7", 20)]
    with _Snapshots(frames, password="me:se/cret") as url:
        source = url.replace("http://", "http://me:se%2Fcret@")
        with Camera([source, "--frames", "3"]) as camera:
            children = Path(f"/proc/{camera.process.pid}/task/{camera.process.pid}/children")
            assert wait_until(lambda: camera.results >= 1, 20)
            child = children.read_text().split()
            arguments = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in child]
            assert not any(b"cret" in one for one in arguments)
            camera.wait(20)
    assert "cret" not in json.dumps(camera.lines)
    with _Snapshots(frames, password="me:other") as url:
        spec = Spec("http", url.replace("http://", "http://me:wrong@"), url)
        with pytest.raises(CameraError, match="answered 401"):
            open_camera(spec)


class _Snapshots:
    """A server that gives one JPEG for each request, to those who know the password."""

    def __init__(
        self, frames: list[bytes], password: str | None = None, kind: str = "image/jpeg"
    ) -> None:
        count = 0

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                nonlocal count
                known = base64.b64encode((password or "").encode()).decode()
                if password and self.headers["Authorization"] != f"Basic {known}":
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", 'Basic realm="camera"')
                    self.end_headers()
                    return
                count += 1
                body = frames[count % len(frames)]
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> str:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_address[1]}/one.jpg"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def test_another_kind_of_stream_goes_through_opencv(film: Path) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "video/x-msvideo")
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(film.read_bytes())

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/film"
        with Camera([url, "--stall-after", "5"]) as camera:
            assert wait_until(lambda: _states(camera).count("running") == 2, 30)
            camera.end()
        server.shutdown()
    assert {r["label"] for r in camera.lines if "label" in r} <= {"7", "4"}
    assert "ended" in _states(camera)  # a stream should not, so it is opened again


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("text/html; charset=utf-8", r"expected MJPEG .* or a picture, .*'text/html; .*8'$"),
        ("application/zip", r"'application/zip', of which OpenCV makes no stream either"),
    ],
)
def test_what_the_server_said_is_told(kind: str, told: str) -> None:
    with _Snapshots([b"<html>" * 99], kind=kind) as url:
        spec = Spec("http", url.removesuffix(".jpg"), url)
        with pytest.raises(CameraError, match=told) as error:
            open_camera(spec)
    assert not error.value.is_final


def test_people_hear_once_of_frames_that_are_all_damaged() -> None:
    with _Snapshots([b"no picture"]) as url:
        command = [sys.executable, "-m", "edge", "camera", url]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            time.sleep(2)
            process.terminate()
            assert process.stderr is not None
            told = process.stderr.read()
    assert told.count("expected one of JPEG") == 1
    assert read_tally(told.splitlines()[-1])["errors"] > 3


class FakeDevice:
    """What a USB camera is to OpenCV: BGR frames, and settings that it takes."""

    def __init__(self, path: str, backend: int) -> None:
        self.settings: dict[int, float] = {}
        self.is_there = path != "/dev/video9"

    def isOpened(self) -> bool:  # noqa: N802
        return self.is_there

    def set(self, name: int, value: float) -> None:
        self.settings[name] = value

    def get(self, name: int) -> float:
        return self.settings.get(name, 30.0)

    def grab(self) -> bool:
        return True

    def retrieve(self) -> tuple[bool, object]:
        return True, np.full((48, 64, 3), (50, 100, 200), np.uint8)

    def release(self) -> None:
        pass


def test_a_usb_camera_is_asked_for_small_jpegs_and_gives_rgb(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", FakeDevice)
    camera = open_camera(Spec("v4l2", "/dev/video0", "/dev/video0"))
    grabbed = camera.read()
    assert grabbed is not None
    assert grabbed.load()[0][0, 0].tolist() == [200, 100, 50]
    assert camera.description == "1280x720, 30 frames a second"
    settings = camera._capture.settings  # type: ignore[attr-defined]
    assert settings[cv2.CAP_PROP_FOURCC] == cv2.VideoWriter.fourcc(*"MJPG")
    assert settings[cv2.CAP_PROP_BUFFERSIZE] == 1
    with pytest.raises(CameraError, match=r"/dev/video9: cannot be opened.*edgeproof doctor"):
        open_camera(Spec("v4l2", "/dev/video9", "/dev/video9"))


PICAMERA = """
import time
import numpy as np

MEMORY = {"RGB888": (2, 1, 0), "BGR888": (0, 1, 2)}  # where R, G and B lie in a pixel's bytes


class Request:
    def __init__(self, camera): self.camera = camera
    def get_metadata(self): return {"SensorTimestamp": time.clock_gettime_ns(time.CLOCK_BOOTTIME)}
    def make_array(self, name):
        width, height = self.camera.main["size"]
        pixels = np.zeros((height, width, 3), np.uint8)
        for channel, value in enumerate((200, 100, 50)):  # R, G, B of what it sees
            pixels[:, :, MEMORY[self.camera.main["format"]][channel]] = value
        self.camera.count += 1
        pixels[0, 0] = self.camera.count
        time.sleep(0.02)
        return pixels
    def release(self): pass


class Picamera2:
    camera_properties = {"Model": "imx708"}
    camera_controls = {"AfMode": (0, 2, 0)}

    def __init__(self, number=0):
        self.count, self.settings = 0, {}
        if number > 0: raise IndexError("list index out of range")
    def create_video_configuration(self, main): return {"main": main}
    def configure(self, configuration): self.main = configuration["main"]
    def set_controls(self, controls): self.settings.update(controls)
    def start(self): assert self.settings == {"AfMode": 2}
    def capture_request(self): return Request(self)
    def close(self): pass
"""
"""Behaves as picamera2's manual says of formats, controls and requests; it is no camera."""


@pytest.fixture
def picamera(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "picamera2.py").write_text(PICAMERA)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("picamera2", None)


@pytest.mark.usefixtures("picamera")
def test_the_pi_camera_gives_rgb_in_this_order() -> None:
    camera = open_camera(Spec("pi", "0", "pi:0", size=(64, 48)))
    grabbed = camera.read()
    assert grabbed is not None
    pixels, shrunk = grabbed.load()
    assert (pixels.shape, shrunk) == ((48, 64, 3), 1)
    assert pixels[20, 20].tolist() == [200, 100, 50]
    assert 0 <= time.monotonic() - grabbed.taken_s < 1
    assert camera.description == "imx708, 64x48"
    camera.close()


@pytest.mark.usefixtures("picamera")
def test_a_pi_camera_that_is_not_there_may_come_later() -> None:
    with pytest.raises(CameraError, match="pi:3: the Pi camera cannot be opened") as error:
        open_camera(Spec("pi", "3", "pi:3"))
    assert not error.value.is_final


def test_without_picamera2_the_remedy_is_said() -> None:
    with pytest.raises(CameraError, match=r"python3-picamera2.*--system-site-packages") as error:
        open_camera(Spec("pi", "0", "pi:0"))
    assert error.value.is_final


@pytest.mark.parametrize("is_waiting", [True, False])
def test_the_camera_process_dies_with_the_service(
    film: Path, folder: Path, is_waiting: bool
) -> None:
    """Also one that is stuck waiting for its next frame, and hears of nothing."""
    arguments = [str(folder), "--fps", "0.01"] if is_waiting else [str(film), "--loop"]
    with Camera(arguments) as camera:
        assert wait_until(lambda: camera.results >= 1, 20)
        task = Path(f"/proc/{camera.process.pid}/task/{camera.process.pid}/children")
        (child,) = map(int, task.read_text().split())
        camera.process.send_signal(signal.SIGKILL)
        camera.process.wait()
        assert wait_until(lambda: not _is_running(child), 5)


def _is_running(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


def test_a_reader_that_does_not_read_holds_nobody_up(film: Path) -> None:
    command = [sys.executable, "-m", "edge", "camera", str(film), "--loop", "--format", "jsonl"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, 16384)
        first = process.stdout.readline()
        time.sleep(3)  # the pipe is full by then
        began_s = time.monotonic()
        process.terminate()
        assert process.wait(5) == 0
        assert time.monotonic() - began_s < 1
        rest = process.stdout.read()
    lines = (first + rest).decode().splitlines(keepends=True)
    assert all(json.loads(line) and line.endswith("\n") for line in lines)
    assert len(first + rest) > 8000


def test_a_reader_that_goes_ends_the_run(film: Path) -> None:
    command = [sys.executable, "-m", "edge", "camera", str(film), "--loop", "--format", "jsonl"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(10) == 1
        assert "Traceback" not in process.stderr.read()


def test_sighup_takes_a_model_that_verifies_and_no_other(film: Path, tmp_path: Path) -> None:
    model = tmp_path / "model.tflite"
    shutil.copy(find_model("digits"), model)
    with Camera([str(film), "--loop", "--model", str(model)]) as camera:
        assert wait_until(lambda: camera.results >= 3, 20)
        model.write_bytes(find_model("digits").read_bytes()[:-100])  # half an update
        camera.process.send_signal(signal.SIGHUP)
        count = camera.results
        assert wait_until(lambda: camera.results >= count + 10, 10)
        assert "the model stays as it is" in camera.told
        write_bundle(model, _that_fails_its_self_test())
        camera.process.send_signal(signal.SIGHUP)
        assert wait_until(lambda: "computes wrongly here" in camera.told, 10)
        assert {r["model"] for r in camera.lines if "label" in r} == {"digits"}
        shutil.copy(find_model("fashion"), tmp_path / "next.tflite")
        os.replace(tmp_path / "next.tflite", model)
        camera.process.send_signal(signal.SIGHUP)
        assert wait_until(lambda: camera.lines[-1].get("model") == "fashion", 10)
        camera.end()
    models = [r["model"] for r in camera.lines if "label" in r]
    assert sorted(set(models)) == ["digits", "fashion"]
    assert models == sorted(models)  # and never back


def _that_fails_its_self_test() -> Bundle:
    """`fashion`, whose golden outputs are those of other frames."""
    bundle = read_bundle(find_model("fashion"))
    assert bundle.golden is not None
    outputs = {name: output[::-1] for name, output in bundle.golden.outputs.items()}
    return replace(bundle, golden=replace(bundle.golden, outputs=outputs))


def test_frames_that_the_model_is_unsure_of_are_kept(edgeproof: Edgeproof, tmp_path: Path) -> None:
    source, kept = tmp_path / "source", tmp_path / "kept"
    source.mkdir()
    paper = np.full((240, 320), 210, np.uint8)
    paper[100:140, 60:260] = 40  # a bar is no digit
    Image.fromarray(paper).save(source / "0.png")
    done = edgeproof("camera", source, "--all-frames", "--record-uncertain", kept)
    assert done.returncode == 0, done.stderr
    assert len(list(kept.glob("*/*.jpg"))) == 1
