"""Which marks are taken for writing, of marks as the finder describes them."""

from __future__ import annotations

import numpy as np

from edge.preprocess.choice import choose_all
from edge.preprocess.strokes import Mark

SHAPE = (480, 640)


def mark(
    left: float,
    top: float,
    height: float = 60,
    *,
    strength: float = 0.7,
    stroke: float = 8,
    is_light: bool = False,
) -> Mark:
    """Something sharp, by itself, two thirds as wide as high."""
    width = height * 2 / 3
    return Mark(
        box=(left, top, left + width, top + height),
        mask=np.ones((round(height), round(width)), bool),
        is_light=is_light,
        strength=strength,
        thickness=stroke / height,
        edged=1.0,
        alone=1.0,
        touches=0,
        is_whole=True,
        scale=1.0,
        level=0,
    )


NUMBER = [mark(60 + 80 * index, 100) for index in range(5)]


def test_tip_of_a_shadow_is_no_part_of_a_number() -> None:
    """Fainter than the writing and broader, on no line of it."""
    tip = mark(300, 300, strength=0.46, stroke=16)
    assert set(choose_all([*NUMBER, tip], SHAPE)) == set(NUMBER)


def test_faint_broad_digit_on_the_line_is_kept() -> None:
    blurred = mark(480, 105, strength=0.46, stroke=16)
    assert blurred in choose_all([*NUMBER, blurred], SHAPE)


def test_second_line_of_another_pen_is_kept() -> None:
    for other in (mark(60, 300, strength=0.46), mark(60, 300, stroke=16)):
        assert other in choose_all([*NUMBER, other], SHAPE)


def test_specks_do_not_outweigh_a_number() -> None:
    """As JPEG leaves them on a dark page, of the other polarity: faint, small and many."""
    specks = [
        mark(20 * (index % 30), 300 + 20 * (index // 30), 10, strength=0.3, stroke=2, is_light=True)
        for index in range(60)
    ]
    assert set(choose_all([*NUMBER, *specks], SHAPE)) == set(NUMBER)
