"""A flatbuffer to a bundle: contract before the gate, golden outputs and proof behind it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, fields, is_dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.bundle import Bundle, Golden, written_digest
from edge.contract import SCHEMA, Contract, ModelBytes, Output, fitting_name
from edge.golden import choose_clear, draw_frames
from edge.interpreter import with_kernels
from edge.proof import SCHEMA as PROOF_SCHEMA
from edge.proof import Proof
from export.flatbuffer import Structure
from export.gate import Verdict
from export.measure import Answers, Questions, measure
from export.policy import Policy
from export.variants import Quantization
from train.runs import RunRecord
from train.versions import versions

PROOF_DIGITS = 6
"""Of a proof's numbers: an accuracy of up to a million pictures is exact, and what is beyond counts
in a small bundle, for digits of no meaning cannot be packed."""


def output_of(record: RunRecord) -> Output:
    """What the numbers of a run's models mean; the defaults for a run without confidence."""
    found = record.confidence
    return Output() if found is None else Output("logits", **asdict(found))


def make_candidate(
    model: bytes,
    structure: Structure,
    variant: str,
    record: RunRecord,
    quantization: Quantization | None,
    calibration_sha256: str,
) -> Bundle:
    """The bundle that is measured: everything but proof and golden outputs.

    quantization: none for a variant that is not calibrated, and then there is no fingerprint.
    """
    made_from: dict[str, Any] = {
        "run": record.id,
        "dataset": record.dataset if "/" not in record.dataset else record.name,
        "train_sha256": record.train_sha256,
        "split_sha256": record.split_sha256,
    }
    if quantization is not None:
        calibrated = {"calibration_sha256": calibration_sha256}
        made_from |= {**calibrated, "quantization": asdict(quantization)}
    contract = Contract(
        SCHEMA,
        fitting_name(record.name),  # a run of before names were held to this
        variant,
        record.input,
        output_of(record),
        ModelBytes(
            hashlib.sha256(model).hexdigest(),
            len(model),
            structure.min_runtime,
            structure.operators,
        ),
        {**made_from, **versions("tensorflow", "keras")},
    )
    return Bundle(model, record.labels, contract)


def add_golden(candidate: Bundle, runtimes: Sequence[str]) -> Bundle:
    """Draws the golden frames and records what each runtime answers to them.

    Where XNNPACK's int8 kernels were switched on, also what it answers without them.
    """
    frames = _pack_well(draw_frames(candidate.contract.input))

    def ask(runtimes: Sequence[str], kernels: str) -> list[Answers]:
        with ThreadPoolExecutor() as pool:  # each waits for a process of its own
            jobs = [
                pool.submit(measure, candidate, Questions(frames), runtime, kernels=kernels)
                for runtime in runtimes
            ]
            return [job.result() for job in jobs]

    answers = ask(runtimes, "xnnpack")
    answers += ask([one.runtime for one in answers if one.ran == "xnnpack"], "default")
    kept = choose_clear(answers[0].logits)
    outputs = {with_kernels(one.runtime, one.ran): one.raw[kept] for one in answers}
    return replace(candidate, golden=Golden(frames[kept], outputs))


def add_proof(candidate: Bundle, verdict: Verdict, policy: Policy, record: RunRecord) -> Bundle:
    """The bundle with the gate's verdict in it; only for a verdict that passed."""
    proof = Proof(
        PROOF_SCHEMA,
        written_digest(candidate),
        candidate.contract.provenance["dataset"],
        record.test_sha256,
        _rounded(verdict.float_score),
        _rounded(verdict.float_answered),
        _rounded(verdict.measurements),
        asdict(policy),
        versions(),
    )
    return replace(candidate, proof_json=proof.to_json())


def _pack_well(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The same with three of four frames in 16 levels: a fifth less of them in the bundle.

    The others keep their 256, so that pixels between are tried as well.
    """
    coarse = np.arange(len(frames)) % 4 > 0
    frames[coarse] &= 0xF0
    return frames


def _rounded(value: Any) -> Any:
    """The same with PROOF_DIGITS of every fraction in it."""
    if isinstance(value, float):
        return float(f"{value:.{PROOF_DIGITS}g}")
    if isinstance(value, tuple):
        return tuple(map(_rounded, value))
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: _rounded(getattr(value, f.name)) for f in fields(value)})
    return value
