"""The first look: clear scenes need no other, unclear ones get one, and a JPEG is read in part."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edge.classifier import UNKNOWN, Classifier
from edge.cli import run
from edge.drafts import classify_frame
from edge.drawing.glance_steps import glance_steps
from edge.preprocess import find_clear
from edge.preprocess.detail import glanced_side, needed_side
from edge.preprocess.photo import to_gray
from edge.preprocess.region import Box
from edge.sources.files import to_frame
from edge.sources.frame import Frame
from edge.sources.picture import Picture, decode_picture
from edge.sources.video import read_video
from tests.drawing import on_paper, shirt
from tests.films import moving_digit, write_film
from tests.lettering import drawn_digits, write_character
from tests.profiles import rgb_profile
from tests.scenes import Scene, draw_scene, hardest, plain
from tests.test_pictures import encode
from tests.test_regions import page

Pixels = NDArray[np.uint8]

DIGITS = drawn_digits(40, 3)


@pytest.fixture(scope="module")
def digits() -> Iterator[Classifier]:
    with Classifier.load("digits") as classifier:
        yield classifier


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [draw_scene([DIGITS.frames[seed]], plain(seed), seed) for seed in range(24)]


@pytest.fixture(scope="module")
def photo() -> Scene:
    setting = replace(plain(3), width=1280, height=720, size=0.4)
    return draw_scene([DIGITS.frames[7]], setting, 3)


def shared_part(one: Box, other: Box) -> float:
    """What two boxes share, as a part of what they cover together."""
    wide = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    high = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    shared = max(0, wide) * max(0, high)
    return shared / (one[2] * one[3] + other[2] * other[3] - shared)


def test_plain_scenes_are_answered_at_the_first_look(
    digits: Classifier, scenes: list[Scene]
) -> None:
    results = [digits.classify(scene.frame) for scene in scenes]
    assert sum(result.is_glanced for result in results) >= 0.85 * len(scenes)
    for scene, result in zip(scenes, results, strict=True):
        close = digits.classify_closely(scene.frame)
        assert result.label == close.label
        if not result.is_glanced:
            assert (result.score, result.box) == (close.score, close.box)
            continue
        assert result.box is not None
        assert shared_part(result.box, scene.boxes[0]) > 0.8
        assert result.seen is not None
        assert close.seen is not None
        assert np.abs(result.seen.astype(int) - close.seen).mean() < 16


def test_hard_scenes_are_not_answered_otherwise_than_closely(digits: Classifier) -> None:
    taken = 0
    for seed in range(24):
        frame = draw_scene([DIGITS.frames[seed]], hardest(seed), seed).frame
        result = digits.classify(frame)
        taken += result.is_glanced
        assert result.label == digits.classify_closely(frame).label
    assert taken < 12


def ruled() -> Pixels:
    frame = on_paper("4")
    for row in range(60, 480, 70):
        frame[row : row + 4] = 70
    return frame


def shadowed() -> Pixels:
    """A shadow's edge beside the digit, nearly as dark as its ink."""
    frame = on_paper("7")
    frame[:, 400:] = frame[:, 400:] // 3
    return frame


def with_speck() -> Pixels:
    """Fainter than the digit's strokes, and no part of it."""
    frame = on_paper("7")
    frame[400:412, 560:572] = 140
    return frame


UNCLEAR: dict[str, Pixels] = {
    "two digits": page(("4", 40, 100), ("7", 400, 300)),
    "two digits close by": page(("4", 200, 100), ("7", 285, 100)),
    "ruled": ruled(),
    "a shadow": shadowed(),
    "a speck": with_speck(),
    "pencil": on_paper("7", paper=210, ink=165),
    "small": page(("7", 300, 200), side=30),
    "cut off": on_paper("4", at=(440, 100))[:, :600],
    "touching the border": on_paper("4")[110:],
    "blank": np.full((480, 640), 200, np.uint8),
    "dark": np.zeros((480, 640), np.uint8),
    "noise": np.random.default_rng(2).integers(0, 256, (480, 640), np.uint8),
    "one pixel": np.zeros((1, 1), np.uint8),
    "a line": np.repeat(np.arange(900) % 255, 2).reshape(2, 900).astype(np.uint8),
}


@pytest.mark.parametrize("name", list(UNCLEAR))
def test_unclear_frames_are_looked_at_closely(digits: Classifier, name: str) -> None:
    frame = UNCLEAR[name]
    assert find_clear(frame, digits.contract.input) is None
    result, close = digits.classify(frame), digits.classify_closely(frame)
    assert not result.is_glanced
    assert replace(result, latency_ms=0.0) == replace(close, latency_ms=0.0)


def test_clear_mark_that_the_model_is_unsure_of_is_looked_at_closely(digits: Classifier) -> None:
    letter = write_character("H", np.random.default_rng(1))
    frame = draw_scene([letter], plain(5), 5).frame
    assert find_clear(frame, digits.contract.input) is not None
    assert digits.glance(frame) is None
    assert not digits.classify(frame).is_glanced


def test_answer_that_is_less_than_sure_is_not_taken(
    digits: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = on_paper("7")
    score = digits.classify(frame).score
    monkeypatch.setattr("edge.classifier.SURE", score + 1e-6)
    assert digits.glance(frame) is None
    monkeypatch.setattr("edge.classifier.SURE", score)
    assert digits.glance(frame) is not None


@pytest.mark.parametrize("is_light", [False, True])
def test_gray_color_and_strided_frames_are_seen_alike(digits: Classifier, is_light: bool) -> None:
    gray = on_paper("7", noise=2.0)
    gray = np.invert(gray) if is_light else gray
    color = np.repeat(gray[:, :, np.newaxis], 3, axis=2)
    seen = [digits.glance(one) for one in (gray, color, color[:, :, ::-1], gray[::-1][::-1])]
    assert all(one is not None and one.label == "7" for one in seen)
    boxes = [one.box for one in seen if one is not None and one.box is not None]
    assert all(shared_part(box, boxes[0]) > 0.95 for box in boxes)


def test_frames_of_the_models_own_size_and_other_preprocessing_have_no_first_look(
    digits: Classifier,
) -> None:
    spec = digits.contract.input
    small = np.asarray(Image.fromarray(DIGITS.frames[0]).resize((28, 28)))
    assert find_clear(small, spec) is None
    with Classifier.load("fashion") as fashion:
        assert glanced_side(fashion.contract.input) is None
        assert fashion.glance(shirt((245, 245, 245), (70, 70, 90))) is None


def jpeg(pixels: Pixels, **options: object) -> bytes:
    return encode(Image.fromarray(pixels), "JPEG", quality=92, **options)


def decode_draft(data: bytes, digits: Classifier) -> Picture:
    spec = digits.contract.input
    return decode_picture(data, "x", needed_side(spec), glanced_side(spec))


def test_draft_is_gray_and_small_and_leads_to_the_whole(digits: Classifier, photo: Scene) -> None:
    data = jpeg(photo.frame)
    draft = decode_draft(data, digits)
    assert (draft.pixels.shape, draft.shrunk) == ((180, 320), 4)
    assert draft.more is not None
    full, plainly = draft.more(), decode_picture(data, "x", needed_side(digits.contract.input))
    assert np.array_equal(full.pixels, plainly.pixels)
    assert (full.shrunk, full.more) == (1, None)
    mean = to_gray(full.pixels).reshape(180, 4, 320, 4).mean(axis=(1, 3))
    assert np.abs(mean - draft.pixels).mean() < 2


def test_clear_draft_is_all_that_is_read_and_its_box_is_in_the_files_pixels(
    digits: Classifier, photo: Scene
) -> None:
    frame = to_frame(0, "x", decode_draft(jpeg(photo.frame), digits))

    def fail() -> Frame:
        raise AssertionError("it was decoded in full")

    result, seen = classify_frame(digits, replace(frame, more=fail))
    assert result.is_glanced
    assert result.box is not None
    x, y, width, height = (side * seen.shrunk for side in result.box)
    assert shared_part((x, y, width, height), photo.boxes[0]) > 0.8


def test_unclear_draft_is_read_in_full(digits: Classifier, photo: Scene) -> None:
    pixels = photo.frame.copy()
    pixels[:40] = 0  # a table beside the page
    pixels[200:208] = 20  # and a thick line
    frame = to_frame(0, "x", decode_draft(jpeg(pixels), digits))
    result, seen = classify_frame(digits, frame)
    assert not result.is_glanced
    assert (seen.rgb.shape, seen.shrunk) == ((720, 1280, 3), 1)
    close = digits.classify_closely(seen.rgb)
    assert replace(result, latency_ms=0.0) == replace(close, latency_ms=0.0)


def test_draft_stands_as_its_orientation_says(digits: Classifier, photo: Scene) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    draft = decode_draft(jpeg(np.rot90(photo.frame), exif=exif), digits)
    assert draft.pixels.shape == (180, 320)
    result = digits.glance(draft.pixels)
    assert result is not None
    assert result.label == str(DIGITS.targets[7])


@pytest.mark.parametrize("kind", ["PNG", "profile", "CMYK"])
def test_what_is_no_plain_jpeg_is_read_whole_at_once(digits: Classifier, kind: str) -> None:
    image = Image.fromarray(shirt((250, 240, 230), (90, 60, 30))).resize((1280, 960))
    data = {
        "PNG": lambda: encode(image, "PNG"),
        "profile": lambda: encode(image, "JPEG", icc_profile=rgb_profile(swapped=True)),
        "CMYK": lambda: encode(image.convert("CMYK"), "JPEG"),
    }[kind]()
    picture = decode_draft(data, digits)
    assert picture.more is None
    assert np.array_equal(
        picture.pixels, decode_picture(data, "x", needed_side(digits.contract.input)).pixels
    )


def test_command_gives_boxes_in_the_files_pixels(
    tmp_path: Path, photo: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "photo.jpg").write_bytes(jpeg(photo.frame))
    assert run(["classify", str(tmp_path / "photo.jpg"), "--format", "jsonl"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    told = json.loads(line)
    assert told["label"] == str(DIGITS.targets[7])
    assert shared_part(tuple(told["box"]), photo.boxes[0]) > 0.8


def test_film_gives_drafts_that_hold_the_frame(tmp_path: Path, digits: Classifier) -> None:
    film = write_film(tmp_path / "film.avi", moving_digit("7", 4, (1280, 720)))
    drafts = [one for _, one in read_video(str(film), None, 320) if isinstance(one, Picture)]
    wholes = [one for _, one in read_video(str(film), None) if isinstance(one, Picture)]
    assert len(drafts) == len(wholes) == 4
    for draft, whole in zip(drafts, wholes, strict=True):
        assert (draft.pixels.shape, draft.shrunk, whole.more) == ((180, 320), 4, None)
        assert draft.more is not None
        assert np.array_equal(draft.more().pixels, whole.pixels)
        result, close = digits.glance(draft.pixels), digits.classify_closely(whole.pixels)
        assert result is not None
        assert result.label == close.label == "7"
        assert result.box is not None
        assert close.box is not None
        x, y, width, height = (4 * side for side in result.box)
        assert shared_part((x, y, width, height), close.box) > 0.9


def test_sheet_shows_the_first_look_where_there_was_no_other(digits: Classifier) -> None:
    frame = on_paper("7")
    result = digits.classify(frame)
    assert result.is_glanced
    titles = [panel.title for panel in glance_steps(frame, [result]).panels]
    assert titles[0] == "In gray, at a first look"
    assert titles[1].startswith("Stands out: darker by up to 8")
    assert glance_steps(UNCLEAR["blank"], []).panels == ()


def test_gray_is_the_luma_of_bt_601_to_the_bit() -> None:
    colors = np.random.default_rng(1).integers(0, 256, (200, 300, 3), np.uint8)
    red, green, blue = (colors[:, :, at].astype(np.uint32) for at in range(3))
    luma = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16
    assert np.array_equal(to_gray(colors), luma)
    levels = np.repeat(np.arange(256, dtype=np.uint8)[:, np.newaxis, np.newaxis], 3, axis=2)
    assert np.array_equal(to_gray(levels)[:, 0], np.arange(256))


def test_unknown_is_never_said_at_a_first_look(digits: Classifier) -> None:
    for frame in UNCLEAR.values():
        result = digits.classify(frame)
        assert result.label != UNKNOWN or not result.is_glanced
