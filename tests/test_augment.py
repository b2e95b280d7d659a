"""Augmentation draws what it says, the same for the same seed, and moves pictures where it says."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from train.augment import (
    BY_KIND,
    KNOTS,
    Augment,
    draw_bends,
    draw_erasures,
    draw_lights,
    draw_moves,
    draw_pens,
)


def moved(point: tuple[float, float], move: NDArray[np.float32]) -> tuple[float, float]:
    """Where in the input the output's (x, y) is taken from."""
    a0, a1, a2, b0, b1, b2 = move[:6]
    return a0 * point[0] + a1 * point[1] + a2, b0 * point[0] + b1 * point[1] + b2


def test_nothing_asked_for_changes_nothing() -> None:
    moves = draw_moves(Augment(), 4, (28, 20), np.random.default_rng(1))
    assert np.allclose(moves, [1, 0, 0, 0, 1, 0, 0, 0], atol=1e-6)
    lights = draw_lights(Augment(), 4, np.random.default_rng(1))
    assert np.allclose(lights, [1, 0])


def test_shift_stays_in_its_range_and_uses_it() -> None:
    moves = draw_moves(Augment(shift=0.1), 2000, (50, 100), np.random.default_rng(1))
    right, down = -moves[:, 2], -moves[:, 5]
    assert 9.5 < right.max() <= 10
    assert -10 <= right.min() < -9.5
    assert 4.7 < down.max() <= 5
    assert np.allclose(moves[:, [0, 1, 3, 4]], [1, 0, 0, 1])


@pytest.mark.parametrize("augment", [Augment(mirror=True), Augment(rotate_degrees=30, zoom=0.2)])
def test_center_stays_where_it_is(augment: Augment) -> None:
    center = (9.5, 13.5)
    for move in draw_moves(augment, 200, (28, 20), np.random.default_rng(3)):
        assert moved(center, move) == pytest.approx(center, abs=1e-4)


def test_half_of_the_pictures_are_mirrored() -> None:
    moves = draw_moves(Augment(mirror=True), 2000, (8, 8), np.random.default_rng(1))
    assert 0.45 < np.mean(moves[:, 0] < 0) < 0.55
    assert moved((0, 3), moves[moves[:, 0] < 0][0]) == pytest.approx((7, 3))


def test_light_keeps_to_its_range() -> None:
    augment = Augment(brightness=0.1, contrast=0.2)
    gain, lift = draw_lights(augment, 2000, np.random.default_rng(1)).T
    assert 0.8 <= gain.min() < 0.81
    assert 1.19 < gain.max() <= 1.2
    assert np.abs(127.5 * gain + lift - 127.5).max() <= 25.6  # mid gray moves by brightness alone


@pytest.mark.parametrize("kind", sorted(BY_KIND))
def test_same_seed_draws_the_same(kind: str) -> None:
    first, again, other = (
        draw_moves(BY_KIND[kind], 16, (28, 28), np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_slant_moves_what_is_above_to_one_side() -> None:
    side = (28, 28)
    moves = draw_moves(Augment(shear_degrees=20), 2000, side, np.random.default_rng(1))
    assert np.allclose(moves[:, [0, 3, 4]], [1, 0, 1], atol=1e-6)  # nothing is turned or scaled
    slant = np.degrees(np.arctan(moves[:, 1]))
    assert 19 < slant.max() <= 20
    assert -20 <= slant.min() < -19
    for move in moves[:50]:
        assert moved((13.5, 13.5), move) == pytest.approx((13.5, 13.5), abs=1e-4)
        up, down = moved((13.5, 3.5), move)[0], moved((13.5, 23.5), move)[0]
        assert up - 13.5 == pytest.approx(13.5 - down, abs=1e-4)


def test_what_is_not_asked_for_draws_nothing() -> None:
    """A recipe without slant fits the very pictures that it did before there was one."""
    used, plain, slanted = (np.random.default_rng(1) for _ in range(3))
    draw_moves(Augment(0.07, 10, 0.1), 16, (28, 28), used)
    draw_moves(Augment(0.07, 10, 0.1, shear_degrees=5), 16, (28, 28), slanted)
    plain.random(5 * 16)  # angle, size, mirror and two ways to move
    drawn = [rng.random() for rng in (used, plain, slanted)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_pens_keep_to_their_range_and_only_blur() -> None:
    widening, blur = draw_pens(Augment(stroke=0.5, blur=0.4), 2000, np.random.default_rng(1)).T
    assert -0.5 <= widening.min() < -0.49
    assert 0.49 < widening.max() <= 0.5
    assert 0 <= blur.min() < 0.01
    assert 0.39 < blur.max() <= 0.4
    assert 0.08 < np.median(blur) < 0.12  # a quarter of the most


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_pen_widens_narrows_and_blurs_a_stroke(backend: str) -> None:
    """A stroke three pixels wide: half a pixel more on each side, half a pixel less, and softer."""
    code = """
from train.devices import start_backend; start_backend()
import json
import json
import os
import subprocess
import sys

import numpy as np
from train.layers import Pen
stroke = np.zeros((1, 9, 9, 1), np.uint8)
stroke[:, :, 3:6] = 200
pens = [[0, 0], [0.5, 0], [-0.5, 0], [0, 0.3]]
rows = [np.asarray(Pen()(stroke, np.float32([pen])))[0, 4, :, 0].tolist() for pen in pens]
print(json.dumps(rows))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        check=True,
    )
    same, wide, narrow, soft = json.loads(done.stdout)
    assert same == [0, 0, 0, 200, 200, 200, 0, 0, 0]
    assert wide == [0, 0, 100, 200, 200, 200, 100, 0, 0]
    assert narrow == [0, 0, 0, 100, 200, 100, 0, 0, 0]
    assert soft == pytest.approx([0, 20 / 3, 20, 180, 560 / 3, 180, 20, 20 / 3, 0], abs=0.01)


def test_still_pictures_move_by_whole_pixels_and_nothing_else() -> None:
    augment = Augment(0.1, 10, 0.1, shear_degrees=10, mirror=True, still=0.4)
    moves = draw_moves(augment, 2000, (28, 28), np.random.default_rng(1))
    is_whole = np.all(np.abs(moves - np.round(moves)) < 1e-4, axis=1)
    assert 0.36 < is_whole.mean() < 0.44
    assert set(np.round(moves[is_whole][:, 0])) == {-1, 1}  # mirrored or not
    assert len(set(np.round(moves[is_whole][:, 5]))) == 7  # up to 2.8 pixels, both ways
    plain = draw_moves(Augment(0.1, 10, 0.1, 10, True), 2000, (28, 28), np.random.default_rng(1))
    assert np.array_equal(moves[~is_whole], plain[~is_whole])


def test_erasures_lie_within_and_cover_their_share() -> None:
    drawn = draw_erasures(Augment(erase=0.25), 4000, (28, 20), np.random.default_rng(1))
    top, left, bottom, right, gray = drawn.T
    assert min(top.min(), left.min()) == 0
    assert (bottom.max(), right.max()) == (28, 20)
    area = (bottom - top) * (right - left)
    assert 0.22 < np.mean(area > 0) < 0.28
    assert 0.015 < area[area > 0].min() / 560 < 0.03
    assert 0.3 < area.max() / 560 < 0.36
    assert 0 <= gray.min() < 2
    assert 253 < gray.max() <= 255


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_erasure_paints_its_rectangle_alone(backend: str) -> None:
    code = """
from train.devices import start_backend; start_backend()
import json
import numpy as np
from train.layers import Erase
pixels = np.full((2, 3, 4, 1), 9, np.uint8)
boxes = np.float32([[1, 2, 3, 4, 200], [1, 2, 1, 4, 200]])
print(json.dumps(np.asarray(Erase()(pixels, boxes))[..., 0].tolist()))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        check=True,
    )
    painted, left_alone = json.loads(done.stdout)
    assert painted == [[9, 9, 9, 9], [9, 9, 200, 200], [9, 9, 200, 200]]
    assert left_alone == [[9] * 4] * 3


def test_bends_keep_to_their_range_and_leave_still_pictures_alone() -> None:
    augment = Augment(shift=0.1, rotate_degrees=10, bend=0.05, still=0.4)
    moves = draw_moves(augment, 2000, (28, 20), np.random.default_rng(1))
    bends = draw_bends(augment, moves, (28, 20), np.random.default_rng(2))
    assert bends.shape == (2000, KNOTS, KNOTS, 2)
    assert 0.98 < bends[..., 0].max() <= 1.0  # a twentieth of the width
    assert -1.4 <= bends[..., 1].min() < -1.38  # and of the height
    is_straight = np.all(bends == 0, axis=(1, 2, 3))
    assert np.array_equal(is_straight, np.all(np.abs(moves - np.round(moves)) < 1e-4, axis=1))
    assert 0.36 < is_straight.mean() < 0.44


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_bend_is_its_move_where_nothing_bends_and_carries_parts_elsewhere(backend: str) -> None:
    code = """
from train.devices import start_backend; start_backend()
import json
import numpy as np
from train.augment import KNOTS, Augment, draw_moves
from train.layers import Bend, Move
rng = np.random.default_rng(1)
pixels = rng.integers(0, 256, (6, 9, 12, 2)).astype(np.uint8)
moves = draw_moves(Augment(0.2, 30, 0.2, 10, True), 6, (9, 12), rng)
flat = np.zeros((6, KNOTS, KNOTS, 2), np.float32)
apart = [
    float(np.abs(np.asarray(Bend(fill)(pixels, moves, flat)) - Move(fill)(pixels, moves)).max())
    for fill in ("constant", "nearest")
]
column = np.zeros((1, 9, 9, 1), np.uint8)
column[:, :, 4] = 200
upper = np.zeros((1, KNOTS, KNOTS, 2), np.float32)
upper[:, :2, :, 0] = 2  # the upper part is taken from two pixels further right
bent = np.asarray(Bend("constant")(column, np.float32([[1, 0, 0, 0, 1, 0, 0, 0]]), upper))
print(json.dumps([apart, bent[0, :, :, 0].argmax(axis=1).tolist()]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        check=True,
    )
    apart, at = json.loads(done.stdout)
    assert max(apart) < 0.01
    assert at[0] == 2  # so it is seen two pixels further left
    assert at[-1] == 4
