"""`--annotate`: the box is at the digit, the inset is what the model saw, names are unique."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edge.classifier import UNKNOWN, Classifier, Result, Score
from edge.cli import run
from edge.drawing.annotate import LEAST_SIDE, SIDES, annotate
from edge.drawing.canvas import KNOWN, UNSURE, drawable
from edge.drawing.folder import flat_name
from tests.drawing import on_paper
from tests.test_regions import page

Capture = pytest.CaptureFixture[str]
Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def digits() -> Iterator[Classifier]:
    with Classifier.load("digits") as classifier:
        yield classifier


def answer(label: str, box: tuple[int, int, int, int] | None, seen: Pixels | None = None) -> Result:
    return Result(label, 0.9, (Score("7", 0.9),), 1.0, box, seen)


def is_color(picture: Pixels, color: tuple[int, int, int], near: int = 0) -> NDArray[np.bool_]:
    """bool (H, W): where a picture has a colour, `near` steps more or less."""
    return np.asarray(np.abs(picture.astype(np.int16) - color).max(axis=2) <= near)


def test_box_is_drawn_around_what_was_found() -> None:
    frame = np.full((480, 640), 200, np.uint8)
    drawn = np.asarray(annotate(frame, [answer("7", (200, 150, 100, 180))]))
    assert drawn.shape == (480, 640, 3)
    blue = is_color(drawn, KNOWN.color)
    assert blue[149, 200:300].all()
    assert blue[330, 200:300].all()
    assert blue[150:330, 199].all()
    assert blue[150:330, 300].all()
    assert (drawn[150:330, 200:300] == 200).all()  # nothing is hidden of what was found
    assert not is_color(drawn, UNSURE.color).any()


def test_unknown_has_another_colour_and_dashes() -> None:
    frame = np.full((480, 640), 200, np.uint8)
    drawn = np.asarray(annotate(frame, [answer(UNKNOWN, (200, 150, 100, 180))]))
    orange = is_color(drawn, UNSURE.color)
    assert not is_color(drawn, KNOWN.color).any()
    side = orange[150:330, 199]
    assert 0.3 < side.mean() < 0.7
    assert np.count_nonzero(np.diff(side.astype(int))) > 4


@pytest.mark.parametrize("shape", [(28, 28), (600, 20), (2, 900), (1, 1), (3000, 4000)])
def test_any_frame_has_room_for_words_and_box(shape: tuple[int, int]) -> None:
    frame = np.full(shape, 90, np.uint8)
    rows, columns = shape
    drawn = np.asarray(annotate(frame, [answer("7", (0, 0, columns, rows))]))
    assert SIDES[0] <= max(drawn.shape[:2]) <= 2 * SIDES[0] or max(drawn.shape) == SIDES[1]
    assert min(drawn.shape[:2]) >= LEAST_SIDE
    blue = is_color(drawn, KNOWN.color)
    heights = np.flatnonzero(blue.sum(axis=1) > 30)  # rows of the plate
    assert len(heights) >= 15
    assert blue.any(axis=1).sum() >= min(drawn.shape[0], 15)


def test_inset_shows_the_models_pixels_as_squares() -> None:
    seen = np.random.default_rng(5).integers(0, 256, (28, 28, 1), np.uint8)
    frame = np.full((480, 640), 200, np.uint8)
    drawn = np.asarray(annotate(frame, [answer("7", (20, 20, 100, 180), seen)]))
    zoom = int(0.24 * 480) // 28
    corner = drawn[-28 * zoom - 2 : -2, -28 * zoom - 2 : -2, 0]
    assert np.array_equal(corner, np.kron(seen[:, :, 0], np.ones((zoom, zoom), np.uint8)))


def test_inset_hides_no_digit(digits: Classifier) -> None:
    for left, top in [(0, 0), (440, 0), (0, 280), (440, 280)]:
        frame = on_paper("7", at=(left, top))
        result = digits.classify(frame)
        assert result.box is not None
        x, y, width, height = result.box
        drawn = np.asarray(annotate(frame, [result]))[y : y + height, x : x + width, 0]
        kept = drawn == frame[y : y + height, x : x + width]
        assert kept.mean() > 0.9, (left, top)


def test_several_have_boxes_and_insets_in_reading_order(digits: Classifier) -> None:
    frame = page(("4", 40, 100), ("7", 150, 90), ("1", 260, 105))
    results = digits.classify_regions(frame)
    drawn = np.asarray(annotate(frame, results))
    for result in results:
        assert result.box is not None
        x, y, width, _ = result.box
        assert is_color(drawn, KNOWN.color)[y - 1, x : x + width].mean() > 0.9
    strip = drawn[-110:, -340:, 0]
    lit = [int((part > 127).sum()) for part in np.array_split(strip, 3, axis=1)]
    seen = [int((one.seen > 127).sum()) for one in results if one.seen is not None]
    assert np.argsort(lit).tolist() == np.argsort(seen).tolist()


def test_nothing_found_is_said_on_the_picture() -> None:
    frame = np.full((480, 640), 200, np.uint8)
    drawn = np.asarray(annotate(frame, []))
    assert is_color(drawn, UNSURE.color)[:40].sum() > 1000
    assert (drawn[40:] == 200).all()


@pytest.mark.parametrize(
    ("text", "shown"), [("café", "cafe"), ("7", "7"), ("中", "\\u4e2d"), ("a\nb", "a?b")]
)
def test_labels_of_any_script_can_be_drawn(text: str, shown: str) -> None:
    assert drawable(text) == shown


SOURCES = (
    *("a/7.png", "b/7.png", "a_7.png", "A/7.png", "/a/7.png", "-", "-#1", "stdin"),
    *("film.mp4#t=12.480", "film.mp4#t=12.520", "http://host/a?x=1", "http://host/a?x=2"),
    *("é/中.png", "x" * 300 + ".png", "y" + "x" * 299 + ".png", "bad\udcff.png", "a\nb.png"),
    *("..", "con.png", ".hidden.png", "C:\\a.png"),
)


def test_names_are_unique_safe_and_tell_the_source(tmp_path: Path) -> None:
    names = [flat_name(source) for source in SOURCES]
    assert len({name.casefold() for name in names}) == len(SOURCES)
    for name in names:
        (tmp_path / f"{name}.jpg").write_bytes(b"")
        assert not set(name) & set('/\\:*?"<>|#\n\0')
        assert not name.startswith((".", "-"))
    assert len(list(tmp_path.iterdir())) == len(SOURCES)
    assert names[0].startswith("a_7.png-")
    assert names[5].startswith("stdin-")
    assert names[8].startswith("film.mp4_t=12.480-")
    assert flat_name("a/7.png") == names[0]


def test_classify_writes_a_picture_for_each_frame(tmp_path: Path, capsys: Capture) -> None:
    for folder, digit in [("a", "7"), ("b", "4")]:
        (tmp_path / "in" / folder).mkdir(parents=True)
        Image.fromarray(on_paper(digit)).save(tmp_path / "in" / folder / "x.png")
    (tmp_path / "in" / "broken.png").write_bytes(b"no picture")
    out = tmp_path / "new" / "out"
    arguments = ["classify", str(tmp_path / "in"), "--annotate", str(out)]
    assert run(arguments) == 1
    pictures = sorted(out.iterdir())
    assert len(pictures) == 2
    for picture, folder, digit in zip(pictures, "ab", "74", strict=True):
        assert f"{folder}_x.png-" in picture.name
        drawn = np.asarray(Image.open(picture)).astype(int)
        assert np.abs(drawn[:, :, 0] - on_paper(digit)).mean() < 15
        assert is_color(drawn.astype(np.uint8), KNOWN.color, near=30).sum() > 500
    assert run(arguments) == 1  # the same names again
    assert sorted(out.iterdir()) == pictures


def refusal(arguments: list[str], capsys: Capture) -> tuple[int, str]:
    code = run(arguments)
    captured = capsys.readouterr()
    assert captured.out == ""  # before any frame
    assert len(captured.err.splitlines()) == 1
    return code, captured.err


@pytest.mark.parametrize("option", ["--annotate", "--explain"])
def test_folder_that_cannot_be_is_one_error_before_any_frame(
    tmp_path: Path, capsys: Capture, option: str
) -> None:
    picture = tmp_path / "7.png"
    Image.fromarray(on_paper("7")).save(picture)
    start = ["classify", str(picture), option]
    code, told = refusal([*start, str(picture)], capsys)
    assert (code, f"{option}: expected a folder, got a file: {picture}" in told) == (2, True)
    code, told = refusal([*start, "/proc/pictures"], capsys)
    assert (code, f"{option}: /proc/pictures cannot be written to" in told) == (4, True)
    inside = str(tmp_path / "out")
    code, told = refusal(["classify", str(tmp_path), option, inside], capsys)
    assert (code, "expected a folder outside of the source" in told) == (2, True)


def test_full_disk_is_told_once_and_classification_goes_on(tmp_path: Path) -> None:
    for number in range(3):
        Image.fromarray(on_paper("7", noise=20)).save(tmp_path / f"{number}.png")
    code = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
sys.dont_write_bytecode = True  # or half of it
from edge.cli import main
main(sys.argv[1:])
"""
    out = tmp_path / "out"
    files = [str(tmp_path / f"{number}.png") for number in range(3)]
    done = subprocess.run(
        [sys.executable, "-c", code, "classify", *files, "--annotate", str(out)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert [line.split()[1] for line in done.stdout.splitlines()] == ["LABEL", "7", "7", "7"]
    told, last = done.stderr.splitlines()
    assert last == "edgeproof: --annotate: 3 of 3 pictures could not be written"
    assert "--annotate: " in told
    assert "cannot be written: File too large" in told
    assert list(out.iterdir()) == []  # nothing half written
