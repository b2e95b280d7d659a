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
@click.option(
    "--regions",
    type=click.Choice(["whole", "auto"]),
    default="whole",
    show_default=True,
    help="One thing a frame, or each thing in it: a number is read digit by digit.",
)
@click.option("--every", metavar="N|Ns", help="Of a video: each Nth frame, or one in N seconds.")
def classify(
    sources: tuple[str, ...],
    model: str,
    top: int,
    format_name: Format,
    regions: str,
    every: str | None,
) -> int:
    """Classify pictures: files, folders (with all below them), quoted globs, videos, URLs, - for
    stdin.

    Exits with 1 when some inputs could not be classified; the others are all the same.
    """
    from edge.classifier import Classifier
    from edge.cli.progress import Progress
    from edge.errors import FrameError
    from edge.outputs import Output
    from edge.sources.files import read_frames
    from edge.sources.frame import Failure
    from edge.sources.video import parse_every

    frames = read_frames(sources, every=parse_every(every) if every else None)
    with Classifier.load(model) as classifier, Progress(sources) as progress:

        def err(line: str) -> None:
            progress.erase()
            _err(line)

        name = classifier.contract.name
        output = Output(format_name, name, out=_out, err=err)
        for item in frames:
            if isinstance(item, Failure):
                output.failure(item)
            else:
                try:
                    if regions == "auto":
                        output.regions(item, classifier.classify_regions(item.rgb, top))
                    else:
                        output.result(item, classifier.classify(item.rgb, top))
                except FrameError as error:
                    output.failure(Failure(item.index, item.source, error))
                if item.note:
                    err(f"{item.source}: {item.note}")
            progress.step()
    if output.failures:
        _err(f"{output.failures} of {output.results + output.failures} inputs failed")
    return 1 if output.failures else 0


def _out(line: str) -> None:
    sys.stdout.write(line + "\n")


def _err(line: str) -> None:
    sys.stdout.flush()
    print(f"edgeproof: {line}", file=sys.stderr)
