"""The gate's statistics against published values, and against their own definitions."""

from __future__ import annotations

import numpy as np
import pytest

from export.statistics import (
    MAX_SQNR_DB,
    answers_of,
    confusion,
    mcnemar,
    nll,
    paired_drop,
    paired_interval,
    pictures_needed,
    probabilities,
    recall,
    reliability,
    sqnr_db,
    wilson,
)

TWO_SIDED = 0.975


def test_wilson_interval_has_the_published_values() -> None:
    # Newcombe (1998), Statistics in Medicine 17, table I, method 3.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(29, 29) == pytest.approx((0.8830, 1.0), abs=5e-5)


def test_paired_interval_has_the_published_values() -> None:
    # Fagerland, Lydersen and Laake (2014), Statistics in Medicine 33: airway hyper-responsiveness
    # before and after transplantation, 1 and 7 discordant pairs of 21.
    assert paired_interval(1, 7, 21, TWO_SIDED) == pytest.approx((-0.517, -0.026), abs=5e-4)


@pytest.mark.parametrize("n", [30, 450, 10_000])
def test_paired_interval_of_nothing_lost_is_not_nothing(n: int) -> None:
    z2 = 1.6448536269514722**2
    low, high = paired_interval(0, 0, n, 0.95)
    assert high == pytest.approx(z2 / (n + z2))
    assert low == pytest.approx(-high)


def test_paired_interval_reaches_the_ends() -> None:
    assert paired_interval(5, 0, 5, TWO_SIDED)[1] == 1
    assert paired_interval(0, 5, 5, TWO_SIDED)[0] == -1


@pytest.mark.parametrize(
    ("n", "lost", "gained"), [(450, 0.01, 0.01), (1000, 0.03, 0.02), (10_000, 0.001, 0.0005)]
)
def test_paired_interval_covers_the_true_drop(n: int, lost: float, gained: float) -> None:
    rng = np.random.default_rng(7)
    drawn = rng.multinomial(n, [lost, gained, 1 - lost - gained], size=200)
    bounds = [paired_interval(int(b), int(c), n, 0.95)[1] for b, c, _ in drawn]
    assert 0.92 <= np.mean(np.array(bounds) >= lost - gained) <= 0.99


def test_mcnemar_has_the_published_value() -> None:
    # Armitage and Berry (1994), p. 127: 12 and 2 discordant pairs.
    assert mcnemar(12, 2) == pytest.approx(0.0129, abs=5e-5)
    assert mcnemar(0, 0) == 1.0


def test_drop_counts_pairs_and_not_totals() -> None:
    targets = np.array([0, 0, 0, 0, 1])
    drop = paired_drop(np.array([0, 0, 1, 1, 1]), np.array([1, 0, 0, 0, 1]), targets)
    assert (drop.lost, drop.gained) == (2, 1)
    assert drop.points == pytest.approx(20.0)


def test_pictures_needed_are_about_enough() -> None:
    n = pictures_needed(0.002, 0.0, 0.95)
    assert paired_interval(0, 0, n, 0.95)[1] <= 0.002 < paired_interval(0, 0, n - 5, 0.95)[1]
    n = pictures_needed(0.01, 0.02, 0.95)
    assert paired_interval(0.01 * n, 0.01 * n, n, 0.95)[1] == pytest.approx(0.01, rel=1e-3)


def test_reliability_of_overconfidence() -> None:
    """Nine tenths sure and right half the time: an error of four tenths."""
    logits = np.log(np.array([[0.9, 0.1]] * 10, np.float32))
    found = reliability(logits, np.array([0, 1] * 5), 1.0)
    assert found.error == pytest.approx(0.4, abs=1e-6)
    assert sum(found.counts) == 10
    assert found.counts[13] == 10
    assert found.accuracy[13] == 0.5


def test_temperature_changes_confidence_and_not_answers() -> None:
    logits = np.array([[4.0, 0.0]], np.float32)
    assert probabilities(logits, 2.0)[0, 0] == pytest.approx(1 / (1 + np.exp(-2)))
    assert nll(logits, np.array([0]), 1.0) == pytest.approx(np.log1p(np.exp(-4)))


def test_sqnr_is_ten_decibels_a_tenth_of_the_power() -> None:
    reference = np.array([[3.0, 2.0], [4.0, -2.0]], np.float32)
    noisy = reference + np.array([[0.3, 0.0], [0.4, 0.0]], np.float32)
    assert sqnr_db(noisy, reference) == pytest.approx([20.0, MAX_SQNR_DB], abs=1e-4)


def test_unknown_is_a_column_of_its_own_and_never_right() -> None:
    logits = np.array([[1, 0], [np.nan, np.nan], [0, 1]], np.float32)
    answers, targets = answers_of(logits), np.array([0, 0, 1])
    assert answers.tolist() == [0, -1, 1]
    assert confusion(answers, targets, 2).tolist() == [[1, 0, 1], [0, 1, 0]]
    assert recall(answers, targets, 3).tolist()[:2] == [0.5, 1.0]
    assert reliability(logits, targets, 1.0).counts[10] == 2  # softmax of 1 and 0 is 0.73
    assert np.isfinite(sqnr_db(logits, logits)).all()
