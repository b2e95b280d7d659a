"""Strokes stand out of a surface; light and its edges do not; ruled lines are taken out."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.preprocess.lines import erase_lines
from edge.preprocess.pieces import find_pieces
from edge.preprocess.relief import relief, widen
from edge.preprocess.strokes import find_marks
from tests.drawing import draw_digit, on_paper

WINDOW = 17


def half_lit(dark: float = 0.4) -> NDArray[np.float64]:
    """(120, 160): light that falls to a part at a slanting edge."""
    rows, columns = np.mgrid[:120, :160]
    return np.where(columns + rows / 2 < 100, 1.0, dark)


def stroke(shape: tuple[int, int] = (120, 160), width: int = 6) -> NDArray[np.bool_]:
    """A horizontal stroke across the edge of `half_lit`."""
    mask = np.zeros(shape, bool)
    mask[40 : 40 + width, 30:130] = True
    return mask


@pytest.mark.parametrize("is_light", [False, True])
def test_edge_of_a_shadow_stands_out_nowhere(is_light: bool) -> None:
    ground = relief((220 * half_lit()).astype(np.uint8), WINDOW, is_light)
    assert float(ground.strength[20:-20, 20:-20].max()) < 0.02


def test_slope_of_light_stands_out_nowhere() -> None:
    slope = np.linspace(60, 230, 160)[np.newaxis].repeat(120, axis=0)
    assert float(relief(slope.astype(np.uint8), WINDOW, False).strength.max()) < 0.03


def test_ink_is_as_strong_in_the_shadow_as_in_the_light() -> None:
    reflected = np.where(stroke(), 0.3, 0.9) * half_lit()
    strength = relief((255 * reflected).astype(np.uint8), WINDOW, False).strength
    in_light, in_shadow = float(strength[43, 50]), float(strength[43, 115])
    assert in_light == pytest.approx(2 / 3, abs=0.03)
    assert in_shadow == pytest.approx(2 / 3, abs=0.05)


def test_soft_edge_of_chalk_rises_as_evenly_as_that_of_ink() -> None:
    """Half of the difference is half of the strength, or strokes would come out thicker."""
    soft = np.repeat(np.clip((np.arange(40) - 15) / 4, 0, 1)[np.newaxis], 20, axis=0)
    soft = np.minimum(soft, soft[:, ::-1])
    for is_light, frame in [(True, 40 + 180 * soft), (False, 220 - 180 * soft)]:
        strength = relief(frame.astype(np.uint8), 31, is_light).strength[10]
        half = float(strength[np.abs(soft[10] - 0.5).argmin()] / strength.max())
        assert half == pytest.approx(0.5, abs=0.12)


@pytest.mark.parametrize("sigma", [2.0, 6.0, 12.0])
@pytest.mark.parametrize("paper", [60, 200])
def test_noise_stays_below_its_floor(sigma: float, paper: int) -> None:
    noisy = np.random.default_rng(1).normal(paper, sigma, (240, 320)).clip(0, 255)
    for is_light in (False, True):
        ground = relief(noisy.astype(np.uint8), WINDOW, is_light)
        assert np.mean(ground.strength > ground.floor) < 1e-4


def test_widen_is_the_brightest_of_the_window() -> None:
    point = np.zeros((9, 9), np.uint8)
    point[4, 4] = 200
    assert (
        np.argwhere(widen(point, 5) == 200).tolist()
        == np.argwhere(np.pad(np.ones((5, 5)), 2)).tolist()
    )


def ruled(pitch: int = 40, tilt: float = 0.03, thickness: int = 3) -> NDArray[np.bool_]:
    """(480, 640): slightly tilted lines."""
    rows, columns = np.mgrid[:480, :640]
    return (rows + tilt * columns) % pitch < thickness


def test_ruled_lines_go_and_what_crosses_them_stays() -> None:
    digit = np.zeros((480, 640), bool)
    digit[100:300, 200:400] = draw_digit("4") > 127
    kept = erase_lines(digit | ruled(), 7)
    assert kept[:, 450:].mean() < 0.02 * ruled()[:, 450:].mean()
    assert (kept & digit).sum() > 0.97 * digit.sum()


def test_grid_goes_both_ways() -> None:
    grid = ruled() | ruled(tilt=0.05).T[:480, :480].repeat(2, axis=1)[:, :640]
    assert (
        erase_lines(ruled() | np.ascontiguousarray(ruled().T[:480]).repeat(2, axis=1)[:, :640], 7)[
            100:-100, 100:-100
        ].mean()
        < 0.2 * grid.mean()
    )


def test_strokes_of_a_digit_are_no_lines() -> None:
    digit = np.zeros((480, 640), bool)
    digit[100:300, 200:400] = draw_digit("7") > 127
    assert np.array_equal(erase_lines(digit, 7), digit)


def test_line_that_touches_a_digit_falls_off_it() -> None:
    frame = on_paper("4")
    frame[205:208] = np.minimum(frame[205:208], 150)  # a pale line through its bar
    pieces = find_pieces(relief(frame, WINDOW, False), 7)
    widest = (pieces.components.boxes[:, 2] - pieces.components.boxes[:, 0]).max()
    assert widest < 220  # the digit's own


@pytest.mark.parametrize("polarity", ["dark", "light"])
def test_marks_say_where_and_of_which_polarity(polarity: str) -> None:
    frame = on_paper("4") if polarity == "dark" else on_paper("4", paper=40, ink=220)
    best = max(find_marks(frame), key=lambda mark: mark.extent * mark.edged * mark.alone)
    assert best.is_light == (polarity == "light")
    left, top, right, bottom = best.box
    rows, columns = np.nonzero(np.abs(frame.astype(int) - int(frame[0, 0])) > 90)
    edges = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    assert np.abs(np.array([left, top, right, bottom]) - edges).max() <= 6
