"""Augmentation draws what it says, the same for the same seed, and moves pictures where it says."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from train.augment import BY_KIND, Augment, draw_lights, draw_moves


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
