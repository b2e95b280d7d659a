"""What takes long to draw is drawn once for the same pictures, seed and code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from train import drawn

PICTURES = np.arange(2 * 4 * 4, dtype=np.uint8).reshape(2, 4, 4, 1)


class Pen:
    """Draws, and counts how often."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> NDArray[np.uint8]:
        self.times += 1
        return np.subtract(255, PICTURES, dtype=np.uint8)


def test_second_training_finds_what_the_first_one_drew(tmp_path: Path) -> None:
    pen = Pen()
    first = drawn.kept(tmp_path, "on-paper", PICTURES, 1, pen)
    again = drawn.kept(tmp_path, "on-paper", PICTURES.copy(), 1, pen)
    assert pen.times == 1
    assert np.array_equal(first, 255 - PICTURES)
    assert np.array_equal(again, first)


def test_other_pictures_seed_or_name_are_drawn_anew(tmp_path: Path) -> None:
    pen = Pen()
    other = PICTURES.copy()
    other[0, 0, 0, 0] += 1
    drawn.kept(tmp_path, "on-paper", PICTURES, 1, pen)
    drawn.kept(tmp_path, "on-paper", other, 1, pen)
    drawn.kept(tmp_path, "on-paper", PICTURES, 2, pen)
    drawn.kept(tmp_path, "outliers-9-0.5", PICTURES, 1, pen)
    assert pen.times == 4
    assert len(list((tmp_path / drawn.FOLDER).iterdir())) == 4


def test_code_that_draws_otherwise_draws_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pen = Pen()
    drawn.kept(tmp_path, "on-paper", PICTURES, 1, pen)
    monkeypatch.setattr(drawn, "MAKERS", ("train/paper.py",))
    drawn._makers.cache_clear()
    try:
        drawn.kept(tmp_path, "on-paper", PICTURES, 1, pen)
    finally:
        drawn._makers.cache_clear()
    assert pen.times == 2


def test_interrupted_drawing_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> NDArray[np.uint8]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drawn.kept(tmp_path, "on-paper", PICTURES, 1, interrupted)
    assert not list(tmp_path.rglob("*.npz"))
