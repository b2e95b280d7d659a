"""`edgeproof models`: what is shipped and what is installed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click

WIDTH = 100
"""Columns of a line; only a name that is longer than most makes one longer."""
HEADINGS = (
    f"{'MODEL':12}  {'VARIANT':7}  {'SIZE':>7}  {'ACCURACY':>8}  {'MADDS':>7}  {'FROM':9}  LABELS"
)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def models(as_json: bool) -> int:
    """List the models by name, shipped and installed, with size and what the gate measured.

    Accuracy is that of the worst runtime. MADDS are millions of multiply-adds for one picture. The
    name with a * is what `classify` and `camera` take by themselves.

    Exits with 4 when what is installed under a name cannot be used.
    """
    from edge.errors import ModelError
    from edge.store.listing import all_names

    if not as_json:
        click.echo(HEADINGS)
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
        for line in [json.dumps(row)] if as_json else _lines(row):
            click.echo(line)
    return worst


def _row(name: str) -> dict[str, Any]:
    """
    Raises:
        ModelError: the name stands for something that cannot be used.
    """
    from edge.bundle import read_bundle
    from edge.store.listing import origin_of
    from edge.zoo import DEFAULT, find_model

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
        "multiply_adds": _multiply_adds(bundle.model),
        "proof": {
            "test_pictures": proof.float_score.n,
            "runtimes": [found.runtime for found in proof.measurements],
        }
        if proof
        else None,
        "labels": list(bundle.labels),
        "from": origin_of(name),
        "is_default": name == DEFAULT,
        "path": str(path),
    }


def _multiply_adds(model: bytes) -> int | None:
    from edge.errors import ModelError
    from edge.tflite.cost import multiply_adds

    try:
        return multiply_adds(model)
    except ModelError:  # it is listed all the same; `info` says why
        return None


def _lines(row: dict[str, Any]) -> Iterator[str]:
    """What the model is; and what it was proven on, where it was."""
    from edge.terminal import printable

    name = f"{row['model']}{'*' if row['is_default'] else ''}"
    accuracy = "unproven" if row["accuracy"] is None else f"{100 * row['accuracy']:.2f} %"
    count = row["multiply_adds"]
    start = (
        f"{name:12}  {row['variant']:7}  {row['size_bytes'] / 1000:4.0f} kB  {accuracy:>8}  "
        f"{'-' if count is None else f'{count / 1e6:.2f} M':>7}  {row['from']:9}  "
    )
    yield start + _shortened(row["labels"], WIDTH - len(start))
    if row["proof"] is not None:
        runtimes = printable(", ".join(row["proof"]["runtimes"]))
        yield _cut(f"    {row['proof']['test_pictures']:,} test pictures on {runtimes}")


def _shortened(labels: list[str], width: int) -> str:
    """As much of the labels as fits, and always how many there are where some are left out."""
    every = ", ".join(labels)
    ends = f"{len(labels)} classes: {labels[0]} ... {labels[-1]}"
    return next((text for text in (every, ends) if len(text) <= width), f"{len(labels)} classes")


def _cut(line: str) -> str:
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 4]} ..."
