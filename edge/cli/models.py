"""`edgeproof models`: what is shipped."""

from __future__ import annotations

import json

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def models(as_json: bool) -> None:
    """List the shipped models with their size and what the gate measured."""
    from edge.bundle import read_bundle
    from edge.zoo import shipped_models

    if not as_json:
        click.echo(f"{'MODEL':12}  {'VARIANT':8}  {'SIZE':>8}  {'ACCURACY':>9}  LABELS")
    for name, path in shipped_models().items():
        bundle = read_bundle(path)
        proof = bundle.proof
        worst = min((m.score.accuracy for m in proof.measurements), default=0) if proof else None
        row = {
            "model": name,
            "variant": bundle.contract.variant,
            "size_bytes": path.stat().st_size,
            "accuracy": worst,
            "labels": list(bundle.labels),
            "path": str(path),
        }
        if as_json:
            click.echo(json.dumps(row))
        else:
            accuracy = "unproven" if worst is None else f"{100 * worst:.2f} %"
            click.echo(
                f"{name:12}  {row['variant']:8}  {path.stat().st_size / 1000:5.0f} kB  "
                f"{accuracy:>9}  {', '.join(bundle.labels)}"
            )
