"""Training pictures on paper: the same digits, as the edge's own finder sees them, repeatable."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.errors import UsageError
from train.datasets import INK_28, OBJECT_28
from train.outliers import check_kind, printed_digits
from train.paper import draw_page, find_on_paper


@pytest.fixture(scope="module")
def digits() -> NDArray[np.uint8]:
    return printed_digits((28, 28))[:40, :, :, np.newaxis]


def alike(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Correlation of two pictures, 1 for the same shape."""
    return float(np.corrcoef(one.ravel().astype(float), other.ravel().astype(float))[0, 1])


def test_a_digit_on_paper_is_found_as_itself(digits: NDArray[np.uint8]) -> None:
    found = find_on_paper(digits, seed=1)
    assert found.shape == digits.shape
    assert found.dtype == np.uint8
    near = [alike(*pair) for pair in zip(digits, found, strict=True)]
    assert np.median(near) > 0.8
    others = [alike(*pair) for pair in zip(digits, np.roll(found, 5, axis=0), strict=True)]
    assert np.median(near) > np.median(others) + 0.3
    assert all((one != other).any() for one, other in zip(digits, found, strict=True))


def test_same_seed_finds_the_same(digits: NDArray[np.uint8]) -> None:
    few = digits[:6]
    first, again, other = (find_on_paper(few, seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_processes_find_what_one_finds(
    digits: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = find_on_paper(digits[:6], seed=3)
    monkeypatch.setattr("train.paper.SERIAL", 0)
    assert np.array_equal(find_on_paper(digits[:6], seed=3), alone)


def test_pages_differ_in_size_light_and_polarity(digits: NDArray[np.uint8]) -> None:
    rng = np.random.default_rng(5)
    pages = [draw_page(digits[0, :, :, 0], rng) for _ in range(60)]
    assert len({page.shape for page in pages}) > 20
    # Paper shows at the corners, ink in the middle.
    grounds = np.array([np.median(page) for page in pages])
    assert grounds.min() < 80 < 110 < grounds.max()


def test_an_empty_picture_stays_as_it_was() -> None:
    empty = np.zeros((1, 28, 28, 1), np.uint8)
    assert np.array_equal(find_on_paper(empty, seed=1), empty)


def test_paper_is_for_handwriting() -> None:
    check_kind(INK_28, "on_paper")
    with pytest.raises(UsageError, match=r"on_paper: expected handwriting .* got .* kind object"):
        check_kind(OBJECT_28, "on_paper")
