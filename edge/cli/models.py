"""`edgeproof models`: what is shipped and what is installed."""

from __future__ import annotations

import json
from typing import Any

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def models(as_json: bool) -> int:
    """List the models by name, shipped and installed, with size and what the gate measured.

    Exits with 4 when what is installed under a name cannot be used.
    """
    from edge.errors import ModelError
    from edge.store.listing import all_names

    if not as_json:
        click.echo(f"{'MODEL':12}  {'VARIANT':8}  {'SIZE':>8}  {'ACCURACY':>9}  {'FROM':9}  LABELS")
    worst = 0
    for name in all_names():
        try:
            row = _row(name)
        except ModelError as error:
            worst = error.exit_code
            if as_json:
                click.echo(json.dumps({"model": name, "error": str(error)}))
            else:
                click.echo(f"{name:12}  DAMAGED")
                click.echo(f"edgeproof: error: {error}", err=True)
            continue
        click.echo(json.dumps(row) if as_json else _line(row))
    return worst


def _row(name: str) -> dict[str, Any]:
    """
    Raises:
        ModelError: the name stands for something that cannot be used.
    """
    from edge.bundle import read_bundle
    from edge.store.listing import origin_of
    from edge.zoo import find_model

    path = find_model(name)
    bundle = read_bundle(path)
    proof = bundle.proof
    return {
        "model": name,
        "variant": bundle.contract.variant,
        "size_bytes": path.stat().st_size,
        "accuracy": min((m.score.accuracy for m in proof.measurements), default=0)
        if proof
        else None,
        "labels": list(bundle.labels),
        "from": origin_of(name),
        "path": str(path),
    }


def _line(row: dict[str, Any]) -> str:
    accuracy = "unproven" if row["accuracy"] is None else f"{100 * row['accuracy']:.2f} %"
    return (
        f"{row['model']:12}  {row['variant']:8}  {row['size_bytes'] / 1000:5.0f} kB  "
        f"{accuracy:>9}  {row['from']:9}  {', '.join(row['labels'])}"
    )
