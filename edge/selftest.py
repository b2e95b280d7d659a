"""The self-test: a model's golden inputs through the runtime of this very device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edge.errors import ModelError
from edge.golden import choose_record, differences

if TYPE_CHECKING:
    from edge.classifier import Classifier


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


def run_selftest(classifier: Classifier) -> SelfTest:
    """Classifies the golden frames and compares with what was recorded.

    Raises:
        ModelError: no golden frames, another label, or an output beyond the tolerance.
    """
    name, golden = classifier.contract.name, classifier.bundle.golden
    if golden is None or not len(golden.frames) or not golden.outputs:
        raise ModelError(f"model {name!r} carries no golden frames to test itself with")
    recorded_on = choose_record(golden.outputs, classifier.runtime, classifier.kernels)
    expected = golden.outputs[recorded_on]
    got = np.stack([classifier.raw_output(frame) for frame in golden.frames])
    if got.shape != expected.shape or got.dtype != expected.dtype:
        raise ModelError(
            f"model {name!r}: expected golden outputs {expected.dtype} {expected.shape}, "
            f"got {got.dtype} {got.shape}"
        )
    meaning = classifier.contract.output.meaning
    difference, tolerance, wrong = differences(got, expected, classifier.output.scale)
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
