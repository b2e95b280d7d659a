"""`edgeproof classify`: pictures to labels."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count, groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.terminal import printable

if TYPE_CHECKING:
    from edge.bulk.answer import Answer
    from edge.bulk.spread import Spread
    from edge.bulk.task import Task
    from edge.drawing.folder import PictureFolder
    from edge.lines import Lines, StreamLines
    from edge.outputs import Format
    from edge.sources.video import Every


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
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Processes for many pictures; by default one for each core.",
)
def classify(
    sources: tuple[str, ...],
    model: str,
    top: int,
    format_name: Format,
    regions: str,
    annotate: Path | None,
    explain: Path | None,
    every: str | None,
    jobs: int | None,
) -> int:
    """Classify pictures.

    A SOURCE is a picture, a folder (with all folders below it), a quoted glob, a video (see
    --every; needs the camera extra), the URL of a picture, or - for pictures on stdin, one after
    the other.

    Exits with 1 when some inputs could not be classified; the others are all the same.
    """
    from edge.bulk.spread import Spread, cores
    from edge.bulk.task import Task
    from edge.classifier import Classifier
    from edge.cli.progress import Progress
    from edge.lines import stdout_lines
    from edge.outputs import Output
    from edge.preprocess.detail import glanced_side, needed_side
    from edge.sources.video import parse_every
    from edge.startup import settle

    wanted = parse_every(every) if every else None
    lines = stdout_lines(is_prompt=_is_live(sources))
    with (
        _counting(lines, format_name != "jsonl"),
        Classifier.load(model) as classifier,
        Progress(sources) as progress,
    ):

        def err(line: str) -> None:
            progress.erase()
            lines.flush()
            _err(line)

        settle()
        name, spec = classifier.contract.name, classifier.contract.input
        # What is drawn on is needed in colour, and several things are looked for closely.
        is_drafted = regions == "whole" and not annotate and not explain
        task = Task(
            classifier,
            top,
            format_name,
            is_auto=regions == "auto",
            side=needed_side(spec),
            draft=glanced_side(spec) if is_drafted else None,
            pictures=_folder(annotate, "--annotate", sources, err),
            sheets=_folder(explain, "--explain", sources, err),
        )
        if classifier.bundle.proof_json is None:
            err(f"model {name!r} is unproven: no gate has compared it with what it was made from")
        output = Output(format_name, name, out=lines.write, err=err)
        workers = 0 if annotate or explain else jobs or cores()
        with Spread(task.read, task.failed, workers) as spread:
            for answer in _answers(sources, wanted, task, spread):
                output.add(answer)
                progress.step()
        if jobs is not None and spread.problem:
            err(f"--jobs {jobs}: one process did it all: {spread.problem}")
    if output.failures:
        _err(f"{output.failures} of {output.results + output.failures} inputs failed")
    for folder in task.folders:
        if folder.failures:
            count = f"{folder.failures} of {output.results} pictures"
            _err(f"{folder.option}: {count} could not be written")
    return 1 if output.failures or task.unwritten else 0


def _answers(
    sources: Sequence[str], every: Every | None, task: Task, spread: Spread
) -> Iterator[Answer]:
    """One for each frame, in order: files through `spread`, what only comes in turn from here."""
    from edge.bulk.answer import Job
    from edge.sources.files import find_inputs, read_input

    numbers = count()
    for are_files, some in groupby(find_inputs(sources), key=lambda one: one.is_file):
        if are_files:
            yield from spread.run(Job(next(numbers), one.source) for one in some)
        else:
            for one in some:
                for item in read_input(one, numbers, every=every, side=task.side, draft=task.draft):
                    yield task.answer(item)


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
    from edge.sources import STDIN, url, video

    return any(
        source == STDIN or url.is_url(source) or video.is_video_name(source) for source in sources
    )


@contextmanager
def _counting(lines: Lines | StreamLines, has_heading: bool) -> Iterator[None]:
    """Writes what waits at the end, and says of a stdout that takes no more what it has taken.

    Raises:
        BrokenPipeError: the reader has gone, and wants no more words.
        EnvironmentFault: there is no room, such as on a full disk.
    """
    from edge.errors import EnvironmentFault
    from edge.lines import STDOUT

    try:
        with lines:
            yield
    except OSError as error:
        if error.filename != STDOUT or isinstance(error, BrokenPipeError):
            raise
        count = max(0, lines.written - has_heading)
        records = "1 record, whole," if count == 1 else f"{count:,} records, each whole,"
        raise EnvironmentFault(
            f"{STDOUT}: {error.strerror}; {records if count else 'nothing'} "
            f"{'were' if count > 1 else 'was'} written before that"
        ) from None


def _err(line: str) -> None:
    print(f"edgeproof: {printable(line)}", file=sys.stderr)
