"""Frames to tensors: unchanged where they are ready, normalised where they are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.contract import Input, Preprocess
from edge.errors import FrameError, NothingFound
from edge.preprocess import prepare
from edge.preprocess.components import find_components
from edge.preprocess.ink import find_ink
from edge.preprocess.photo import to_gray
from tests.drawing import draw_digit, on_paper, shirt
from train.datasets import INK_28, OBJECT_28, load_dataset

PHOTO_8 = Input(8, 8, "rgb", Preprocess("photo", (0.0,) * 3, (255.0,) * 3, fit="crop"))


def normalized(frame: NDArray[np.uint8]) -> NDArray[np.int64]:
    """(28, 28) of the one thing that is meant."""
    (region,) = find_ink(frame, 28, 28)
    return region.pixels[:, :, 0].astype(np.int64)


def reference(digit: str) -> NDArray[np.int64]:
    """The digit as its own normalisation gives it from a clean drawing."""
    return normalized(draw_digit(digit))


def difference(found: NDArray[np.int64], expected: NDArray[np.int64]) -> float:
    """Part of the ink that differs, at the best shift by one pixel: a centre of mass that lies
    between two pixels falls to either side."""
    shifts = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    return min(
        float(np.abs(np.roll(found, shift, (0, 1)) - expected).sum()) for shift in shifts
    ) / float(expected.sum())


@pytest.mark.parametrize("spec", [INK_28, OBJECT_28], ids=["ink", "object"])
def test_ready_picture_passes_unchanged(spec: Input) -> None:
    for frame in np.asarray(load_dataset("optdigits").test.frames)[:50]:
        assert np.array_equal(prepare(frame, spec)[:, :, 0], frame / np.float32(255))


def test_gray_and_rgb_of_the_same_picture_give_the_same_tensor() -> None:
    gray = np.random.default_rng(1).integers(0, 256, (40, 30), dtype=np.uint8)
    rgb = np.repeat(gray[:, :, np.newaxis], 3, axis=2)
    assert np.array_equal(to_gray(rgb), gray)
    assert np.array_equal(prepare(gray, PHOTO_8), prepare(rgb, PHOTO_8))


@pytest.mark.parametrize("digit", ["1", "4", "7"])
@pytest.mark.parametrize(
    "paper",
    [
        {},
        {"at": (400, 250)},
        {"paper": 30, "ink": 220},
        {"paper": 120, "ink": 70},
        {"slope": 0.5},
        {"noise": 6.0},
    ],
    ids=["plain", "corner", "light-on-dark", "faint", "slope", "noise"],
)
def test_ink_is_found_whatever_the_paper(digit: str, paper: dict[str, float]) -> None:
    found = normalized(on_paper(digit, **paper))  # type: ignore[arg-type]
    assert difference(found, reference(digit)) < 0.2


def test_ink_follows_the_mnist_convention() -> None:
    digit = reference("4")
    rows, columns = np.nonzero(digit > 0)
    assert max(np.ptp(rows), np.ptp(columns)) + 1 in (19, 20)
    center = np.average(np.indices(digit.shape).reshape(2, -1), axis=1, weights=digit.ravel())
    assert np.abs(center - 13.5).max() <= 1
    assert digit.max() == 255


@pytest.mark.parametrize("frame", [
    np.zeros((28, 28), np.uint8) + 200,
    np.zeros((28, 28), np.uint8),
    np.full((300, 400, 3), 255, np.uint8),
    np.random.default_rng(2).normal(128, 4, (300, 400)).astype(np.uint8),
    np.random.default_rng(2).normal(10, 5, (300, 400)).clip(0, 255).astype(np.uint8),
    np.zeros((1, 1), np.uint8) + 9,
], ids=["ready-size", "ready-black", "white", "noise", "dark-noise", "one-pixel"])  # fmt: skip
@pytest.mark.parametrize("spec", [INK_28, OBJECT_28], ids=["ink", "object"])
def test_empty_frame_is_nothing_and_no_answer(frame: NDArray[np.uint8], spec: Input) -> None:
    with pytest.raises(NothingFound):
        prepare(frame, spec)


@pytest.mark.parametrize(
    ("ground", "cloth"),
    [((250, 250, 250), (60, 40, 90)), ((20, 20, 25), (200, 180, 90))],
    ids=["dark-on-light", "light-on-dark"],
)
def test_object_fills_the_field_light_on_black(
    ground: tuple[int, int, int], cloth: tuple[int, int, int]
) -> None:
    picture = prepare(shirt(ground, cloth), OBJECT_28)[:, :, 0]
    _, columns = np.nonzero(picture > 0.2)
    assert (columns.min(), columns.max()) == (0, 27)  # the longer side
    assert picture[[0, 0, -1, -1], [0, -1, 0, -1]].max() == 0
    assert picture[14, 14] > 0.5


def test_photo_crop_keeps_the_center_and_letterbox_keeps_all() -> None:
    frame = np.zeros((20, 60, 3), np.uint8)
    frame[:, :20], frame[:, 20:40], frame[:, 40:] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    cropped = prepare(frame, PHOTO_8)
    assert np.allclose(cropped, [0, 1, 0])
    boxed = prepare(
        frame, replace(PHOTO_8, preprocess=replace(PHOTO_8.preprocess, fit="letterbox"))
    )
    assert np.allclose(boxed[[0, -1]], 0)
    assert boxed[4, 0].argmax() == 0
    assert boxed[4, -1].argmax() == 2


def test_photo_shrinks_without_skipping_pixels() -> None:
    stripes = np.zeros((64, 64), np.uint8)
    stripes[:, ::2] = 255
    assert np.abs(prepare(stripes, PHOTO_8) - 0.5).max() < 0.02


def test_photo_applies_the_declared_numbers() -> None:
    recipe = Preprocess("photo", (10.0, 20.0, 30.0), (2.0, 4.0, 5.0), fit="crop")
    tensor = prepare(np.full((9, 9, 3), 100, np.uint8), replace(PHOTO_8, preprocess=recipe))
    assert np.allclose(tensor, [45, 20, 14])


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((4, 4), np.float32),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((0, 4), np.uint8),
        [[1, 2], [3, 4]],
    ],
    ids=["float", "rgba", "empty", "list"],
)
def test_what_is_no_frame_is_refused_with_what_came(frame: object) -> None:
    with pytest.raises(FrameError, match=r"a frame is a uint8 array .* got"):
        prepare(frame, INK_28)  # type: ignore[arg-type]


def test_components_touch_over_corners_and_not_over_gaps() -> None:
    mask = np.array([[1, 0, 0, 1, 1], [0, 1, 0, 0, 0], [0, 0, 0, 1, 1], [1, 0, 0, 1, 0]], bool)
    found = find_components(mask)
    assert sorted(found.areas.tolist()) == [1, 2, 2, 3]
    assert np.array_equal(found.mask(np.ones(4, bool)), mask)
    diagonal = int(found.labels[0])
    assert found.boxes[diagonal].tolist() == [0, 0, 2, 2]


def test_components_join_a_u_from_both_arms() -> None:
    mask = np.zeros((6, 7), bool)
    mask[:, 0] = mask[:, 6] = mask[5] = True
    assert find_components(mask).areas.tolist() == [17]
