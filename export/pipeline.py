"""A model's way from its run to proven bundles: convert, check, measure, judge, repair, pack."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edge.bundle import Bundle, pack_bundle
from edge.errors import ModelError, UsageError
from edge.files import write_atomic
from export.bench import Bench, Finding, read_quantization
from export.convert import convert
from export.flatbuffer import check_effect, read_structure
from export.gate import weigh
from export.pack import add_golden, add_proof, make_candidate
from export.progress import say
from export.repair import MORE_PICTURES, Step, Trial, repair
from export.source import load_keras
from export.variants import MIXED, VARIANTS, Quantization, Variant
from train.runs import Run

CALIBRATED = {one.name for one in (*VARIANTS.values(), MIXED) if one.is_calibrated}


@dataclass(frozen=True)
class Outcome:
    """What an export or a gating came to."""

    findings: tuple[Finding, ...]
    refused: dict[str, str]
    """Variant -> why it could not be measured."""
    written: tuple[Path, ...] = ()
    steps: tuple[Step, ...] = ()
    """What a repair tried."""

    @property
    def passed(self) -> bool:
        return not self.refused and not self.failed

    @property
    def failed(self) -> tuple[str, ...]:
        """Variants that failed and that no repair stands in for."""
        return tuple(
            finding.variant
            for finding in self.findings
            if not finding.verdict.passed and not finding.is_superseded
        )


def export_run(
    bench: Bench, variants: Iterable[Variant], out: Path, may_repair: bool = True
) -> Outcome:
    """Exports each variant; only what passed the gate becomes a .tflite in `out`.

    A candidate that failed leaves no file, not even one of an earlier export. When int8 fails, a
    search on validation pictures looks for a recipe that holds; its result meets the gate once.
    """
    findings: list[Finding] = []
    refused: dict[str, str] = {}
    written: list[Path] = []
    steps: tuple[Step, ...] = ()
    for variant in variants:
        path = _path(bench, out, variant)
        if variant.name == "int8":
            _path(bench, out, MIXED).unlink(missing_ok=True)  # what an earlier repair came to
        quantization = Quantization() if variant.is_calibrated else None
        try:
            finding = _export_one(bench, variant, quantization, None, path)
        except ModelError as error:
            refused[variant.name] = str(error)
            path.unlink(missing_ok=True)
            continue
        if finding.verdict.passed:
            findings.append(finding)
            written.append(path)
            continue
        path.unlink(missing_ok=True)
        repaired = None
        if variant.name == "int8" and may_repair and _may_help(finding):
            try:
                repaired, steps, rescued_as = _repair(bench, out)
            except ModelError as error:
                say(f"{bench.run.record.name} int8: the repair came to nothing: {error}")
        if repaired is None:
            findings.append(finding)
        elif not repaired.verdict.passed:
            findings += [finding, repaired]
        else:
            findings += [replace(finding, variant="int8 (plain)", is_superseded=True), repaired]
            written.append(rescued_as)
    return Outcome(tuple(findings), refused, tuple(written), steps)


def check_origin(run: Run, bundles: Sequence[Bundle]) -> None:
    """Refuses bundles of another run: their float model is another one.

    Raises:
        UsageError: names both runs.
    """
    for bundle in bundles:
        made_from = bundle.contract.provenance.get("run")
        if made_from != run.record.id:
            raise UsageError(
                f"{bundle.contract.name} {bundle.contract.variant} was exported from run "
                f"{made_from}, and {run.folder} holds {run.record.id}; name its own with --run"
            )


def regate(
    bench: Bench, bundles: Sequence[tuple[Bundle, int]], may_rebuild: bool = False
) -> Outcome:
    """Measures finished bundles of the bench's run again; changes none of them.

    bundles: each with the bytes of its file.
    may_rebuild: each is also exported again, and what comes of it measured where it differs.
    """
    findings: list[Finding] = []
    refused: dict[str, str] = {}
    for bundle, size_bytes in bundles:
        try:
            _say_what_is_missing(bench, bundle)
            check_calibration(bench, bundle)
            finding = bench.examine(bundle)
            verdict = weigh(bench.policy, finding.verdict, size_bytes)
            findings.append(replace(finding, verdict=verdict))
            if may_rebuild:
                findings += _rebuilt(bench, bundle)
        except ModelError as error:
            refused[bundle.contract.variant] = str(error)
    return Outcome(tuple(findings), refused)


def _rebuilt(bench: Bench, bundle: Bundle) -> list[Finding]:
    """What the run makes of a bundle today; none where that answers the same to the bit.

    Raises:
        ModelError: it came out of a repair, which is a search.
    """
    contract, quantization = bundle.contract, read_quantization(bundle)
    name = f"{contract.name} {contract.variant}"
    if contract.variant not in VARIANTS or quantization not in (None, Quantization()):
        raise ModelError(
            f"{name}: a repair found its recipe ({quantization}): make it again with "
            "`edgeproof export`, not with --rebuild"
        )
    candidate = make_bundle(bench, VARIANTS[contract.variant], quantization)
    if _answering(candidate) == _answering(bundle):
        say(f"{name}: exported again from its run, and the same to the byte")
        return []
    say(f"{name}: exported again from its run, and not the same: both are measured")
    return [replace(bench.examine(candidate), variant=f"{contract.variant} (rebuilt)")]


def _answering(bundle: Bundle) -> tuple[object, ...]:
    """All that decides a model's answers."""
    return bundle.model, bundle.labels, bundle.contract.input, bundle.contract.output


def _say_what_is_missing(bench: Bench, bundle: Bundle) -> None:
    claimed = [one.runtime for one in bundle.proof.measurements] if bundle.proof else []
    missing = [name for name in claimed if name.split()[0] not in bench.runtimes]
    if missing:
        say(f"NOT MEASURED HERE: {', '.join(missing)}, which its proof names, is not installed")


def check_calibration(bench: Bench, bundle: Bundle) -> None:
    """Refuses a bundle that was not calibrated on the pictures that its run chooses.

    Raises:
        ModelError: says so.
    """
    quantization, contract = read_quantization(bundle), bundle.contract
    if quantization is None:
        if contract.variant in CALIBRATED:
            raise ModelError(
                f"{contract.name} {contract.variant}: its calibration pictures are not on record; "
                "export it again"
            )
        return
    expected = bench.calibration(quantization.pictures).fingerprint()
    got = contract.provenance.get("calibration_sha256")
    if got != expected:
        raise ModelError(
            f"{contract.name} {contract.variant}: its calibration pictures are not "
            f"the {quantization.pictures} that its run chooses from the training split: expected "
            f"sha256 {expected[:16]}..., got {str(got)[:16]}..."
        )


def _export_one(
    bench: Bench,
    variant: Variant,
    quantization: Quantization | None,
    flatbuffer: bytes | None,
    path: Path,
) -> Finding:
    """Makes, measures and judges one candidate; writes it when it passed."""
    candidate = make_bundle(bench, variant, quantization, flatbuffer)
    finding = bench.examine(candidate)
    if not finding.verdict.passed:
        return finding
    proven = add_proof(candidate, finding.verdict, bench.policy, bench.run.record)
    data = pack_bundle(add_golden(proven, bench.runtimes))
    finding = replace(finding, verdict=weigh(bench.policy, finding.verdict, len(data)))
    if finding.verdict.passed:
        write_atomic(path, data)
    return finding


def make_bundle(
    bench: Bench,
    variant: Variant,
    quantization: Quantization | None,
    flatbuffer: bytes | None = None,
) -> Bundle:
    """A candidate of the bench's run, its effect checked in the flatbuffer.

    quantization: none for a variant that is not calibrated.
    flatbuffer: none converts the model.

    Raises:
        ModelError: the converter refuses, or did not do what the variant says.
    """
    record = bench.run.record
    calibration = bench.calibration((quantization or Quantization()).pictures)
    if flatbuffer is None:
        # Each conversion leaves its count in the model's names: of a fresh one the bytes are the
        # same, whatever was converted before.
        model = load_keras(bench.run.model_path, record.input, len(record.labels))
        flatbuffer = convert(model, variant, calibration.tensors(record.input))
    structure = read_structure(flatbuffer)
    check_effect(structure, variant)
    fingerprint = calibration.fingerprint()
    return make_candidate(flatbuffer, structure, variant.name, record, quantization, fingerprint)


def _may_help(finding: Finding) -> bool:
    """Whether another quantisation could mend it: not a wrong data set, nor a wrong label."""
    kinds = {cause.kind for cause in finding.causes}
    return bool(kinds) and kinds <= {"layer", "ranges", "quantisation", "offset"}


def _repair(bench: Bench, out: Path) -> tuple[Finding | None, tuple[Step, ...], Path]:
    """Searches a recipe on validation pictures and gates what it found; where it was written."""
    record = bench.run.record

    def try_out(flatbuffer: bytes, quantization: Quantization) -> Trial:
        verdict = bench.rehearse(make_bundle(bench, quantization.variant, quantization, flatbuffer))
        worst = min(verdict.measurements, key=lambda one: one.score.accuracy)
        missed = ", ".join(dict.fromkeys(check.name for check in verdict.failures))
        return Trial(
            verdict.passed,
            min(one.sqnr_db for one in verdict.measurements),
            f"{100 * worst.score.accuracy:.2f} % of {worst.score.n} validation pictures"
            + (f", fails {missed}" if missed else ""),
        )

    say(f"{record.name} int8: looking for a repair")
    pictures = bench.calibration(MORE_PICTURES)
    found = repair(
        bench.model, pictures.tensors(record.input), try_out, runtime=bench.runtimes[0], say=say
    )
    if found.flatbuffer is None or found.quantization is None:
        say(f"{record.name} int8: no repair found in {len(found.steps)} trials")
        return None, found.steps, out
    variant = found.quantization.variant
    path = _path(bench, out, variant)
    finding = _export_one(bench, variant, found.quantization, found.flatbuffer, path)
    if not finding.verdict.passed:
        path.unlink(missing_ok=True)
    return finding, found.steps, path


def _path(bench: Bench, out: Path, variant: Variant) -> Path:
    return out / f"{bench.run.record.name}-{variant.name}.tflite"
