"""Model cards and the Pareto page: what is committed is what the facts give, and sums are right."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cards.__main__ import Plot, all_contents, is_current
from cards.errors import CannotTell
from cards.facts import Card, Places, read_cards
from cards.measured import find_measured, from_report
from cards.network import read_network
from cards.notes import read_notes
from cards.pareto.page import standing
from cards.pareto.points import frontier, gather
from cards.pareto.published import read_published, total
from cards.pictures import digest, drawn_from, save
from cards.scenes import find_scenes
from tests.conftest import ROOT
from tests.test_cost import model_of

PLACES = Places(ROOT, None)
"""What is committed alone, whatever was built here."""


@pytest.fixture(scope="module")
def cards() -> list[Card]:
    return read_cards(PLACES)


def test_committed_pages_are_what_the_facts_give() -> None:
    stale = [path for path, what in all_contents(PLACES) if not is_current(path, what)]
    assert not stale, "stale: make gate cards"


def test_every_shipped_model_has_a_card_in_the_list(cards: list[Card]) -> None:
    listed = (PLACES.pages / "README.md").read_text()
    assert cards
    assert all(f"[{card.name}]({card.name}.md)" in listed for card in cards)


def test_matrices_are_of_the_proofs(cards: list[Card]) -> None:
    for card in cards:
        for found, view in zip(card.proof.measurements, card.measured.views, strict=True):
            counts = np.array(view.confusion)
            assert np.diagonal(counts).sum() == found.score.correct
            shares = np.diagonal(counts) / counts.sum(axis=1)
            recall = [found.class_recall[label] for label in card.labels]
            assert shares.tolist() == pytest.approx(recall)
        floats = np.array(card.measured.floats.confusion)
        assert np.diagonal(floats).sum() == card.proof.float_score.correct


def report_of(card: Card) -> dict[str, Any]:
    """The parts of a gate's report that are read, as the gate would write them."""

    def part(view: Any) -> dict[str, Any]:
        return {"confusion": view.confusion, "reliability": {"error": view.calibration_error}}

    measured = [
        {
            "runtime": found.runtime,
            "score": {"correct": found.score.correct},
            "class_recall": found.class_recall,
            "corrupted_accuracy": view.corruptions,
            **part(view),
        }
        for found, view in zip(card.proof.measurements, card.measured.views, strict=True)
    ]
    floats = card.measured.floats
    return {
        "test_sha256": card.proof.test_sha256,
        "hard_pictures": card.measured.hard_pictures,
        "float": {"corruptions": floats.corruptions, **part(floats)},
        "candidates": [{"measurements": []}, {"measurements": measured}],
    }


def test_report_of_the_shipped_bundle_is_kept(cards: list[Card]) -> None:
    card = cards[0]
    report = json.loads(json.dumps(report_of(card)))
    assert from_report(report, card.name, card.proof) == card.measured


@pytest.mark.parametrize("what", ["correct", "test_sha256"])
def test_report_of_something_else_is_not_taken(cards: list[Card], what: str) -> None:
    report = report_of(cards[0])
    if what == "correct":
        report["candidates"][1]["measurements"][0]["score"]["correct"] -= 1
    else:
        report["test_sha256"] = "0" * 64
    assert from_report(report, cards[0].name, cards[0].proof) is None


def test_what_was_kept_of_another_bundle_says_what_to_run(cards: list[Card]) -> None:
    card, kept = cards[0], PLACES.pages / f"{cards[0].name}.json"
    proof = replace(card.proof, content_sha256="0" * 64)
    with pytest.raises(CannotTell, match="make gate cards"):
        find_measured(card.name, proof, kept, ())


def test_missing_sentences_are_named(tmp_path: Path) -> None:
    with pytest.raises(CannotTell, match=r"card\.toml: expected the card's sentences"):
        read_notes(tmp_path)


def test_parameters_are_weights_and_biases_each_counted_once() -> None:
    shapes = [
        (1, 4, 4, 2),
        (3, 3, 3, 2),
        (3,),
        (1, 4, 4, 3),
        (1, 4, 4, 3),
        (1, 48),
        (10, 48),
        (1, 10),
    ]
    steps = [
        ("CONV_2D", (0, 1, 2), (3,)),
        ("CONV_2D", (3, 1, 2), (4,)),  # the same kernels again
        ("RESHAPE", (4,), (5,)),
        ("FULLY_CONNECTED", (5, 6, -1), (7,)),  # without a bias
    ]
    network = read_network(model_of(shapes, steps))
    assert network.parameters == 3 * 3 * 3 * 2 + 3 + 10 * 48
    assert network.layers == 3
    assert network.steps == ("2 times CONV_2D 4x4x3", "FULLY_CONNECTED 10")


def test_scenes_are_of_the_model_that_the_page_names(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "robustness.md").read_text(encoding="utf-8")
    (tmp_path / "robustness.md").write_text(page.replace("Model digits int8,", "Model mine int8,"))
    found = find_scenes(tmp_path, "mine", "int8")
    assert found is not None
    assert [scene.title for scene in found.headline] == [
        "drawn on plain paper",
        "every difficulty at once, by lot",
    ]
    assert "face" in dict(found.answered)
    assert find_scenes(tmp_path, "digits", "int8") is None


def test_picture_says_what_it_was_drawn_from(tmp_path: Path) -> None:
    path = tmp_path / "plot.png"
    plot = Plot(lambda figure: figure.subplots().plot([1, 2]), [1, 2])
    assert not is_current(path, plot)
    save(path, plot.draw, plot.facts)
    assert drawn_from(path) == digest([1, 2])
    assert is_current(path, plot)
    assert not is_current(path, replace(plot, facts=[1, 3]))


@pytest.mark.parametrize(
    ("text", "number"),
    [("60000", 60000), ("28*28*6*25 + 400*120", 165600), ("2*3*4+1", 25)],
)
def test_sum_of_products(text: str, number: int) -> None:
    assert total(text) == number


def test_sum_of_something_else_is_refused() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        total("28 - 3")


def test_published_sums_are_the_published_numbers() -> None:
    networks = {network.name: network for network in read_published()}
    layers = "9*32 + 32 + 9*32*64 + 64 + 1600*10 + 10"
    assert total(networks["Keras convnet"].parameters or "") == total(layers) == 34826
    # LeCun et al. count biases and subsampling too: 340,908 connections.
    connections = 122_304 + 5_880 + 151_600 + 2_000 + 48_120 + 10_164 + 840
    assert connections == 340_908
    biases = 28 * 28 * 6 + 5_880 + 10 * 10 * 16 + 2_000 + 120 + 84
    assert total(networks["LeNet-5"].multiply_adds or "") == connections - biases
    for name in ("LeNet-300-100", "LeNet-5, Caffe"):
        stated = networks[name].size_bytes or 0
        assert 4 * total(networks[name].parameters or "") == pytest.approx(stated, rel=0.01)


def test_published_figure_without_a_size_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "published.toml"
    path.write_text('[[network]]\nname = "N"\nmnist = 99.0\nsource = "S"\nread = "source"\n')
    with pytest.raises(CannotTell, match="N: expected parameters or size_bytes"):
        read_published(path)


def test_frontier_keeps_what_nothing_beats_in_both() -> None:
    points = [(1.0, 9.0), (2.0, 9.0), (3.0, 4.0), (3.0, 5.0), (4.0, 4.5), (9.0, 1.0)]
    assert frontier(points) == [(1.0, 9.0), (3.0, 4.0), (9.0, 1.0)]


def test_better_and_no_costlier_networks_are_named(cards: list[Card]) -> None:
    mine, *others = gather(cards[:1])
    rival = replace(
        next(point for point in others if point.dataset == mine.dataset),
        error=mine.error / 2,
        size_bytes=mine.size_bytes + 1,
        multiply_adds=mine.multiply_adds,
    )
    unknown = replace(rival, size_bytes=1, multiply_adds=None)
    found = standing(mine, (mine, rival, unknown))
    assert (found.smaller, found.lighter) == ((unknown,), (rival,))
