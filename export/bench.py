"""The bench: one run's test split and float model, and every candidate measured against them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.bundle import Bundle
from edge.contract import Output
from edge.errors import EnvironmentFault, ModelError
from edge.interpreter import installed_runtimes
from edge.strict import Mismatch, from_dict
from edge.tflite.cost import multiply_adds
from export.baseline import Baseline, Shipped, mistakes
from export.calibration import check_apart, choose_calibration
from export.convert import convert
from export.diagnosis import Cause, Negatives, diagnose, diagnose_layers, explains
from export.gate import PLAIN, Cost, Verdict, judge
from export.layers import LayerError, layer_errors
from export.measure import Answers, Questions, measure
from export.policy import Policy
from export.progress import Progress, say
from export.reference import Reference, ask_float, choose_part, logits_of, pixel_range
from export.source import float_logits, load_keras
from export.variants import VARIANTS, Quantization
from train.run_data import load_run_data
from train.runs import Run
from train.samples import PictureFiles, Samples


@dataclass(frozen=True)
class Finding:
    """Everything that was found out about one candidate."""

    variant: str
    verdict: Verdict
    answers: tuple[Answers, ...]
    """One for each runtime."""
    output: Output = PLAIN
    """What the candidate's contract says of its logits."""
    quantization: Quantization | None = None
    """How it was calibrated; none for variants that need no calibration."""
    causes: tuple[Cause, ...] = ()
    """Why it failed; empty when it passed."""
    layers: tuple[LayerError, ...] = ()
    """Where its error comes from; only of one that failed."""
    is_superseded: bool = False
    """A repaired candidate stands in for it."""


NEGATIVES = 200
"""Test pictures that are tried in negative when a candidate failed."""
LAYER_PICTURES = 50
"""Calibration pictures that the layers are compared on."""
REHEARSED_HARD_PICTURES = 50
"""Validation pictures that a rehearsal corrupts."""


class Bench:
    """Measures candidates of one run; loads data and float model once."""

    def __init__(
        self,
        run: Run,
        data_dir: Path | None,
        policy: Policy,
        baseline: Baseline | None = None,
    ) -> None:
        """
        Raises:
            EnvironmentFault: no runtime to measure with.
            UsageError: the data is not the run's.
        """
        self.run, self.policy, self.baseline = run, policy, baseline
        self.runtimes = installed_runtimes()
        if not self.runtimes:
            raise EnvironmentFault(
                "no TFLite runtime to measure with: expected tflite-runtime or ai-edge-litert"
            )
        record = run.record
        self.dataset = load_run_data(run, data_dir)
        self.model: Any = load_keras(run.model_path, record.input, len(record.labels))
        say(f"{record.name}: Keras model on {len(self.dataset.test)} test pictures")
        self.reference = self._ask(self.dataset.test, policy.hard_pictures)

    def examine(self, candidate: Bundle, reference: Reference | None = None) -> Finding:
        """Measures a candidate on the test split and holds it against policy and baseline.

        reference: what to hold it against; none takes the bench's own.

        Raises:
            ModelError: a runtime refuses it, or its labels are not the run's.
        """
        variant = candidate.contract.variant
        reference = reference or self.reference
        answers = self._measure(candidate, self.dataset.test, reference)
        shipped = self.baseline.variants.get(variant) if self.baseline else None
        verdict = self._judge(self.policy, candidate, reference, answers, shipped)
        output = candidate.contract.output
        finding = Finding(variant, verdict, answers, output, read_quantization(candidate))
        return finding if verdict.passed else self._explain(finding, candidate, reference)

    def _explain(self, finding: Finding, candidate: Bundle, reference: Reference) -> Finding:
        """The finding with the causes of its failure and the error of each layer."""
        causes = diagnose(finding.verdict, reference, finding.answers, self._negatives)
        worst = min(finding.verdict.measurements, key=lambda one: one.sqnr_db)
        pictures = self.calibration(LAYER_PICTURES).tensors(self.run.record.input)
        runtime = worst.runtime.split()[0]
        try:
            layers = layer_errors(self.float_model, candidate.model, pictures, runtime)
        except ModelError as error:  # it is refused all the same, with what the answers say
            say(f"no errors by layer: {error}")
            layers = ()
        if not explains(causes, finding.verdict):
            causes = (*causes, diagnose_layers(layers))
        return replace(finding, causes=causes, layers=layers)

    def rehearse(self, candidate: Bundle) -> Verdict:
        """Judges a candidate on the validation pictures, so that a search may see it many times.

        They are too few for the policy's confidence and counts, which only the gate asks for.
        """
        validation, reference = self._rehearsal
        answers = self._measure(candidate, validation, reference)
        policy = replace(self.policy, min_test_pictures=1, drop_confidence=0.0)
        return self._judge(policy, candidate, reference, answers, None)

    @cached_property
    def _rehearsal(self) -> tuple[Samples, Reference]:
        validation = self.dataset.train.take(self.run.split().validation)
        return validation, self._ask(validation, REHEARSED_HARD_PICTURES)

    def calibration(self, count: int) -> Samples:
        """The run's calibration pictures: seeded, balanced, fitted ones, none of them in the test.

        Raises:
            UsageError: one of them is a test picture too.
        """
        fitted = self.run.split().train
        train = self.dataset.train
        chosen = train.take(choose_calibration(train.targets, fitted, count, self.run.record.seed))
        check_apart(chosen, self.dataset.test)
        return chosen

    @cached_property
    def float_model(self) -> bytes:
        """The float model as a .tflite, to compare layers with."""
        nothing = np.zeros((0, *self.run.record.input.shape), np.float32)
        return convert(self.model, VARIANTS["float32"], nothing)

    def shipped(self, finding: Finding) -> Shipped:
        """A candidate as the baseline of its successors."""
        return mistakes(finding.answers, self.reference)

    def _judge(
        self,
        policy: Policy,
        candidate: Bundle,
        reference: Reference,
        answers: tuple[Answers, ...],
        shipped: Shipped | None,
    ) -> Verdict:
        return judge(
            policy,
            candidate.contract.variant,
            Cost(len(candidate.model), multiply_adds(candidate.model, candidate.contract.name)),
            reference,
            answers,
            shipped,
            candidate.contract.output,
        )

    def _ask(self, samples: Samples, hard_pictures: int) -> Reference:
        record = self.run.record
        part = choose_part(samples.targets, hard_pictures)
        return ask_float(self._predict, record.labels, samples, record.input, part)

    def _predict(self, tensors: NDArray[np.float32]) -> NDArray[np.float32]:
        return float_logits(self.model, tensors)

    @cached_property
    def _negatives(self) -> Negatives:
        """What the float model says of some test pictures in negative."""
        spec = self.run.record.input
        low, high = pixel_range(spec)
        some = choose_part(self.reference.targets, NEGATIVES)
        logits = logits_of(
            lambda tensors: self._predict((low + high - tensors).astype(np.float32)),
            self.dataset.test.take(some),
            spec,
            len(self.reference.labels),
        )
        return Negatives(some, logits)

    def _measure(
        self, candidate: Bundle, samples: Samples, reference: Reference
    ) -> tuple[Answers, ...]:
        """On every runtime here, each in a process of its own, side by side on several cores."""
        columns = _columns(candidate, reference.labels)
        frames = samples.frames
        questions = Questions(
            list(frames.paths) if isinstance(frames, PictureFiles) else frames,
            reference.part,
            reference.conditions,
        )
        contract = candidate.contract
        name = f"{contract.name} {contract.variant}"
        say(f"{name}: measuring on {', '.join(self.runtimes)}")
        with Progress(len(self.runtimes) * questions.total) as progress:
            jobs = [
                partial(measure, candidate, questions, runtime, progress.add)
                for runtime in self.runtimes
            ]
            answers = progress.run(jobs)
        return tuple(_in_order(one, columns) for one in answers)


def read_quantization(candidate: Bundle) -> Quantization | None:
    """How a candidate was calibrated, by its own record.

    Raises:
        ModelError: the record does not fit.
    """
    record = candidate.contract.provenance.get("quantization")
    try:
        return None if record is None else from_dict(Quantization, record, "quantization")
    except Mismatch as error:
        raise ModelError(f"{candidate.contract.name}: contract.json: {error}") from None


def _columns(candidate: Bundle, labels: tuple[str, ...]) -> list[int]:
    """Where each label of the data set stands in the candidate's own list."""
    if set(candidate.labels) != set(labels):
        missing = ", ".join(sorted(set(labels) - set(candidate.labels)))
        raise ModelError(
            f"{candidate.contract.name} {candidate.contract.variant}: expected the labels of its "
            f"data set, {', '.join(labels)}; it has {', '.join(candidate.labels)}"
            + (f", without {missing}" if missing else "")
        )
    return [candidate.labels.index(label) for label in labels]


def _in_order(one: Answers, columns: list[int]) -> Answers:
    """Answers whose columns stand in the data set's order, found by the candidate's labels."""
    return replace(
        one,
        logits=one.logits[:, columns],
        raw=one.raw[:, columns],
        corrupted=None if one.corrupted is None else one.corrupted[:, :, columns],
        kernels={name: logits[:, columns] for name, logits in one.kernels.items()},
    )
