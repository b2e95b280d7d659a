"""Calibrated confidence: fitted rightly on any validation split, carried, and acted upon."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.classifier import UNKNOWN, Classifier, softmax
from edge.contract import Output
from tests.conftest import Exported
from train.confidence import (
    ANSWERED_ONE_IN,
    MAX_THRESHOLD,
    TEMPERATURES,
    fit_confidence,
    fit_temperature,
)
from train.datasets import load_dataset
from train.runs import find_run

Labelled = tuple[NDArray[np.float32], NDArray[np.int64]]


def calibrated(count: int, seed: int = 0) -> Labelled:
    """Logits whose softmax is the truth: each target is drawn by it."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, (count, 10))
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    targets = (chances.cumsum(axis=1) < rng.random((count, 1))).sum(axis=1)
    return logits.astype(np.float32), np.minimum(targets, 9)


def all_right(count: int, margin: float = 12.0) -> Labelled:
    targets = np.arange(count) % 10
    return margin * np.eye(10, dtype=np.float32)[targets], targets


def top_scores(logits: NDArray[np.float32], temperature: float) -> NDArray[np.float64]:
    """As the edge computes them."""
    output = Output(temperature=temperature)
    return np.array([softmax(row, output).max() for row in logits])


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_known_temperature_is_found_again(temperature: float) -> None:
    logits, targets = calibrated(20_000)
    found = fit_temperature(np.float32(temperature) * logits, targets)
    assert found == pytest.approx(temperature, rel=0.03)


@pytest.mark.parametrize("seed", range(5))
def test_threshold_keeps_99_of_100_right_answers(seed: int) -> None:
    """Of the pictures that it was fitted on for certain, and of others but for chance."""
    logits, targets = calibrated(3_000, seed)
    found = fit_confidence(logits, targets)
    assert found.unknown_threshold is not None
    assert found.unknown_threshold < MAX_THRESHOLD
    others, shown = calibrated(20_000, seed + 100)
    for some, truth, most in [(logits, targets, 0.01), (others, shown, 0.016)]:
        scores, right = top_scores(some, found.temperature), some.argmax(axis=1) == truth
        lost = (scores[right] < found.unknown_threshold).mean()
        assert 0.004 < lost < most
        assert (scores[~right] < found.unknown_threshold).mean() > 3 * lost


def test_temperature_changes_scores_and_no_answer() -> None:
    logits, _ = calibrated(200)
    for temperature in TEMPERATURES:
        output = Output(temperature=temperature)
        answers = [softmax(row, output).argmax() for row in logits]
        assert np.array_equal(answers, logits.argmax(axis=1))


@pytest.mark.parametrize("margin", [4.0, 12.0, 60.0])
def test_a_few_pictures_all_right_prove_no_certainty(margin: float) -> None:
    """The plain optimum would be a temperature of 0; so few say little about it."""
    found = fit_confidence(*all_right(36, margin))
    assert 0.3 < found.temperature <= 1.0
    assert found.unknown_threshold is None


def test_threshold_needs_99_right_answers() -> None:
    for right, wrong, is_said in [(98, 0, False), (99, 0, True), (98, 50, False)]:
        logits, targets = all_right(right + wrong, 1.0)
        targets[right:] = (targets[right:] + 1) % 10
        assert (fit_confidence(logits, targets).unknown_threshold is not None) == is_said


def flat(count: int, spread: float, seed: int = 1) -> NDArray[np.float32]:
    """Logits of pictures that show no class, as a network gives them that was shown such ones."""
    return np.random.default_rng(seed).normal(0, spread, (count, 10)).astype(np.float32)


def test_outliers_lower_the_threshold_to_what_keeps_them_back() -> None:
    logits, targets = all_right(3_000, 9.0)
    logits += np.random.default_rng(2).normal(0, 0.5, logits.shape).astype(np.float32)
    outliers = flat(1_000, 0.5)
    plain, found = fit_confidence(logits, targets), fit_confidence(logits, targets, outliers)
    assert found.temperature == plain.temperature
    assert found.unknown_threshold is not None
    assert plain.unknown_threshold is not None
    assert found.unknown_threshold < plain.unknown_threshold
    scores = top_scores(outliers, found.temperature)
    assert (scores >= found.unknown_threshold).mean() == 1 / ANSWERED_ONE_IN
    assert (top_scores(logits, found.temperature) >= found.unknown_threshold).all()


def test_outliers_that_look_like_a_class_cost_no_more_right_answers() -> None:
    logits, targets = calibrated(3_000)
    for outliers in (all_right(1_000, 20.0)[0], flat(1_000, 8.0)):
        assert fit_confidence(logits, targets, outliers) == fit_confidence(logits, targets)


def test_outliers_in_which_nothing_was_found_say_nothing() -> None:
    logits, targets = all_right(3_000, 9.0)
    outliers = flat(1_000, 0.5)
    holes = np.insert(outliers, [3, 77], np.nan, axis=0)
    assert fit_confidence(logits, targets, holes) == fit_confidence(logits, targets, outliers)
    nothing = fit_confidence(logits, targets, np.full((5, 10), np.nan, np.float32))
    assert nothing.unknown_threshold == 0.0


def test_equal_outliers_are_all_kept_back() -> None:
    logits, targets = all_right(3_000, 9.0)
    found = fit_confidence(logits, targets, np.zeros((300, 10), np.float32))
    assert found.unknown_threshold is not None
    assert 0.1 < found.unknown_threshold < 0.101


def test_equal_scores_are_all_kept() -> None:
    logits, targets = all_right(300, 1.0)
    targets[:100] = (targets[:100] + 1) % 10  # a poor model, never surer than the cap
    found = fit_confidence(logits, targets)
    assert found.unknown_threshold is not None
    assert found.unknown_threshold < MAX_THRESHOLD
    assert (top_scores(logits, found.temperature) >= found.unknown_threshold).all()


def test_a_model_that_is_sure_of_everything_is_held_to_the_cap() -> None:
    found = fit_confidence(*all_right(6_000, 200.0))
    assert found.unknown_threshold == MAX_THRESHOLD
    assert found.temperature >= TEMPERATURES[0]


def test_pictures_that_hold_nothing_say_nothing() -> None:
    logits, targets = calibrated(500)
    holes = np.insert(logits, [3, 77], np.nan, axis=0)
    assert fit_confidence(holes, np.insert(targets, [3, 77], 0)) == fit_confidence(logits, targets)
    nothing = fit_confidence(np.full((40, 10), np.nan, np.float32), np.zeros(40, np.int64))
    assert (nothing.temperature, nothing.unknown_threshold) == (1.0, None)


def test_a_class_without_pictures_is_no_obstacle() -> None:
    logits, targets = calibrated(4_000)
    some = targets < 8
    found = fit_confidence(logits[some], targets[some])
    assert 0.9 < found.temperature < 1.3
    assert found.unknown_threshold is not None


def test_a_model_that_is_always_wrong_is_not_trusted() -> None:
    logits, targets = all_right(400)
    found = fit_confidence(logits, (targets + 1) % 10)
    assert found.temperature == pytest.approx(TEMPERATURES[1], rel=1e-3)
    assert found.unknown_threshold is None


@pytest.mark.parametrize("variant", ["float32", "int8"])
def test_what_the_training_fitted_stands_in_every_contract(
    exported: Exported, variant: str
) -> None:
    fitted = find_run(str(exported.run)).record.confidence
    output = exported.bundle(variant).contract.output
    assert fitted is not None
    assert fitted.temperature != 1.0
    assert fitted.unknown_threshold is not None
    assert output == Output("logits", fitted.temperature, fitted.unknown_threshold)


def test_training_fits_on_its_validation_pictures(exported: Exported) -> None:
    """Float logits of the exported model on the stored split give run.json's own numbers."""
    run, data = find_run(str(exported.run)), load_dataset("optdigits")
    held_out = data.train.take(run.split().validation)
    with Classifier(exported.bundle("float32")) as classifier:
        logits = np.stack([classifier.logits(frame) for frame in held_out])
    found, fitted = fit_confidence(logits, held_out.targets), run.record.confidence
    assert fitted is not None
    assert found.temperature == pytest.approx(fitted.temperature, rel=1e-3)
    assert found.unknown_threshold == pytest.approx(fitted.unknown_threshold, rel=1e-3)


def test_score_below_the_threshold_is_answered_unknown(exported: Exported) -> None:
    bundle, frames = exported.bundle(), np.asarray(load_dataset("optdigits").test.frames)[:40]
    with Classifier(bundle) as classifier:
        scores = np.array([classifier.classify(frame).score for frame in frames])
    least = float(np.sort(scores)[20])
    contract = replace(
        bundle.contract, output=replace(bundle.contract.output, unknown_threshold=least)
    )
    with Classifier(replace(bundle, contract=contract)) as classifier:
        results = [classifier.classify(frame) for frame in frames]
    assert [one.label == UNKNOWN for one in results] == (scores < least).tolist()
    assert all(one.top[0].score == one.score for one in results)  # what it would have said


def test_proof_counts_what_the_threshold_leaves(exported: Exported) -> None:
    for variant in ("float32", "int8"):
        bundle, test = exported.bundle(variant), load_dataset("optdigits").test
        with Classifier(bundle) as classifier:
            labels = [classifier.classify(frame).label for frame in test]
        truth = [bundle.labels[target] for target in test.targets]
        answered = [(a, b) for a, b in zip(labels, truth, strict=True) if a != UNKNOWN]
        assert bundle.proof is not None
        counts = {(one.answered.n, one.answered.correct) for one in bundle.proof.measurements}
        assert (len(answered), sum(a == b for a, b in answered)) in counts
