"""`edgeproof info`: what a model says of itself."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from edge.bundle import Bundle
    from edge.contract import Contract, Output
    from edge.proof import Measurement, Score

MAX_LABELS = 20
"""So many are shown to people."""


@click.command()
@click.argument("model")
@click.option("--json", "as_json", is_flag=True, help="Contract and proof as one JSON object.")
def info(model: str, as_json: bool) -> None:
    """Show MODEL's contract and proof. Nothing of the model is run."""
    from edge.bundle import read_bundle
    from edge.store.listing import origin_of
    from edge.terminal import printable
    from edge.zoo import DEFAULT, find_model

    path, origin = find_model(model), origin_of(model)
    bundle = read_bundle(path)
    size_bytes = path.stat().st_size
    if as_json:
        proof = bundle.proof
        record = {
            "path": str(path),
            "from": origin,
            "is_default": model == DEFAULT,
            "size_bytes": size_bytes,
            "multiply_adds": _multiply_adds(bundle.model)[0],
            "labels": list(bundle.labels),
            "contract": asdict(bundle.contract),
            "proof": asdict(proof) if proof else None,
        }
        click.echo(json.dumps(record))
    else:
        where = f"{origin}, {path}" if origin != "file" else str(path)
        where += "; taken without --model" if model == DEFAULT else ""
        for name, value in _lines(bundle, where, size_bytes):
            click.echo(f"{name:12}  {printable(value)}")


def _lines(bundle: Bundle, where: str, size_bytes: int) -> list[tuple[str, str]]:
    from edge.contract import ADOPTED

    contract, proof = bundle.contract, bundle.proof
    size, steps = contract.input, contract.input.preprocess
    lines = [
        ("model", f"{contract.name} {contract.variant}, {where}"),
        ("labels", _listed(bundle.labels)),
        ("input", f"{size.height}x{size.width} {size.color}, preprocessing {steps.kind!r}"),
        ("output", _output(contract.output)),
        ("needs", _needs(contract.model.min_runtime)),
        ("cost", f"{size_bytes:,} bytes, {_multiply_adds(bundle.model)[1]}"),
        ("sha256", contract.model.sha256),
        *(_adopted(contract) if contract.variant == ADOPTED else _made(contract)),
    ]
    if proof is None:
        return [*lines, ("proof", "none: this model was never gated")]
    lines.append(
        (
            "proof",
            f"{proof.float_score.n} test pictures of {proof.dataset}; "
            f"float {100 * proof.float_score.accuracy:.2f} %, "
            + _answered(proof.float_answered, proof.float_score.n),
        )
    )
    return lines + [("", _measured(measurement)) for measurement in proof.measurements]


def _multiply_adds(model: bytes) -> tuple[int | None, str]:
    """Of one picture, and in words; none where an operator is not one that can be counted."""
    from edge.errors import ModelError
    from edge.tflite.cost import multiply_adds

    try:
        count = multiply_adds(model, "multiply-adds")
    except ModelError as error:
        return None, str(error)
    return count, f"{count:,} multiply-adds for a picture"


def _output(output: Output) -> str:
    least = output.unknown_threshold
    below = "no threshold" if least is None else f"a score below {least:.3g} is 'unknown'"
    if output.meaning == "probabilities":
        return f"probabilities, taken as they are, {below}"
    return f"{output.meaning}, temperature {output.temperature:.3g}, {below}"


def _listed(labels: tuple[str, ...]) -> str:
    shown = ", ".join(labels[:MAX_LABELS])
    more = len(labels) - MAX_LABELS
    return f"{shown}, and {more} more; --json has them all" if more > 0 else shown


def _needs(min_runtime: str) -> str:
    from edge.contract import UNKNOWN_RUNTIME

    if min_runtime == UNKNOWN_RUNTIME:
        return "a TFLite that its converter did not state"
    return f"TFLite {min_runtime} or newer"


def _made(contract: Contract) -> list[tuple[str, str]]:
    made_by = (f"{k} {v}" for k, v in contract.provenance.items() if k != "quantization")
    return [
        ("quantised", _recipe(contract.provenance.get("quantization"))),
        ("made by", ", ".join(made_by)),
    ]


def _adopted(contract: Contract) -> list[tuple[str, str]]:
    """Where a model from elsewhere came from, and what was taken to be true of it."""
    origin = contract.provenance
    taken = origin.get("taken")
    facts = taken.items() if isinstance(taken, dict) else ()
    known = {"adopted": "adopted from", "adopted_sha256": "its sha256"}
    words = [f"{known.get(k, k)} {v}" for k, v in origin.items() if k != "taken"]
    return [("made by", ", ".join(words))] + [
        ("taken" if index == 0 else "", f"{what}: {value}")
        for index, (what, value) in enumerate(facts)
    ]


def _answered(found: Score, of: int) -> str:
    return f"answers {100 * found.n / of:.2f} %, {100 * found.accuracy:.2f} % of those rightly"


def _measured(found: Measurement) -> str:
    low, high = found.score.interval_95
    from_points, to_points = found.drop.interval_95
    text = (
        f"{found.runtime}: {100 * found.score.accuracy:.2f} % "
        f"(95 % interval {100 * low:.2f} to {100 * high:.2f}), "
        f"drop {found.drop.points:+.2f} points ({from_points:+.2f} to {to_points:+.2f}), "
        f"agreement {100 * found.agreement:.2f} %, SQNR {found.sqnr_db:.1f} dB, "
        + _answered(found.answered, found.score.n)
    )
    if not found.corruptions:
        return text
    kind, worst = max(found.corruptions.items(), key=lambda item: item[1].points)
    return f"{text}, worst under {kind}: {worst.points:+.2f}"


def _recipe(quantization: Any) -> str:
    """How the ranges were chosen and what stayed float, as the contract records it."""
    if not isinstance(quantization, dict):
        return "without calibration"
    ranges = quantization.get("ranges")
    percentile = quantization.get("percentile")
    kept = quantization.get("float_layers")
    return (
        f"{ranges} ranges{f' of {percentile:g} %' if percentile else ''} over "
        f"{quantization.get('pictures')} calibration pictures"
        + (f", {', '.join(kept)} in float32" if kept else "")
    )
