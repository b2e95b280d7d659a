"""Negative controls: models that are wrong on purpose, and must fail for the right reason.

A gate that never fails proves nothing. Each control breaks an honest int8 model in one way that
happens in practice; the gate has to refuse it and name that way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.bundle import Bundle
from edge.errors import ModelError, UsageError
from export.bench import Bench, Finding
from export.convert import convert
from export.flatbuffer import read_structure
from export.pack import make_candidate
from export.pipeline import check_calibration, make_bundle
from export.progress import say
from export.reference import pixel_range
from export.variants import VARIANTS, Quantization
from train.run_data import check_run_data
from train.samples import Samples

MISLABELLED = 0.5
"""Part of the test pictures that get another label: enough for a policy that asks for little."""
SHIFT_STEPS = 24
"""How far the zero point is shifted."""


@dataclass(frozen=True)
class Reason:
    """What the gate says of a control."""

    passed: bool
    failed_checks: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    """Kinds of cause; `calibration` and `data set` for what was refused unmeasured."""
    text: str = ""

    def __str__(self) -> str:
        if self.passed:
            return "passed"
        failed = f"fails {', '.join(self.failed_checks)}; " if self.failed_checks else ""
        return f"{failed}{self.text}"


@dataclass(frozen=True)
class Control:
    """One way to be wrong."""

    name: str
    check: str
    """The policy's key that has to fail; empty where the candidate has to be refused."""
    cause: str
    """The cause that has to be named."""
    examine: Callable[[Bench, Bundle], Reason]

    @property
    def expectation(self) -> str:
        return " and ".join(filter(None, (self.check, self.cause))) or "nothing"

    def holds(self, reason: Reason) -> bool:
        """Whether the gate refused it, for the right reason; or passed it, if nothing is wrong."""
        if not self.cause:
            return reason.passed
        right_check = not self.check or self.check in reason.failed_checks
        return not reason.passed and right_check and self.cause in reason.causes


def run_controls(bench: Bench) -> Iterator[tuple[Control, Reason]]:
    """Every control, and what the gate says of it; the honest model comes first."""
    honest = make_bundle(bench, VARIANTS["int8"], Quantization())
    for control in (HONEST, *CONTROLS):
        say(f"control: {control.name}")
        yield control, control.examine(bench, honest)


def scramble_weights(bundle: Bundle) -> Bundle:
    """The same model with the weights of its largest layer in another order."""
    _, start, size = max(_constants(bundle.model), key=lambda place: place[2])
    weights = np.frombuffer(bundle.model, np.uint8, size, start)
    mixed = np.random.default_rng(1).permutation(weights).tobytes()
    return with_model(bundle, bundle.model[:start] + mixed + bundle.model[start + size :])


def shift_zero_point(bundle: Bundle) -> Bundle:
    """The same model, whose last dense layer takes its input's zero point for another.

    Reading x as x + d adds d times the sum of its weights to each output, so exactly that is added
    to its biases. (The zero point in the tensor's table would not do: both sides read it there.)

    Raises:
        ModelError: the model has no dense layer with a bias.
    """
    from ai_edge_litert import schema_py_generated as schema

    parsed = schema.Model.GetRootAsModel(bundle.model, 0)
    graph, dense = parsed.Subgraphs(0), schema.BuiltinOperator.FULLY_CONNECTED
    operators = [graph.Operators(index) for index in range(graph.OperatorsLength())]
    found = [o for o in operators if parsed.OperatorCodes(o.OpcodeIndex()).BuiltinCode() == dense]
    if not found or found[-1].InputsLength() < 3:
        raise ModelError(f"{bundle.contract.name}: has no dense layer whose zero point to shift")
    weights, biases = (graph.Tensors(found[-1].Inputs(index)) for index in (1, 2))
    places = {index: (start, size) for index, start, size in _constants(bundle.model)}
    start, size = places[weights.Buffer()]
    sums = np.frombuffer(bundle.model, np.int8, size, start).reshape(weights.Shape(0), -1).sum(1)
    start, size = places[biases.Buffer()]
    shifted = np.frombuffer(bundle.model, "<i4", size // 4, start) + SHIFT_STEPS * sums
    changed = shifted.astype("<i4").tobytes()
    return with_model(bundle, bundle.model[:start] + changed + bundle.model[start + size :])


def swap_labels(bundle: Bundle) -> Bundle:
    """The first two labels exchanged."""
    first, second, *rest = bundle.labels
    return replace(bundle, labels=(second, first, *rest))


def invert_polarity(bench: Bench) -> Bundle:
    """A model that was exported for black on white where the pictures are white on black."""
    import keras

    spec = bench.run.record.input
    low, high = pixel_range(spec)
    picture = keras.Input(spec.shape)
    negative = keras.layers.Rescaling(-1.0, (low + high).tolist())(picture)
    model = keras.Model(picture, bench.model(negative))
    return _convert(bench, model, bench.calibration(Quantization().pictures))


def calibrate_on_noise(bench: Bench) -> Bundle:
    """Ranges taken from random pixels, as examples on the web do; the record is honest."""
    spec = bench.run.record.input
    shape = (spec.height, spec.width) if spec.color == "gray" else spec.shape
    noise = np.random.default_rng(1).integers(0, 256, (200, *shape), dtype=np.uint8)
    samples = Samples(noise, np.zeros(len(noise), np.int64))
    mean = np.asarray(spec.preprocess.mean, np.float32)
    tensors = (noise.reshape(-1, *spec.shape) - mean) / np.asarray(spec.preprocess.std, np.float32)
    return _convert(bench, bench.model, samples, tensors.astype(np.float32))


def mislabel(bench: Bench) -> NDArray[np.int64]:
    """(n,) targets of the test pictures, a part of them moved to the next class."""
    targets = bench.reference.targets.copy()
    rng = np.random.default_rng(1)
    wrong = rng.permutation(len(targets))[: round(MISLABELLED * len(targets))]
    targets[wrong] = (targets[wrong] + 1) % len(bench.reference.labels)
    return targets


def _noise_unrecorded(bench: Bench, honest: Bundle) -> Reason:
    """The record claims the right pictures, so only what was measured can tell."""
    noisy = calibrate_on_noise(bench)
    forged = replace(noisy.contract, provenance=honest.contract.provenance)
    return _measured(bench, replace(noisy, contract=forged))


def _mislabelled(bench: Bench, honest: Bundle) -> Reason:
    """The data set was changed under a finished run: its fingerprint gives it away."""
    test = replace(bench.dataset.test, targets=mislabel(bench))
    try:
        check_run_data(bench.run, replace(bench.dataset, test=test))
    except UsageError as error:
        return Reason(False, (), ("data set",), str(error))
    return Reason(True)


def _mislabelled_from_the_start(bench: Bench, honest: Bundle) -> Reason:
    """The labels were wrong when the run was made: the float model is just as wrong."""
    reference = replace(bench.reference, targets=mislabel(bench))
    return _reason(bench.examine(honest, reference))


HONEST = Control("the honest model", "", "", lambda bench, honest: _measured(bench, honest))

CONTROLS = (
    Control("scrambled weights", "min_agreement", "layer",
            lambda bench, honest: _measured(bench, scramble_weights(honest))),
    Control("shifted zero point", "min_sqnr_db", "offset",
            lambda bench, honest: _measured(bench, shift_zero_point(honest))),
    Control("swapped labels", "max_class_recall_drop_points", "labels",
            lambda bench, honest: _measured(bench, swap_labels(honest))),
    Control("wrong polarity", "min_agreement", "polarity",
            lambda bench, honest: _measured(bench, invert_polarity(bench))),
    Control("calibrated on noise", "", "calibration",
            lambda bench, honest: _measured(bench, calibrate_on_noise(bench))),
    Control("calibrated on noise, unrecorded", "min_sqnr_db", "ranges", _noise_unrecorded),
    Control("test labels changed behind a run", "", "data set", _mislabelled),
    Control("test labels wrong from the start", "min_accuracy", "float model",
            _mislabelled_from_the_start),
)  # fmt: skip
"""Name, the check that has to fail, the cause that has to be named."""


def _measured(bench: Bench, candidate: Bundle) -> Reason:
    try:
        check_calibration(bench, candidate)
    except ModelError as error:
        return Reason(False, (), ("calibration",), str(error))
    return _reason(bench.examine(candidate))


def _reason(finding: Finding) -> Reason:
    failures = finding.verdict.failures
    return Reason(
        finding.verdict.passed,
        tuple(dict.fromkeys(check.name for check in failures)),
        tuple(cause.kind for cause in finding.causes),
        "; ".join(str(cause) for cause in finding.causes),
    )


def _convert(
    bench: Bench, model: Any, samples: Samples, tensors: NDArray[np.float32] | None = None
) -> Bundle:
    int8, record = VARIANTS["int8"], bench.run.record
    if tensors is None:
        tensors = samples.tensors(record.input)
    flatbuffer = convert(model, int8, tensors)
    return make_candidate(
        flatbuffer,
        read_structure(flatbuffer),
        int8.name,
        record,
        Quantization(),
        samples.fingerprint(),
    )


def _constants(model: bytes) -> Iterator[tuple[int, int, int]]:
    """Index, start and length in bytes of each constant buffer."""
    from ai_edge_litert import schema_py_generated as schema

    parsed = schema.Model.GetRootAsModel(model, 0)
    for index in range(parsed.BuffersLength()):
        buffer = parsed.Buffers(index)
        if not buffer.DataIsNone():
            yield index, buffer._tab.Vector(buffer._tab.Offset(4)), buffer.DataLength()


def with_model(bundle: Bundle, model: bytes) -> Bundle:
    """The bundle around other model bytes, its contract made to agree; the proof was of others."""
    told = replace(
        bundle.contract.model, sha256=hashlib.sha256(model).hexdigest(), size_bytes=len(model)
    )
    contract = replace(bundle.contract, model=told)
    return replace(bundle, model=model, contract=contract, proof_json=None)
