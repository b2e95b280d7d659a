"""`--explain`: each step on one sheet, and a sentence that says what decided."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edge.classifier import UNKNOWN, Classifier, Result, Score
from edge.cli import run
from edge.contract import Output
from edge.drawing.canvas import KNOWN, UNSURE
from edge.drawing.ink_steps import ink_steps
from edge.drawing.panels import CELL, draw_bars, draw_table
from edge.drawing.sheet import WIDTH, draw_sheet, say_why
from edge.sources.frame import Frame
from tests.drawing import on_paper, shirt
from tests.test_annotate import is_color
from tests.test_regions import page

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def digits() -> Iterator[Classifier]:
    with Classifier.load("digits") as classifier:
        yield classifier


def sheet_of(classifier: Classifier, pixels: Pixels, many: bool = False) -> Pixels:
    """uint8 (H, W, 3): the sheet of a frame."""
    top = len(classifier.labels)
    asked = classifier.classify_regions if many else lambda *one: [classifier.classify(*one)]
    results = [one for one in asked(pixels, top) if one.top]
    frame = Frame(0, "frame.png", 0.0, pixels)
    return np.asarray(draw_sheet(frame, results, classifier.contract, many))


def test_sheet_is_white_wide_and_of_its_frame(digits: Classifier) -> None:
    sheets = [sheet_of(digits, on_paper(digit)) for digit in "17"]
    for sheet in sheets:
        assert sheet.shape[1] == WIDTH == 1400
        assert (sheet[:, :20] == 255).all()
        assert (sheet[:, -20:] == 255).all()
        assert is_color(sheet, KNOWN.color).sum() > 2000
    assert sheets[0].shape == sheets[1].shape
    assert (sheets[0] != sheets[1]).any(axis=2).mean() > 0.02


def test_sheet_shows_what_the_model_saw(digits: Classifier) -> None:
    frame = on_paper("7")
    seen = digits.classify(frame).seen
    assert seen is not None
    zoom = (CELL[1] - 2) // 28
    large = np.kron(seen[:, :, 0], np.ones((zoom, zoom), np.uint8))
    sheet = sheet_of(digits, frame)[:, :, 0]
    row = large[large.shape[0] // 2]
    places = np.lib.stride_tricks.sliding_window_view(sheet, len(row), axis=1)
    assert (places == row).all(axis=2).any()


def test_every_region_has_its_panels(digits: Classifier) -> None:
    two = page(("4", 40, 100), ("7", 150, 90))
    five = page(*(("7", 20 + 110 * at, 100) for at in range(5)))
    heights = [sheet_of(digits, frame, many=True).shape[0] for frame in (two, five)]
    assert heights[1] - heights[0] > 2 * CELL[1]


def test_empty_page_says_how_much_was_missing(digits: Classifier) -> None:
    noise = np.random.default_rng(1).normal(0, 3, (480, 640))
    blank = np.clip(200 + noise, 0, 255).astype(np.uint8)
    steps = ink_steps(blank, [], many=False)
    assert steps.nothing is not None
    assert steps.nothing.startswith("Nothing stands out of the paper: the strongest difference is ")
    assert steps.nothing.endswith("% of the light, and it takes 10 %.")
    assert steps.candidates == ()
    relief = np.asarray(steps.panels[1].picture)
    assert is_color(relief, UNSURE.color, near=40).any()  # where something nearly was
    assert sheet_of(digits, blank).shape[1] == WIDTH


def test_candidates_begin_with_the_chosen_one_and_are_told_apart(digits: Classifier) -> None:
    frame = page(("4", 40, 100), ("7", 400, 300))
    result = digits.classify(frame)
    steps = ink_steps(frame, [result], many=False)
    assert steps.candidates[0].box == result.box
    other = page(("4", 40, 100))
    assert any(one.box[0] > 390 for one in steps.candidates)
    assert not any(one.box[0] > 390 for one in ink_steps(other, [], many=False).candidates)
    strokes = np.asarray(steps.panels[2].picture)
    assert is_color(strokes, KNOWN.color).any()
    assert is_color(strokes, (170, 170, 170))[1:-1, 1:-1].any()


SURE = Result("7", 0.98, (Score("7", 0.98), Score("1", 0.01)), 1.0)
SENTENCES: dict[str, tuple[Result, float | None, str]] = {
    "known": (SURE, 0.5, "7 at 0.980 is not below the threshold 0.500; the next is 1 at 0.010."),
    "below": (
        replace(SURE, label=UNKNOWN, score=0.41), 0.86,
        "7 at 0.410 is below the threshold 0.860: unknown.",
    ),
    "free": (SURE, None, "7 at 0.980 is the best, and there is no threshold; the next is 1 at"),
    "wide": (replace(SURE, label=UNKNOWN), 0.5, "7 at 0.980 would do, but it is over 1.8 times as"),
}  # fmt: skip


@pytest.mark.parametrize("case", list(SENTENCES))
def test_one_sentence_says_what_decided(case: str) -> None:
    result, threshold, expected = SENTENCES[case]
    assert say_why(result, Output(unknown_threshold=threshold)).startswith(expected)


def test_bars_are_as_long_as_the_probabilities() -> None:
    scores = (Score("1", 0.6), Score("0", 0.3), Score("2", 0.1))
    drawn = np.asarray(draw_bars(Result("1", 0.6, scores, 1.0), Output(unknown_threshold=0.5)))
    gray, blue = is_color(drawn, (170, 170, 170)), is_color(drawn, KNOWN.color)
    lengths = [int(gray[:50].sum(axis=1).max()), int(blue.sum(axis=1).max())]
    assert abs(lengths[1] / lengths[0] - 2) < 0.1
    assert np.flatnonzero(blue.any(axis=1))[0] > np.flatnonzero(gray.any(axis=1))[0]  # 0 before 1
    many = tuple(Score(f"class {at}", 0.01) for at in range(1001))
    assert draw_bars(Result("class 0", 0.01, many, 1.0), Output()).size == CELL


def test_table_points_out_what_speaks_against_a_mark() -> None:
    meanings = {"dark": "", "edges": "", "pen": ""}
    good, poor = {"dark": 0.5, "edges": 0.9, "pen": 1.0}, {"dark": 0.5, "edges": 0.1, "pen": 1.0}
    assert not is_color(np.asarray(draw_table([("1", good)], meanings)), UNSURE.color).any()
    assert is_color(np.asarray(draw_table([("1", poor)], meanings)), UNSURE.color).sum() > 200


@pytest.mark.parametrize("shape", [(1, 1), (2, 900), (28, 28), (700, 30)])
def test_any_frame_has_a_sheet(digits: Classifier, shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    for many in (False, True):
        assert sheet_of(digits, pixels, many).shape[1] == WIDTH


def test_command_writes_sheets_for_ink_and_object(tmp_path: Path) -> None:
    Image.fromarray(on_paper("7")).save(tmp_path / "7.png")
    Image.fromarray(shirt((245, 245, 245), (70, 70, 90))).save(tmp_path / "shirt.png")
    for name, model in [("7.png", "digits"), ("shirt.png", "fashion")]:
        out = tmp_path / model
        arguments = ["classify", str(tmp_path / name), "--model", model, "--explain", str(out)]
        assert run(arguments) == 0
        (path,) = out.iterdir()
        assert f"{name}-" in path.name
        assert path.suffix == ".png"
        sheet = np.asarray(Image.open(path))
        assert sheet.shape[1] == WIDTH
        assert is_color(sheet, KNOWN.color).sum() > 2000


def test_explaining_changes_no_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(on_paper("7")).save(tmp_path / "7.png")
    run(["classify", str(tmp_path / "7.png")])
    plain = capsys.readouterr().out
    run(["classify", str(tmp_path / "7.png"), "--explain", str(tmp_path / "out")])
    assert capsys.readouterr().out == plain
