"""What `classify` does with one input: from the file to the lines that are written of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from os.path import basename
from typing import TYPE_CHECKING

from edge.bulk.answer import Answer, Job
from edge.drafts import classify_frame
from edge.errors import EdgeproofError, FrameError
from edge.outputs import Format, Output
from edge.sources.files import read_file
from edge.sources.frame import Failure, Frame
from edge.sources.picture import out_of_memory

if TYPE_CHECKING:
    from edge.classifier import Classifier, Result
    from edge.drawing.folder import PictureFolder

HELD_BYTES = 512 * 1024
"""Of pixels. What is larger takes so long that the order does not matter."""


@dataclass(frozen=True)
class Task:
    """What is to be done with each frame."""

    classifier: Classifier
    top: int
    format: Format
    is_auto: bool
    side: int | None
    """How many pixels the longer side of a picture needs at least."""
    draft: int | None
    """How many it needs for a first look; none: there is none."""
    pictures: PictureFolder | None
    sheets: PictureFolder | None

    def read(self, jobs: Sequence[Job], take_up: Callable[[Job], None]) -> Iterator[Answer]:
        """What is to be written of picture files, in order.

        Small ones are read several at a time and then classified: a processor that does one thing
        after the other has neither code nor data of it at hand (measured: a tenth to a seventh).

        take_up: told of each file before it is touched, twice.
        """
        held: deque[Frame | Failure] = deque()  # and nothing else holds a frame: it may be large
        size_bytes = 0
        for count, job in enumerate(jobs, 1):
            take_up(job)
            held.append(self._read(job))
            size_bytes += _size_bytes(held[-1])
            if size_bytes > HELD_BYTES or count == len(jobs):
                while held:
                    take_up(Job(held[0].index, held[0].source))
                    yield self.answer(held.popleft())
                size_bytes = 0

    def _read(self, job: Job) -> Frame | Failure:
        try:
            return read_file(job.number, job.path, self.side, self.draft)
        except EdgeproofError:
            raise
        except Exception as error:
            return Failure(job.number, job.path, _fault(job.path, error))

    def failed(self, job: Job, error: FrameError) -> Answer:
        """What is to be written of one that cannot be read."""
        return self.answer(Failure(job.number, job.path, error))

    def answer(self, item: Frame | Failure) -> Answer:
        """What is to be written of a frame, or of what came in its place."""
        out: list[str] = []
        err: list[str] = []
        name = self.classifier.contract.name
        output = Output(self.format, name, out.append, err.append, heading=False)
        if isinstance(item, Failure):
            output.failure(item)
        else:
            try:
                self._run(item, output)
            except FrameError as error:
                output.failure(Failure(item.index, item.source, error))
            except (EdgeproofError, OSError):  # of the model, the system or a place to write to
                raise
            except Exception as error:
                output.failure(Failure(item.index, item.source, _fault(item.source, error)))
            if item.note:
                err.append(f"{item.source}: {item.note}")
        return Answer(out, err, is_failure=output.failures > 0)

    def _run(self, frame: Frame, output: Output) -> None:
        """Classifies a frame, and writes and draws what came of it.

        Raises:
            FrameError: it cannot be classified.
        """
        classifier = self.classifier
        top = max(self.top, len(classifier.labels)) if self.sheets else self.top
        if self.is_auto:
            results = classifier.classify_regions(frame.rgb, top)
        else:
            result, frame = classify_frame(classifier, frame, top)
            results = [result]
        told = results
        if top > self.top:
            told = [replace(result, top=result.top[: self.top]) for result in results]
        if self.is_auto:
            output.regions(frame, told)
        else:
            output.result(frame, told[0])
        if self.pictures or self.sheets:
            self._draw(frame, [result for result in results if result.top])

    def _draw(self, frame: Frame, found: list[Result]) -> None:
        if self.pictures:
            from edge.drawing.annotate import annotate

            self.pictures.write(frame.source, annotate(frame.rgb, found), ".jpg")
        if self.sheets:
            from edge.drawing.sheet import draw_sheet

            sheet = draw_sheet(frame, found, self.classifier.contract, self.is_auto)
            self.sheets.write(frame.source, sheet, ".png")

    @property
    def unwritten(self) -> int:
        """Pictures and sheets that could not be written."""
        return sum(folder.failures for folder in self.folders)

    @property
    def folders(self) -> list[PictureFolder]:
        """Those of pictures and sheets that were asked for."""
        return [folder for folder in (self.pictures, self.sheets) if folder]


def _size_bytes(item: Frame | Failure) -> int:
    return item.rgb.nbytes if isinstance(item, Frame) else 0


def _fault(source: str, error: Exception) -> FrameError:
    """What stands in the place of a frame at which this program itself failed: the run goes on."""
    if isinstance(error, MemoryError):
        return out_of_memory(source)
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    place = f"{basename(at.tb_frame.f_code.co_filename)}:{at.tb_lineno}" if at else "somewhere"
    brief = " ".join(str(error).split())[:200]
    return FrameError(
        "internal",
        f"{source}: a fault in edgeproof, please report it with this line and the picture: "
        f"{type(error).__name__}: {brief} ({place})",
    )
