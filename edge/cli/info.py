"""`edgeproof info`: what a model says of itself."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from edge.bundle import Bundle
    from edge.contract import Output
    from edge.proof import Measurement, Score


@click.command()
@click.argument("model")
@click.option("--json", "as_json", is_flag=True, help="Contract and proof as one JSON object.")
def info(model: str, as_json: bool) -> None:
    """Show MODEL's contract and proof. Nothing of the model is run."""
    from edge.bundle import read_bundle
    from edge.zoo import find_model

    path = find_model(model)
    bundle = read_bundle(path)
    if as_json:
        record = {
            "path": str(path),
            "labels": list(bundle.labels),
            "contract": asdict(bundle.contract),
            "proof": asdict(bundle.proof) if bundle.proof else None,
        }
        click.echo(json.dumps(record))
    else:
        for name, value in _lines(bundle, str(path)):
            click.echo(f"{name:12}  {value}")


def _lines(bundle: Bundle, path: str) -> list[tuple[str, str]]:
    contract, proof = bundle.contract, bundle.proof
    size, steps = contract.input, contract.input.preprocess
    lines = [
        ("model", f"{contract.name} {contract.variant}, {path}"),
        ("labels", ", ".join(bundle.labels)),
        ("input", f"{size.height}x{size.width} {size.color}, preprocessing {steps.kind!r}"),
        ("output", _output(contract.output)),
        ("needs", f"TFLite {contract.model.min_runtime} or newer"),
        ("sha256", contract.model.sha256),
        ("quantised", _recipe(contract.provenance.get("quantization"))),
        (
            "made by",
            ", ".join(f"{k} {v}" for k, v in contract.provenance.items() if k != "quantization"),
        ),
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


def _output(output: Output) -> str:
    least = output.unknown_threshold
    below = "no threshold" if least is None else f"a score below {least:.3g} is 'unknown'"
    return f"{output.meaning}, temperature {output.temperature:.3g}, {below}"


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
