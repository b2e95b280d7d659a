"""The self-test: a model's golden inputs through the runtime of this very device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edge.errors import ModelError
from edge.interpreter import with_kernels

if TYPE_CHECKING:
    from edge.classifier import Classifier

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
    """Whose recorded outputs were compared with: a runtime, as `with_kernels` names it."""
    kernels: str = "default"
    """Those that ran: a key of `edge.interpreter.KERNELS`."""


def run_selftest(classifier: Classifier, most_frames: int | None = None) -> SelfTest:
    """Classifies the golden frames and compares with what was recorded.

    most_frames: none takes them all; fewer are spread over them.

    Raises:
        ModelError: no golden frames, another label, or an output beyond the tolerance.
    """
    name, golden = classifier.contract.name, classifier.bundle.golden
    if golden is None or not len(golden.frames) or not golden.outputs:
        raise ModelError(f"model {name!r} carries no golden frames to test itself with")
    own = (with_kernels(classifier.runtime, classifier.kernels), classifier.runtime)
    recorded_on = next((key for key in own if key in golden.outputs), min(golden.outputs))
    step = 1 if most_frames is None else max(1, len(golden.frames) // most_frames)
    expected = golden.outputs[recorded_on][::step]
    got = np.stack([classifier.raw_output(frame) for frame in golden.frames[::step]])
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
        classifier.kernels,
    )
