"""What the page says of the model: which it is, and what its proof is worth."""

from __future__ import annotations

from typing import Any

from edge.bundle import Bundle
from edge.live.message import MAX_LABEL

MAX_LABELS = 300
"""The page orders its bars by them; the rest go by the letter."""


def describe_model(bundle: Bundle, runtime: str) -> dict[str, Any]:
    """The model's line of the page, as JSON holds it.

    runtime: what runs it here.
    """
    contract, proof = bundle.contract, bundle.proof
    described: dict[str, Any] = {
        "name": contract.name,
        "variant": contract.variant,
        "labels": [label[:MAX_LABEL] for label in bundle.labels[:MAX_LABELS]],
        "label_count": len(bundle.labels),
        "sha256": contract.model.sha256,
        "size_bytes": contract.model.size_bytes,
        "runtime": runtime,
        "proven": proof is not None,
        "accuracy": None,
        "pictures": None,
        "dataset": None,
        "runtimes": [],
    }
    if proof is None:
        return described
    measured = proof.measurements
    return described | {
        # The lowest: what it is worth on any runtime that it claims.
        "accuracy": min(one.score.accuracy for one in measured),
        "pictures": min(one.score.n for one in measured),
        "dataset": proof.dataset,
        "runtimes": [one.runtime for one in measured],
    }
