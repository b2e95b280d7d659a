"""The self-test: a model's golden inputs through the runtime of this very device."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge.classifier import Classifier
from edge.errors import ModelError

QUANTIZED_TOLERANCE_STEPS = 16
"""Kernels differ in the last bits: up to 11 steps between two runtimes over 10,000 pictures."""
FLOAT_TOLERANCE = 1e-3
"""Of the largest golden logit. Float kernels differ by about 1e-6; a wrong one by far more."""


@dataclass(frozen=True)
class SelfTest:
    """How the golden outputs compare on this device."""

    frames: int
    identical: int
    """Frames whose raw outputs are equal to the bit."""
    largest_difference: float
    """Over all outputs, in what they mean."""
    meaning: str
    """What the outputs are: logits or probabilities."""
    runtime: str
    recorded_on: str
    """The runtime whose recorded outputs were compared with."""


def run_selftest(classifier: Classifier) -> SelfTest:
    """Classifies the golden frames and compares with what was recorded.

    Raises:
        ModelError: no golden frames, another label, or an output beyond the tolerance.
    """
    name, golden = classifier.contract.name, classifier.bundle.golden
    if golden is None or not len(golden.frames) or not golden.outputs:
        raise ModelError(f"model {name!r} carries no golden frames to test itself with")
    recorded_on = (
        classifier.runtime if classifier.runtime in golden.outputs else min(golden.outputs)
    )
    expected = golden.outputs[recorded_on]
    got = np.stack([classifier.raw_output(frame) for frame in golden.frames])
    if got.shape != expected.shape or got.dtype != expected.dtype:
        raise ModelError(
            f"model {name!r}: expected golden outputs {expected.dtype} {expected.shape}, "
            f"got {got.dtype} {got.shape}"
        )
    scale, meaning = classifier.output.scale, classifier.contract.output.meaning
    difference = np.abs(got.astype(np.float64) - expected.astype(np.float64)) * (scale or 1.0)
    largest = float(np.abs(expected.astype(np.float64)).max())
    tolerance = QUANTIZED_TOLERANCE_STEPS * scale if scale else FLOAT_TOLERANCE * largest
    wrong = (got.argmax(axis=1) != expected.argmax(axis=1)) | ~(difference.max(axis=1) <= tolerance)
    if wrong.any():
        raise ModelError(
            f"model {name!r} computes wrongly here: {int(wrong.sum())} of {len(expected)} golden "
            f"frames differ from what {recorded_on} gave (largest difference "
            f"{difference.max():.3g}, allowed {tolerance:.3g}, {meaning}); "
            "do not use it on this device"
        )
    identical = int((got == expected).all(axis=1).sum())
    return SelfTest(
        len(expected),
        identical,
        float(difference.max()),
        meaning,
        classifier.runtime,
        recorded_on,
    )
