"""Video files as frames: colours, times, which frames are taken, and films that are broken."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.cli import run
from edge.errors import UsageError
from edge.sources.files import read_frames
from edge.sources.frame import Failure, Frame
from edge.sources.video import Every, parse_every
from tests.conftest import ROOT

FRAMES, RATE = 20, 10.0
KINDS = {"film.avi": "MJPG", "film.mp4": "mp4v", "film.mov": "mp4v", "film.mkv": "MJPG"}


def write_film(path: Path, frames: int = FRAMES) -> Path:
    """Red, the greener the later: 10 levels a frame."""
    code = cv2.VideoWriter.fourcc(*KINDS.get(path.name, "MJPG"))
    writer = cv2.VideoWriter(str(path), code, RATE, (64, 48))
    assert writer.isOpened()
    for number in range(frames):
        writer.write(np.full((48, 64, 3), (0, 10 * number, 200), np.uint8))  # OpenCV wants BGR
    writer.release()
    return path


def frames_of(path: Path | str, every: str | None = None) -> list[Frame]:
    items = list(read_frames([str(path)], every=parse_every(every) if every else None))
    assert not [str(item.error) for item in items if isinstance(item, Failure)]
    return [item for item in items if isinstance(item, Frame)]


def numbers(frames: list[Frame]) -> list[int]:
    """Which frames of the film they are, told from their green."""
    return [round(float(frame.rgb[20, 30, 1]) / 10) for frame in frames]


@pytest.mark.parametrize("name", list(KINDS))
def test_frames_are_rgb_in_order_with_their_times(tmp_path: Path, name: str) -> None:
    path = write_film(tmp_path / name)
    frames = frames_of(path)
    assert numbers(frames) == list(range(FRAMES))
    assert [frame.source for frame in frames] == [f"{path}#t={n / RATE:.3f}" for n in range(FRAMES)]
    assert [frame.index for frame in frames] == list(range(FRAMES))
    red, _, blue = frames[5].rgb[20, 30].astype(int)
    assert frames[5].rgb.shape == (48, 64, 3)
    assert frames[5].rgb.dtype == np.uint8
    assert abs(red - 200) < 10 > blue


@pytest.mark.parametrize(
    ("every", "expected"),
    [
        ("1", list(range(20))),
        ("3", [0, 3, 6, 9, 12, 15, 18]),
        ("100", [0]),
        ("0.3s", [0, 3, 6, 9, 12, 15, 18]),
        ("0.25s", [0, 3, 5, 8, 10, 13, 15, 18]),
        ("1s", [0, 10]),
        ("1 s", [0, 10]),
        (".05s", list(range(20))),
        ("2s", [0]),
    ],
)
def test_every_takes_the_nth_frame_or_one_in_so_many_seconds(
    tmp_path: Path, every: str, expected: list[int]
) -> None:
    assert numbers(frames_of(write_film(tmp_path / "film.avi"), every)) == expected


@pytest.mark.parametrize(
    "text", ["0", "-1", "0s", "s", "2m", "1.5", "", "nan s", "1e3s", "2 frames"]
)
def test_every_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"^--every: expected a number of frames \(5\) or"):
        parse_every(text)
    assert parse_every("5") == Every(frames=5)


def test_skipped_frames_are_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class Watched:
        def __init__(self, *arguments: object) -> None:
            self._film = film(*arguments)

        def __getattr__(self, name: str) -> object:
            asked.append(name)
            return getattr(self._film, name)

    path, film = write_film(tmp_path / "film.avi"), cv2.VideoCapture
    monkeypatch.setattr(cv2, "VideoCapture", Watched)
    assert len(frames_of(path, "5")) == 4
    assert (asked.count("grab"), asked.count("retrieve"), asked[-1]) == (21, 4, "release")


@pytest.mark.parametrize("name", ["film.avi", "film.mkv"])
def test_film_that_breaks_off_keeps_what_was_read_and_says_so(tmp_path: Path, name: str) -> None:
    path = write_film(tmp_path / name, frames=100)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    *frames, last = read_frames([str(path)])
    assert 20 < len(frames) < 80
    assert all(isinstance(frame, Frame) for frame in frames)
    assert isinstance(last, Failure)
    assert (last.source, last.error.kind) == (str(path), "damaged-video")
    assert str(last.error) == f"{path}: expected 100 frames, the film ends after {len(frames)}"


def test_what_is_no_film_is_one_failure_and_fast(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4").read_bytes()
    (tmp_path / "text_001.mp4").write_text("these are words\n" * 1000)
    (tmp_path / "noise.avi").write_bytes(np.random.default_rng(0).bytes(100_000))
    (tmp_path / "cut.mp4").write_bytes(film[: len(film) // 2])  # its table stands at the end
    (tmp_path / "empty.mkv").touch()
    began_s = time.monotonic()
    for name, kind in [
        ("text_001.mp4", "not-a-video"),
        ("noise.avi", "not-a-video"),
        ("cut.mp4", "not-a-video"),
        ("empty.mkv", "empty-file"),
        ("none.webm", "not-found"),
    ]:
        (item,) = read_frames([str(tmp_path / name)])
        assert isinstance(item, Failure), name
        assert item.error.kind == kind, name
        assert str(item.error).startswith(f"{tmp_path / name}: "), name
    assert time.monotonic() - began_s < 5


def test_films_and_pictures_come_in_the_order_they_are_named(tmp_path: Path) -> None:
    write_film(tmp_path / "b.avi", frames=2)
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((8, 8), np.uint8))
    cv2.imwrite(str(tmp_path / "c.png"), np.zeros((8, 8), np.uint8))
    items = list(read_frames([str(tmp_path / "*.*"), str(tmp_path / "b.avi")]))
    found = [Path(item.source).name for item in items]
    assert found == ["a.png", "b.avi#t=0.000", "b.avi#t=0.100", "c.png", *found[1:3]]
    assert [item.index for item in items] == list(range(6))
    in_folder = [Path(item.source).name for item in read_frames([str(tmp_path)])]
    assert in_folder == ["a.png", "c.png"]  # a folder gives its pictures


def test_without_opencv_the_run_goes_on_and_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_film(tmp_path / "film.avi")
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((8, 8), np.uint8))
    monkeypatch.setitem(sys.modules, "cv2", None)
    film, frame = read_frames([str(tmp_path / "film.avi"), str(tmp_path / "a.png")])
    assert isinstance(film, Failure)
    assert film.error.kind == "needs-opencv"
    assert str(film.error).endswith(": pip install 'edgeproof[camera]'")
    assert isinstance(frame, Frame)


def test_opencv_keeps_quiet_and_is_not_imported_before_a_film(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(film[: len(film) // 2])
    avi = write_film(tmp_path / "film.avi").read_bytes()
    (tmp_path / "cut.avi").write_bytes(avi[: len(avi) * 6 // 10])
    code = (
        "import sys; from edge.sources.files import read_frames; assert 'cv2' not in sys.modules;"
        "print([type(item).__name__ for item in read_frames(sys.argv[1:])][-1])"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "cut.mp4"), str(tmp_path / "cut.avi")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert (done.stdout, done.stderr) == ("Failure\n", "")


def test_command_takes_every(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_film(tmp_path / "film.avi")
    assert run(["classify", str(path), "--every", "1s", "--format", "csv"]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.startswith("source,")
    assert [row.split(",")[0] for row in rows] == [f"{path}#t=0.000", f"{path}#t=1.000"]
    assert run(["classify", str(path), "--every", "often"]) == 2
    assert "--every: expected a number of frames" in capsys.readouterr().err
