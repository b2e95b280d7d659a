"""What the gate found out about a model: proof.json, written by export and shown on the device."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from edge.errors import ModelError
from edge.strict import Mismatch, from_dict, parse_json, shown

SCHEMA = 4


@dataclass(frozen=True)
class Score:
    """Correct answers on the test split, or on a part of it."""

    correct: int
    n: int
    accuracy: float
    """correct / n, 0 to 1; 0 of no pictures."""
    interval_95: tuple[float, ...]
    """Wilson's score interval of the accuracy: low, high (Wilson 1927)."""


@dataclass(frozen=True)
class Drop:
    """Answers compared with others to the same pictures, one by one."""

    points: float
    """The other accuracy minus this one, in percentage points; negative: better."""
    interval_95: tuple[float, ...]
    """Score interval of the drop in points: low, high (Tango 1998)."""
    lost: int
    """Pictures that only the other one gets right."""
    gained: int
    """Pictures that only this one gets right."""
    p_value: float
    """Of losing and gaining being equally likely: McNemar's exact test, two-sided."""


@dataclass(frozen=True)
class Difference:
    """The same model computed in another way: other kernels, or another runtime."""

    against: str
    """`builtin kernels` (without XNNPACK), `reference kernels` (plain loops), or a runtime."""
    pictures: int
    different: int
    """Pictures on which an output differs in any bit."""
    largest: float
    """Largest difference of an output, in logits."""
    other_labels: int
    """Pictures that get another label."""


@dataclass(frozen=True)
class Measurement:
    """One model on one runtime, against the labels and against the float model."""

    runtime: str
    """Package and version that ran it."""
    score: Score
    """Of the best labels, however sure the model is of them."""
    answered: Score
    """Of the pictures that are answered with a label and not with `unknown`; n is their number."""
    drop: Drop
    """Against the float model."""
    agreement: float
    """Part of the test pictures on which it gives the float model's label, 0 to 1."""
    sqnr_db: float
    """Signal to quantisation noise of the logit that has the least, in dB."""
    calibration_error: float
    """Expected calibration error of the scores, 0 to 1 (Guo et al. 2017)."""
    nll: float
    """Mean negative log-likelihood of the true class, in nats."""
    class_recall: dict[str, float]
    """Part of each class that is found, 0 to 1."""
    worst_class: str
    """The class whose recall drops most against the float model."""
    worst_class_drop_points: float
    corruptions: dict[str, Drop]
    """Kind of corruption -> the same paired comparison on corrupted pictures, all strengths."""
    differences: tuple[Difference, ...]


@dataclass(frozen=True)
class Proof:
    """proof.json: the gate's verdict on a model that passed."""

    schema: int
    content_sha256: str
    """What it is a proof of: `edge.bundle.content_digest` of model, labels and contract."""
    dataset: str
    test_sha256: str
    """Fingerprint of the test samples."""
    float_score: Score
    """The Keras model on the same pictures."""
    float_answered: Score
    """The same of the pictures that it answers, at the contract's temperature and threshold."""
    measurements: tuple[Measurement, ...]
    """One for each runtime that the model claims."""
    policy: dict[str, Any]
    """The limits that it was held to."""
    gated_with: dict[str, str]
    """Versions of the tools and the machine's architecture."""

    def to_json(self) -> str:
        # A line for each number, and no indentation: it counts in a bundle of 15 kB.
        return json.dumps(asdict(self), indent=0, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str) -> Proof:
        """Parses proof.json strictly.

        Raises:
            ModelError: it does not fit.
        """
        try:
            table = parse_json(text)
            schema = table.get("schema") if isinstance(table, dict) else None
            if schema != SCHEMA:
                raise Mismatch(
                    f"expected schema {SCHEMA}, got {shown(schema)}; export the model again"
                )
            return from_dict(cls, table, "proof.json")
        except ValueError as error:  # Mismatch is one too
            raise ModelError(f"{where}: proof.json: {error}") from None
