"""The self-test: a model's golden inputs through the runtime of this very device."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge.errors import FrameError, ModelError
from edge.golden import choose_record, differences

if TYPE_CHECKING:
    from edge.bundle import Golden
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
    golden = classifier.bundle.golden
    if golden is None or not len(golden.frames) or not golden.outputs:
        name = classifier.contract.name
        raise ModelError(f"model {name!r} carries no golden frames to test itself with")
    return compare(classifier, golden, answer_frames(classifier, golden.frames))


def answer_frames(
    classifier: Classifier, frames: NDArray[np.uint8], enough_s: float = math.inf
) -> NDArray[np.generic]:
    """What a model answers to frames, in their order.

    frames: uint8 (n, height, width) or (n, height, width, 3), of the input's own size.
    enough_s: seconds after which no more are answered, but for two.

    Returns:
        (n, classes) raw outputs; n may be fewer than there are frames.

    Raises:
        ModelError: the runtime cannot run it, or its answers are no numbers.
    """
    began_s = time.monotonic()
    outputs: list[NDArray[np.generic]] = []
    for frame in frames:
        if len(outputs) > 1 and time.monotonic() - began_s > enough_s:
            break
        try:
            output = classifier.raw_output(frame)
            classifier.values(output)
        except FrameError as error:
            raise ModelError(f"it cannot answer its own frames: {error}") from None
        outputs.append(output)
    return np.stack(outputs)


def compare(classifier: Classifier, golden: Golden, got: NDArray[np.generic]) -> SelfTest:
    """Holds answers to the first of the golden frames against those on record.

    got: (n, classes) raw outputs; at least one.

    Raises:
        ModelError: another label, or an output beyond the tolerance.
    """
    name = classifier.contract.name
    recorded_on = choose_record(golden.outputs, classifier.runtime, classifier.kernels)
    expected = golden.outputs[recorded_on][: len(got)]
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
