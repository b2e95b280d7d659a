"""`edgeproof classify`: pictures to labels."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from edge.classifier import Classifier
    from edge.drawing.folder import PictureFolder
    from edge.outputs import Format, Output
    from edge.sources.frame import Frame


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
@click.option(
    "--annotate",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write each frame there with boxes, labels, scores and what the model saw.",
)
@click.option(
    "--explain",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write a sheet for each frame there: every step, and what decided.",
)
@click.option("--every", metavar="N|Ns", help="Of a video: each Nth frame, or one in N seconds.")
def classify(
    sources: tuple[str, ...],
    model: str,
    top: int,
    format_name: Format,
    regions: str,
    annotate: Path | None,
    explain: Path | None,
    every: str | None,
) -> int:
    """Classify pictures.

    A SOURCE is a picture, a folder (with all folders below it), a quoted glob, a video (see
    --every; needs the camera extra), the URL of a picture, or - for pictures on stdin, one after
    the other.

    Exits with 1 when some inputs could not be classified; the others are all the same.
    """
    from edge.classifier import Classifier
    from edge.cli.progress import Progress
    from edge.errors import FrameError
    from edge.outputs import Output
    from edge.preprocess.detail import glanced_side, needed_side
    from edge.sources.files import read_frames
    from edge.sources.frame import Failure
    from edge.sources.video import parse_every

    wanted = parse_every(every) if every else None
    with Classifier.load(model) as classifier, Progress(sources) as progress:

        def err(line: str) -> None:
            progress.erase()
            _err(line)

        name = classifier.contract.name
        task = Task(
            classifier,
            top,
            is_auto=regions == "auto",
            pictures=_folder(annotate, "--annotate", sources, err),
            sheets=_folder(explain, "--explain", sources, err),
        )
        if classifier.bundle.proof is None:
            err(f"model {name!r} is unproven: no gate has compared it with what it was made from")
        output = Output(format_name, name, out=_out_now if _is_live(sources) else _out, err=err)
        spec = classifier.contract.input
        # What is drawn on is needed in colour, and several things are looked for closely.
        draft = None if task.is_auto or task.pictures or task.sheets else glanced_side(spec)
        for item in read_frames(sources, every=wanted, side=needed_side(spec), draft=draft):
            if isinstance(item, Failure):
                output.failure(item)
            else:
                try:
                    task.run(item, output)
                except FrameError as error:
                    output.failure(Failure(item.index, item.source, error))
                if item.note:
                    err(f"{item.source}: {item.note}")
            progress.step()
    if output.failures:
        _err(f"{output.failures} of {output.results + output.failures} inputs failed")
    return 1 if output.failures or task.unwritten else 0


@dataclass(frozen=True)
class Task:
    """What is to be done with each frame."""

    classifier: Classifier
    top: int
    is_auto: bool
    pictures: PictureFolder | None
    sheets: PictureFolder | None

    def run(self, frame: Frame, output: Output) -> None:
        """Classifies a frame, and writes and draws what came of it.

        Raises:
            FrameError: it cannot be classified.
        """
        from edge.drafts import classify_frame

        classifier = self.classifier
        top = max(self.top, len(classifier.labels)) if self.sheets else self.top
        if self.is_auto:
            results = classifier.classify_regions(frame.rgb, top)
        else:
            result, frame = classify_frame(classifier, frame, top)
            results = [result]
        told = [replace(result, top=result.top[: self.top]) for result in results]
        if self.is_auto:
            output.regions(frame, told)
        else:
            output.result(frame, told[0])
        found = [result for result in results if result.top]
        if self.pictures:
            from edge.drawing.annotate import annotate

            self.pictures.write(frame.source, annotate(frame.rgb, found), ".jpg")
        if self.sheets:
            from edge.drawing.sheet import draw_sheet

            sheet = draw_sheet(frame, found, classifier.contract, self.is_auto)
            self.sheets.write(frame.source, sheet, ".png")

    @property
    def unwritten(self) -> int:
        """Pictures and sheets that could not be written."""
        return sum(folder.failures for folder in (self.pictures, self.sheets) if folder)


def _folder(
    folder: Path | None, option: str, sources: Sequence[str], err: Callable[[str], None]
) -> PictureFolder | None:
    if folder is None:
        return None
    from edge.drawing.folder import PictureFolder, check_apart

    check_apart(folder, option, sources)
    return PictureFolder(folder, option, err)


def _is_live(sources: Sequence[str]) -> bool:
    """Whether somebody may wait for each result; a terminal gets each line at once anyway."""
    from edge.sources import stdin, url, video

    return any(
        source == stdin.NAME or url.is_url(source) or video.is_video_name(source)
        for source in sources
    )


def _out(line: str) -> None:
    sys.stdout.write(line + "\n")


def _out_now(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _err(line: str) -> None:
    sys.stdout.flush()
    print(f"edgeproof: {line}", file=sys.stderr)
