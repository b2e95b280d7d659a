"""A model's way from its run to proven bundles: convert, check, measure, judge, pack."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.bundle import Bundle, write_bundle
from edge.errors import EnvironmentFault, ModelError, UsageError
from edge.interpreter import installed_runtimes
from export.calibration import COUNT, check_apart, choose_calibration
from export.convert import convert, float_logits, load_keras
from export.flatbuffer import check_effect, read_structure
from export.gate import Verdict, judge
from export.measure import measure
from export.pack import add_golden, add_proof, make_candidate
from export.policy import Policy
from export.report import write_report
from export.variants import Variant
from train.datasets import load_dataset
from train.runs import Run
from train.samples import Dataset, PictureFiles


@dataclass(frozen=True)
class Outcome:
    """What an export or a gating came to."""

    verdicts: tuple[Verdict, ...]
    refused: dict[str, str]
    """Variant -> why it could not be measured."""
    written: tuple[Path, ...]

    @property
    def passed(self) -> bool:
        return not self.refused and all(verdict.passed for verdict in self.verdicts)


class Bench:
    """A run's test split and float reference, loaded once for all of its candidates."""

    def __init__(self, run: Run, data_dir: Path | None, policy: Policy) -> None:
        self.run, self.policy = run, policy
        self.runtimes = installed_runtimes()
        if not self.runtimes:
            raise EnvironmentFault(
                "no TFLite runtime to measure with: expected tflite-runtime or ai-edge-litert"
            )
        record = run.record
        self.dataset = load_run_data(run, data_dir)
        self.model = load_keras(run.model_path, record.input, len(record.labels))
        _say(f"{record.name}: Keras model on {len(self.dataset.test)} test pictures")
        self.float_logits = float_logits(self.model, self.dataset.test.tensors(record.input))

    def judge(self, candidate: Bundle) -> Verdict:
        """Measures a candidate on every runtime here and holds it against the policy."""
        contract, answers = candidate.contract, []
        for runtime in self.runtimes:
            _say(f"{contract.name} {contract.variant}: measuring on {runtime}")
            answers.append(measure(candidate, self._test_frames(), runtime))
        return judge(
            self.policy,
            contract.variant,
            len(candidate.model),
            candidate.labels,
            self.dataset.test.targets,
            self.float_logits,
            answers,
        )

    def _test_frames(self) -> NDArray[np.uint8] | list[Path]:
        frames = self.dataset.test.frames
        return list(frames.paths) if isinstance(frames, PictureFiles) else frames


def load_run_data(run: Run, data_dir: Path | None) -> Dataset:
    """The data set of a run, checked to be the very same.

    Raises:
        UsageError: a folder changed since the training.
    """
    record = run.record
    dataset = load_dataset(record.dataset, data_dir)
    got = (dataset.train.fingerprint(), dataset.test.fingerprint())
    if dataset.labels != record.labels or got != (record.train_sha256, record.test_sha256):
        raise UsageError(
            f"{record.dataset} is not the data that {run.folder} was trained on (its pictures or "
            "classes changed since); train again"
        )
    return dataset


def export_run(bench: Bench, variants: Iterable[Variant], out: Path) -> Outcome:
    """Exports each variant; only what passed the gate becomes a .tflite in `out`.

    A candidate that failed leaves no file, not even one of an earlier export.
    """
    record = bench.run.record
    fitted = bench.run.split().train
    chosen = choose_calibration(bench.dataset.train.targets, fitted, COUNT, record.seed)
    calibration = bench.dataset.train.take(chosen)
    check_apart(calibration, bench.dataset.test)
    ranges, fingerprint = calibration.tensors(record.input), calibration.fingerprint()
    verdicts: list[Verdict] = []
    refused: dict[str, str] = {}
    written: list[Path] = []
    for variant in variants:
        path = out / f"{record.name}-{variant.name}.tflite"
        try:
            flatbuffer = convert(bench.model, variant, ranges)
            structure = read_structure(flatbuffer)
            check_effect(structure, variant)
            candidate = make_candidate(flatbuffer, structure, variant.name, record, fingerprint)
            verdict = bench.judge(candidate)
            verdicts.append(verdict)
            if verdict.passed:
                proven = add_proof(candidate, verdict, bench.policy, record)
                write_bundle(path, add_golden(proven, bench.runtimes))
                written.append(path)
        except ModelError as error:
            refused[variant.name] = str(error)
        if path not in written:
            path.unlink(missing_ok=True)
    write_report(out / "report.json", record, bench.policy, verdicts, refused)
    return Outcome(tuple(verdicts), refused, tuple(written))


def regate(bench: Bench, bundles: Sequence[Bundle]) -> Outcome:
    """Measures finished bundles again; changes none of them.

    Raises:
        UsageError: a bundle is of another run than the bench.
    """
    verdicts: list[Verdict] = []
    refused: dict[str, str] = {}
    for bundle in bundles:
        made_from = bundle.contract.provenance.get("run")
        if made_from != bench.run.record.id:
            raise UsageError(
                f"{bundle.contract.name} {bundle.contract.variant} was exported from run "
                f"{made_from}, and {bench.run.folder} holds {bench.run.record.id}; name its own "
                "with --run"
            )
        try:
            verdicts.append(bench.judge(bundle))
        except ModelError as error:
            refused[bundle.contract.variant] = str(error)
    return Outcome(tuple(verdicts), refused, ())


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
