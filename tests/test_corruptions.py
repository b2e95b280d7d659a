"""Corruptions of frames: seeded, harsher by level, and the same in the gate's parent and child."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from export.corruptions import CONDITIONS, Condition, at_model_size, corrupt
from tests.drawing import draw_digit
from train.datasets import INK_28
from train.photos import PHOTO

GRAY = draw_digit("4", side=28, width=4)
COLOR = np.random.default_rng(1).integers(0, 256, (40, 64, 3), dtype=np.uint8)


@pytest.mark.parametrize("condition", CONDITIONS, ids=str)
@pytest.mark.parametrize("frame", [GRAY, COLOR], ids=["gray", "color"])
def test_a_corruption_changes_pixels_and_nothing_else(
    condition: Condition, frame: NDArray[np.uint8]
) -> None:
    before = frame.copy()
    bad = corrupt(frame, condition, seed=3)
    assert (bad.shape, bad.dtype) == (frame.shape, frame.dtype)
    assert not np.array_equal(bad, frame)
    assert np.array_equal(frame, before)


@pytest.mark.parametrize("condition", CONDITIONS, ids=str)
def test_a_corruption_is_seeded(condition: Condition) -> None:
    assert np.array_equal(corrupt(GRAY, condition, 5), corrupt(GRAY, condition, 5))


def test_each_picture_is_corrupted_in_its_own_way() -> None:
    condition = Condition("noise", 2)
    assert not np.array_equal(corrupt(GRAY, condition, 5), corrupt(GRAY, condition, 6))


@pytest.mark.parametrize("kind", list(dict.fromkeys(c.kind for c in CONDITIONS)))
def test_levels_are_harsher_and_harsher(kind: str) -> None:
    def distance(level: int) -> float:
        changes = [
            np.abs(corrupt(GRAY, Condition(kind, level), seed).astype(float) - GRAY).mean()
            for seed in range(20)
        ]
        return float(np.mean(changes))

    assert distance(1) < distance(2) < distance(3)


def test_turning_and_shifting_bring_background_in() -> None:
    light = np.invert(GRAY)
    for kind in ("rotation", "shift"):
        bad = corrupt(light, Condition(kind, 3), seed=1)
        assert min(bad[0, 0], bad[0, -1], bad[-1, 0], bad[-1, -1]) > 200


def test_photos_are_corrupted_at_the_models_size() -> None:
    assert at_model_size(COLOR, PHOTO).shape == (64, 64, 3)
    assert at_model_size(GRAY, INK_28) is GRAY
