"""`edgeproof adopt`: somebody's .tflite becomes a bundle."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

if TYPE_CHECKING:
    from edge.adopt.adoption import Adoption

_file = click.Path(path_type=Path, dir_okay=False)


def _numbers(
    context: click.Context, parameter: click.Parameter, text: str | None
) -> tuple[float, ...] | None:
    """`123.7,116.3,103.5` as numbers."""
    if text is None:
        return None
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise click.BadParameter(f"expected numbers with commas between, got {text!r}") from None


@click.command()
@click.argument("model", type=_file)
@click.option("--labels", type=_file, help="A label a line; default: those inside the model.")
@click.option(
    "--preprocess",
    type=click.Choice(["photo", "ink", "object"]),
    help="What the pictures show: anything, handwriting on paper, one thing on plain ground; the "
    "last two for gray models.  [default: photo]",
)
@click.option(
    "--pixels",
    type=click.Choice(["0..1", "-1..1", "0..255", "imagenet"]),
    help="What pixels were in training; default: as the model's metadata or its input says.",
)
@click.option("--mean", callback=_numbers, metavar="A,B,C", help="Of pixels 0 to 255, with --std.")
@click.option("--std", callback=_numbers, metavar="A,B,C")
@click.option(
    "--fit",
    type=click.Choice(["crop", "letterbox", "stretch"]),
    help="How pictures of another shape come to its size.  [default: crop]",
)
@click.option(
    "--scores",
    type=click.Choice(["logits", "probabilities"]),
    help="What its outputs are; default: as the operator that makes them says.",
)
@click.option("--name", help="Default: the file's name.")
@click.option("--out", type=_file, help="Default: MODEL's name with .edgeproof.tflite, beside it.")
@click.option("--force", is_flag=True, help="Replace a file that is no adoption of this model.")
def adopt(
    model: Path,
    labels: Path | None,
    preprocess: Literal["photo", "ink", "object"] | None,
    pixels: str | None,
    mean: tuple[float, ...] | None,
    std: tuple[float, ...] | None,
    fit: Literal["crop", "letterbox", "stretch"] | None,
    scores: Literal["logits", "probabilities"] | None,
    name: str | None,
    out: Path | None,
    force: bool,
) -> None:
    """Make a bundle of MODEL, a classifier of pictures from elsewhere (.tflite).

    Its labels, its preprocessing and the meaning of its outputs are written into a copy, with
    where each was taken from; `classify`, `info` and `verify` work with it then. It stays
    unproven: no gate has compared it with the model that it was made from.
    """
    from edge.adopt.adoption import adopt as make
    from edge.adopt.statement import Statement, target_of
    from edge.bundle import write_bundle
    from edge.terminal import printable

    said = Statement(labels, preprocess, fit, pixels, mean, std, scores, name)
    target = target_of(model, said, out, force)
    adoption = make(model, said)
    write_bundle(target, adoption.bundle)
    for line in _lines(adoption, target):
        click.echo(printable(line))


def _lines(adoption: Adoption, target: Path) -> list[str]:
    golden = adoption.bundle.golden
    runtimes = ", ".join(golden.outputs) if golden else ""
    shown = [(fact.what, f"{fact.value}  [{fact.source}]") for fact in adoption.facts]
    shown += [
        ("tried", f"on {runtimes}, in a process of its own"),
        ("proof", "none: UNPROVEN, no gate has compared it with anything"),
        ("wrote", str(target)),
        ("next", f"edgeproof classify PICTURE --model {shlex.quote(str(target))}"),
    ]
    return [f"{what:8}  {value}" for what, value in shown]
