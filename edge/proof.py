"""What the gate found out about a model: proof.json, written by export and shown on the device."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from edge.errors import ModelError
from edge.strict import Mismatch, from_dict

SCHEMA = 1


@dataclass(frozen=True)
class Score:
    """Correct answers on the test split."""

    correct: int
    n: int
    accuracy: float
    """correct / n, 0 to 1."""
    interval_95: tuple[float, ...]
    """Wilson's score interval of the accuracy: low, high (Wilson 1927)."""


@dataclass(frozen=True)
class Measurement:
    """One model on one runtime, against the labels and against the float model."""

    runtime: str
    """Package and version that ran it."""
    score: Score
    drop_points: float
    """Float accuracy minus this one, in percentage points; negative: better than float."""
    agreement: float
    """Part of the test pictures on which it gives the float model's label, 0 to 1."""
    class_recall: dict[str, float]
    """Part of each class that is found, 0 to 1."""
    worst_class: str
    """The class whose recall drops most against the float model."""
    worst_class_drop_points: float


@dataclass(frozen=True)
class Proof:
    """proof.json: the gate's verdict on a model that passed."""

    schema: int
    dataset: str
    test_sha256: str
    """Fingerprint of the test samples."""
    float_score: Score
    """The Keras model on the same pictures."""
    measurements: tuple[Measurement, ...]
    """One for each runtime that the model claims."""
    policy: dict[str, Any]
    """The limits that it was held to."""
    gated_with: dict[str, str]
    """Versions of the tools and the machine's architecture."""

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str) -> Proof:
        """Parses proof.json strictly.

        Raises:
            ModelError: it does not fit.
        """
        try:
            proof = from_dict(cls, json.loads(text), "proof.json")
        except (Mismatch, ValueError, RecursionError) as error:
            raise ModelError(f"{where}: proof.json: {error}") from None
        if proof.schema != SCHEMA:
            raise ModelError(f"{where}: proof.json: expected schema {SCHEMA}, got {proof.schema}")
        return proof
