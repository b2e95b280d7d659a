"""Everything that a card tells, read from what is committed: bundle, run, report, sentences."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cards.errors import CannotTell
from cards.measured import Measured, View, find_measured
from cards.network import Network, read_network
from cards.notes import Data, Notes, read_data, read_notes
from cards.scenes import Scenes, find_scenes
from edge.bundle import Bundle, read_bundle
from edge.proof import Measurement, Proof
from edge.tflite.cost import multiply_adds
from edge.zoo import shipped_models
from train.runs import RECORD, RunRecord, find_run

MOST_PAIRS = 8
"""Confusions that are listed; the matrix has all."""


@dataclass(frozen=True)
class Places:
    """Where things lie, from the root of the repository."""

    root: Path
    build: Path | None
    """Where `make gate` and `make zoo` leave their reports; none: what is kept must do."""

    @property
    def pages(self) -> Path:
        return self.root / "docs" / "models"

    def run(self, name: str) -> Path:
        return self.root / "models" / name

    def reports(self, name: str) -> tuple[Path, ...]:
        """Of a model, that on the shipped bundle first."""
        if self.build is None:
            return ()
        return (self.build / "gate" / name / "report.json", self.build / name / "report.json")


@dataclass(frozen=True)
class Pair:
    """One way to be wrong."""

    truth: str
    answer: str
    count: int
    of: int
    """Test pictures of the true class."""


@dataclass(frozen=True)
class Card:
    """A shipped model."""

    name: str
    bundle: Bundle
    size_bytes: int
    """Of the whole bundle."""
    proof: Proof
    run: RunRecord
    network: Network
    multiply_adds: int
    measured: Measured
    notes: Notes
    data: Data
    scenes: Scenes | None

    @property
    def labels(self) -> tuple[str, ...]:
        return self.bundle.labels

    @property
    def shown(self) -> Measurement:
        """The runtime with the least accuracy: what is said of the model is said of this one."""
        return min(self.proof.measurements, key=lambda found: found.score.correct)

    @property
    def view(self) -> View:
        """What the gate saw on that runtime."""
        return next(one for one in self.measured.views if one.runtime == self.shown.runtime)

    @property
    def matrix(self) -> NDArray[np.int64]:
        """int64 (classes, classes + 1): true class by answer."""
        return np.array(self.view.confusion, np.int64)

    @property
    def weakest(self) -> tuple[str, float]:
        """The class that is found least, and how much of it, 0 to 1."""
        return min(self.shown.class_recall.items(), key=lambda item: item[1])

    @property
    def worst_corruptions(self) -> list[tuple[str, float]]:
        """The three kinds that leave the least at their harshest, and the accuracy there."""
        harshest = {kind: list(curve.values())[-1] for kind, curve in self.view.corruptions.items()}
        return sorted(harshest.items(), key=lambda item: item[1])[:3]

    @property
    def precision(self) -> dict[str, float]:
        """Label -> part of the pictures so answered that show it, 0 to 1; 0 of none."""
        answers = self.matrix[:, :-1]
        shares = np.diagonal(answers) / np.maximum(1, answers.sum(axis=0))
        return dict(zip(self.labels, shares.tolist(), strict=True))

    @property
    def float_recall(self) -> dict[str, float]:
        counts = np.array(self.measured.floats.confusion, np.int64)
        shares = np.diagonal(counts) / np.maximum(1, counts.sum(axis=1))
        return dict(zip(self.labels, shares.tolist(), strict=True))

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """The most frequent confusions, at least two pictures each."""
        counts = self.matrix
        names = (*self.labels, "nothing found")
        wrong = counts.copy()
        np.fill_diagonal(wrong, 0)
        order = np.argsort(-wrong, axis=None, kind="stable")[:MOST_PAIRS]
        places = [np.unravel_index(place, wrong.shape) for place in order]
        return tuple(
            Pair(names[row], names[column], int(wrong[row, column]), int(counts[row].sum()))
            for row, column in places
            if wrong[row, column] > 1
        )


def read_cards(places: Places) -> list[Card]:
    """A card for each shipped model, in the order of their names.

    Raises:
        CannotTell: a fact is missing. ModelError: a bundle or a run cannot be used.
    """
    return [read_card(name, path, places) for name, path in shipped_models().items()]


def read_card(name: str, path: Path, places: Places) -> Card:
    """As `read_cards`, of one bundle."""
    bundle = read_bundle(path)
    proof = bundle.proof
    if proof is None:
        raise CannotTell(f"{path}: expected a proof, it was never gated")
    run = find_run(str(places.run(name))).record
    if run.id != bundle.contract.provenance.get("run"):
        raise CannotTell(
            f"{places.run(name) / RECORD}: expected the run of {path.name}, "
            f"{bundle.contract.provenance.get('run')}, got {run.id}"
        )
    kept = places.pages / f"{name}.json"
    return Card(
        name,
        bundle,
        path.stat().st_size,
        proof,
        run,
        read_network(bundle.model),
        multiply_adds(bundle.model, path.name),
        find_measured(name, proof, kept, places.reports(name)),
        read_notes(places.run(name)),
        read_data(proof.dataset),
        find_scenes(places.root / "docs", name, bundle.contract.variant),
    )
