"""The scene generator: the same again for the same seed, true boxes, ink that can be read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edge.preprocess.components import find_components
from tests.conditions import garment
from tests.distractors import GROUPS, KINDS, draw_distractor
from tests.drawing import shirt
from tests.garments import draw_garment_scene
from tests.glyphs import make_glyph
from tests.lettering import drawn_digits
from tests.scenes import LADDERS, Setting, draw_scene, hardest, on_ladder, plain, several

DIGITS = drawn_digits(40, 3)


def shirt_picture() -> NDArray[np.uint8]:
    """uint8 (28, 28): a garment, bright on black, as Fashion-MNIST has them."""
    drawn = Image.fromarray(shirt((0, 0, 0), (200, 200, 200))).convert("L")
    return np.asarray(drawn.crop((105, 15, 395, 305)).resize((28, 28)))


def gray(frame: NDArray[np.uint8]) -> NDArray[np.float64]:
    return np.asarray(Image.fromarray(frame).convert("L"), np.float64)


def difference(setting: Setting, seed: int) -> NDArray[np.float64]:
    """(H, W): what the digit alone does to the frame, without noise and packing."""
    clean = replace(setting, noise=0.0, jpeg=0, sharpen=0.0, grain=0.0)
    digit = DIGITS.frames[seed % len(DIGITS)]
    with_ink = gray(draw_scene([digit], clean, seed).frame)
    return with_ink - gray(draw_scene([digit], replace(clean, contrast=0.0), seed).frame)


@pytest.mark.parametrize("draw", [plain, hardest])
def test_scene_is_the_same_for_the_same_seed_and_another_for_another(
    draw: Callable[[int], Setting],
) -> None:
    digit = DIGITS.frames[5]
    first, again = (draw_scene([digit], draw(7), 7) for _ in range(2))
    assert np.array_equal(first.frame, again.frame)
    assert first.boxes == again.boxes
    assert not np.array_equal(first.frame, draw_scene([digit], draw(7), 8).frame)


@pytest.mark.parametrize("size", [(640, 480), (1280, 720), (320, 240)])
def test_frame_has_the_size_asked_for(size: tuple[int, int]) -> None:
    setting = replace(hardest(1), width=size[0], height=size[1])
    frame = draw_scene([DIGITS.frames[2]], setting, 1).frame
    assert frame.dtype == np.uint8
    assert frame.shape == (size[1], size[0], 3)


@pytest.mark.parametrize("seed", range(12))
def test_box_holds_the_ink_and_no_more(seed: int) -> None:
    """Of a hard frame with its blur taken off, so that the ink has an edge to be measured at."""
    setting = replace(hardest(seed), defocus=0.0, motion=0.0)
    change = np.abs(difference(setting, seed))
    box = draw_scene([DIGITS.frames[seed]], setting, seed).boxes[0]
    rows, columns = np.nonzero(change > 0.5 * change.max())
    left, top, width, height = box
    assert left - 1 <= columns.min()
    assert columns.max() <= left + width
    assert top - 1 <= rows.min()
    assert rows.max() <= top + height
    filled = (np.ptp(columns) + 1, np.ptp(rows) + 1)
    assert min(filled[0] / width, filled[1] / height) > 0.5  # light falls off within a digit


@pytest.mark.parametrize("size", [0.05, 0.3, 0.9])
def test_digit_is_as_large_as_asked_whatever_the_perspective(size: float) -> None:
    for strength in (0.0, 0.3):
        setting = Setting(size=size, perspective=strength, at=(0.5, 0.5))
        box = draw_scene([DIGITS.frames[4]], setting, 1).boxes[0]
        assert max(box[2:]) == pytest.approx(size * 480, rel=0.12, abs=2)


def test_hardest_frames_can_be_read() -> None:
    """Ink differs from its paper by 12 steps at least, and by three times the noise, all of it."""
    for seed in range(30):
        setting = hardest(seed)
        change = np.abs(difference(setting, seed))
        left, top, width, height = draw_scene([DIGITS.frames[seed % 40]], setting, seed).boxes[0]
        inside = change[top : top + height, left : left + width]
        # A tenth of a digit's box at least is stroke; its best lit half says what can be seen.
        stroke = np.sort(inside.ravel())[-max(8, inside.size // 10) :]
        assert np.median(stroke) > max(12, 3 * setting.noise), seed


def test_hardest_setting_holds_all_that_it_promises() -> None:
    many = [hardest(seed) for seed in range(400)]
    sizes = [one.size for one in many]
    assert min(sizes) < 0.08
    assert max(sizes) > 0.8
    assert 0.4 < np.mean([one.shadow != "none" for one in many]) < 0.6
    assert 0.25 < np.mean([one.rules != "none" for one in many]) < 0.42
    assert 0.25 < np.mean([one.finger or one.page_edge != "none" for one in many]) < 0.42
    assert 0.2 < np.mean([one.light_on_dark for one in many]) < 0.4
    assert max(one.noise for one in many) > 10
    assert max(one.gradient for one in many) > 2.8
    # A hand and a blind are steps of the ladder: their stripes are as dark and as thick as strokes.
    assert {one.shadow for one in many} == {"none", "half", "corner"}


@pytest.mark.parametrize("condition", LADDERS)
def test_each_step_of_a_ladder_is_seen(condition: str) -> None:
    digit = DIGITS.frames[8]
    frames = [draw_scene([digit], plain(3), 3).frame]
    frames += [
        draw_scene([digit], on_ladder(condition, one, 3), 3).frame for one in LADDERS[condition]
    ]
    for at, one in enumerate(frames):
        for other in frames[:at]:
            assert not np.array_equal(one, other)


def test_number_stands_in_reading_order_without_touching() -> None:
    for seed in range(8):
        setting = several(plain(seed), seed, 5)
        boxes = draw_scene([DIGITS.frames[at] for at in range(5)], setting, seed).boxes
        for (left, _, width, _), (behind, *_) in pairwise(boxes):
            assert left + width < behind
        assert max(box[0] + box[2] for box in boxes) <= setting.width


def test_touching_digits_touch() -> None:
    """All the ink of two neighbours hangs together, where it does not when they are apart."""
    for seed in range(6):
        for touching in (False, True):
            setting = several(replace(plain(seed), tilt_deg=0.0), seed, 2, touching)
            setting = replace(setting, noise=0.0, jpeg=0, texture=0.0, gradient=1.0, defocus=0.0)
            pair = [DIGITS.frames[3], DIGITS.frames[8]]
            ink = gray(draw_scene(pair, setting, seed).frame) < 128
            assert _pieces(ink) == (1 if touching else 2)


def _pieces(ink: NDArray[np.bool_]) -> int:
    return int((find_components(ink).areas > 20).sum())


def test_pen_is_as_wide_as_asked() -> None:
    for pen in (0.05, 0.1, 0.18):
        glyph = make_glyph(DIGITS.frames[1], pen)  # a 1: no loop that bounds the pen
        ink = glyph.field > 0
        across = np.median(ink.sum(axis=1)[ink.any(axis=1)])
        assert across == pytest.approx(pen * glyph.longest, rel=0.25, abs=1.5)


def test_thick_pen_leaves_loops_open() -> None:
    for number in (0, 6, 8, 9):
        for at in range(number, 40, 10):
            field = make_glyph(DIGITS.frames[at], 0.2).field
            thin = make_glyph(DIGITS.frames[at], 0.06).field
            assert _holes(field > 0) >= min(1, _holes(thin > 0))


def _holes(ink: NDArray[np.bool_]) -> int:
    return _pieces(np.pad(~ink, 1, constant_values=True)) - 1


@pytest.mark.parametrize("kind", KINDS)
def test_frame_without_a_digit_is_drawn_anew_for_each_seed(kind: str) -> None:
    frame = draw_distractor(kind, 1)
    assert frame.dtype == np.uint8
    assert frame.ndim == 3
    assert frame.shape[2] == 3
    assert np.array_equal(frame, draw_distractor(kind, 1))
    other = draw_distractor(kind, 2)
    assert other.shape != frame.shape or not np.array_equal(frame, other)


def test_every_kind_is_in_one_group() -> None:
    assert sorted(kind for kinds in GROUPS.values() for kind in kinds) == sorted(KINDS)


def test_garment_lies_in_its_box() -> None:
    for seed in range(8):
        setting = replace(garment(seed), noise=0.0, jpeg=0, shadow="none", gradient=1.0, lamp=False)
        scene = draw_garment_scene(shirt_picture(), setting, seed)
        left, top, width, height = scene.boxes[0]
        assert max(width, height) == pytest.approx(setting.size * setting.height, rel=0.1)
        light = gray(scene.frame)
        inside = light[top : top + height, left : left + width]
        rest = np.concatenate(
            [light[: max(0, top - 60)].ravel(), light[top + height + 60 :].ravel()]
        )
        assert abs(np.median(inside) - np.median(rest)) > 12
