"""Pictures of the model's own size: passed as they are, or with their light taken back."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.preprocess import find_regions
from edge.preprocess.ready import as_ready
from tests.drawing import on_paper, shirt
from train.datasets import INK_28, OBJECT_28


def ready(picture: NDArray[np.uint8], kind: str) -> NDArray[np.uint8]:
    seen = as_ready(picture, kind)
    assert seen is not None
    return seen


DIGIT = find_regions(on_paper("4"), INK_28)[0].pixels[:, :, 0]
GARMENT = find_regions(shirt((240, 240, 240), (60, 40, 90)), OBJECT_28)[0].pixels[:, :, 0]


def noisy(light: NDArray[np.float64], sigma: float) -> NDArray[np.uint8]:
    noise = np.random.default_rng(3).normal(0, sigma, light.shape)
    return np.clip(np.rint(light + noise), 0, 255).astype(np.uint8)


LIGHTS = {
    "none": lambda ink: ink,
    "negative": lambda ink: 255.0 - ink,
    "on gray paper": lambda ink: 215 - 0.7 * ink,
    "lifted": lambda ink: 40 + 0.8 * ink,
}


@pytest.mark.parametrize("light", list(LIGHTS))
@pytest.mark.parametrize("sigma", [0, 8, 15])
def test_light_on_a_digit_of_the_models_size_is_taken_back(light: str, sigma: float) -> None:
    seen = ready(noisy(LIGHTS[light](DIGIT.astype(float)), sigma), "ink")
    assert np.abs(seen.astype(int) - DIGIT).mean() <= 0.5 + sigma / 2
    assert np.median(seen[DIGIT == 0]) == 0


@pytest.mark.parametrize("kind", ["ink", "object"])
def test_picture_of_the_convention_passes_to_the_bit(kind: str) -> None:
    picture = DIGIT if kind == "ink" else GARMENT
    assert np.array_equal(ready(picture, kind), picture)


def test_garment_is_negated_and_nothing_else() -> None:
    assert np.array_equal(ready(np.invert(GARMENT), "object"), GARMENT)


@pytest.mark.parametrize("lift", [20, 90])
def test_lifted_light_on_a_garment_is_taken_back(lift: int) -> None:
    dim = GARMENT // 2
    assert np.array_equal(ready(np.asarray(dim + np.uint8(lift)), "object"), dim)


@pytest.mark.parametrize("move", [(5, 0), (0, -5)])
def test_small_scan_that_does_not_stand_as_the_convention_says_is_looked_for(
    move: tuple[int, int],
) -> None:
    scan = np.invert(np.roll(DIGIT, move, (0, 1)))
    assert as_ready(scan, "ink") is None
    assert find_regions(scan, INK_28)[0].box is not None


def test_digit_that_is_too_small_is_looked_for() -> None:
    half = np.pad(DIGIT[::2, ::2], 7)
    assert as_ready(np.invert(half), "ink") is None


@pytest.mark.parametrize("picture", [
    np.pad(np.zeros((26, 26), np.uint8), 1, constant_values=255),
    np.tile(np.array([[0, 255], [255, 0]], np.uint8), (14, 14)),
    np.random.default_rng(1).integers(0, 256, (28, 28), np.uint8),
], ids=["frame", "checks", "noise"])  # fmt: skip
def test_pattern_of_the_models_size_is_no_digit_to_be_taken_back(
    picture: NDArray[np.uint8],
) -> None:
    assert as_ready(picture, "ink") is None
    assert as_ready(np.invert(picture), "ink") is None
