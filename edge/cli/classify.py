"""`edgeproof classify`: pictures to labels."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from edge.outputs import Format


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--model", default="digits", show_default=True, help="A shipped name, or a .tflite.")
@click.option("--top", type=click.IntRange(min=1), default=3, show_default=True)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["table", "jsonl", "csv"]),
    default="table",
    show_default=True,
)
def classify(sources: tuple[str, ...], model: str, top: int, format_name: Format) -> int:
    """Classify pictures: files, folders (with all below them) and quoted globs.

    Exits with 1 when some inputs could not be classified; the others are all the same.
    """
    from edge.classifier import Classifier
    from edge.errors import FrameError
    from edge.outputs import Output
    from edge.sources.files import Failure, read_frames

    with Classifier.load(model) as classifier:
        name = classifier.contract.name
        output = Output(format_name, name, out=_out, err=_err)
        for item in read_frames(sources):
            if isinstance(item, Failure):
                output.failure(item)
                continue
            try:
                result = classifier.classify(item.rgb, top)
            except FrameError as error:
                output.failure(Failure(item.index, item.source, error))
            else:
                output.result(item, result)
    if output.failures:
        _err(f"{output.failures} of {output.results + output.failures} inputs failed")
    return 1 if output.failures else 0


def _out(line: str) -> None:
    sys.stdout.write(line + "\n")


def _err(line: str) -> None:
    sys.stdout.flush()
    print(f"edgeproof: {line}", file=sys.stderr)
