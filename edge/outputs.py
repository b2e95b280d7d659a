"""Results to stdout: a table for people, JSON lines and CSV for programs. Each line whole."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from typing import Any, Literal

from edge.bulk.answer import Answer
from edge.classifier import UNKNOWN, Result
from edge.reading import read, reading_lines
from edge.sources.frame import Failure, Frame
from edge.terminal import printable

Format = Literal["table", "jsonl", "csv"]
Writer = Callable[[str], None]

CSV_COLUMNS = (
    "source",
    "index",
    "timestamp_s",
    "label",
    "score",
    "model",
    "latency_ms",
    "error_kind",
    "error_message",
    "box",
    "region",
    "reading",
    "reason",
)
SOURCE_WIDTH = 40
NOTHING = Result(UNKNOWN, 0.0, (), 0.0, reason="expected things that stand out, got none")
"""The answer to a frame in which nothing was found."""


class Output:
    """Writes each result, or failure, through `out`, a line or several that belong together;
    failures of tables go to `err`."""

    def __init__(
        self, format: Format, model: str, out: Writer, err: Writer, *, heading: bool = True
    ) -> None:
        """heading: no for a part of a run, whose lines go through another one's `add`."""
        self.format, self.model, self.out, self.err = format, model, out, err
        self.results = self.failures = 0
        self._has_heading = heading
        if format == "csv" and heading:
            out(csv_line(CSV_COLUMNS))

    def add(self, answer: Answer) -> None:
        """Lines that another one made of one input."""
        if answer.is_failure:
            self.failures += 1
        else:
            self.results += 1
            if self.format == "table":
                self._heading()
        if answer.out:
            self.out("\n".join(answer.out))
        for line in answer.err:
            self.err(line)

    def result(self, frame: Frame, result: Result) -> None:
        """One answer to a whole frame."""
        self.results += 1
        if self.format == "table":
            self._heading()
            self.out(_table_line(frame.source, result))
        else:
            self._record(result_record(frame, result, self.model))

    def regions(self, frame: Frame, results: Sequence[Result]) -> None:
        """One answer for each thing in a frame, in reading order, and what they read together."""
        if self.format == "table":
            self._table(frame, results)
            return
        self.results += 1
        reading = reading_of(results)
        for number, result in enumerate(results or [NOTHING]):
            place = {"region": number if results else None, "reading": reading}
            self._record(result_record(frame, result, self.model) | place)

    def _table(self, frame: Frame, results: Sequence[Result]) -> None:
        if not results:
            self.result(frame, NOTHING)
            return
        self.results += 1
        self._heading()
        least = min(result.score for result in results)
        source = f"{_shorten(frame.source):{SOURCE_WIDTH}}"
        self.out(f"{source}  {reading_of(results):12}  {least:5.3f}")
        for result in results:
            box = _box_in_file(frame, result)
            where = "at " + " ".join(map(str, box)) if box else "the whole frame"
            self.out(_table_line(f"  {where}", result))

    def _heading(self) -> None:
        if self.results == 1 and self._has_heading:
            self.out(f"{'SOURCE':{SOURCE_WIDTH}}  {'LABEL':12}  SCORE  OTHERS")

    def _record(self, record: dict[str, Any]) -> None:
        if self.format == "jsonl":
            self.out(json.dumps(record))
        else:
            flat = {**record, "box": " ".join(map(str, record["box"] or ()))}
            self.out(csv_line([flat.get(column, "") for column in CSV_COLUMNS]))

    def failure(self, failure: Failure) -> None:
        """One input without an answer."""
        self.failures += 1
        error = {"kind": failure.error.kind, "message": str(failure.error)}
        if self.format == "table":
            self.err(f"{error['message']}")
        elif self.format == "jsonl":
            self.out(json.dumps(failure_record(failure)))
        else:
            values = {"source": failure.source, "index": failure.index}
            flat = {**values, "error_kind": error["kind"], "error_message": error["message"]}
            self.out(csv_line([flat.get(column, "") for column in CSV_COLUMNS]))


def reading_of(results: Sequence[Result]) -> str:
    """What results in reading order read together; empty where there are none."""
    lines = reading_lines([result.box for result in results])
    return read([[results[at].label for at in line] for line in lines], UNKNOWN)


def result_record(frame: Frame, result: Result, model: str) -> dict[str, Any]:
    """The JSON line of one answer; its keys are what other programs rely on."""
    return {
        "source": frame.source,
        "index": frame.index,
        "timestamp_s": round(frame.timestamp_s, 3),
        "box": _box_in_file(frame, result),
        "label": result.label,
        "score": round(result.score, 6),
        "reason": result.reason,
        "top": [{"label": one.label, "score": round(one.score, 6)} for one in result.top],
        "model": model,
        "latency_ms": round(result.latency_ms, 3),
    }


def failure_record(failure: Failure) -> dict[str, Any]:
    """The JSON line of one input without an answer."""
    error = {"kind": failure.error.kind, "message": str(failure.error)}
    return {"source": failure.source, "index": failure.index, "error": error}


def _box_in_file(frame: Frame, result: Result) -> list[int] | None:
    """x, y, width, height in the file's own pixels, of which a decoder may have taken a part."""
    return None if result.box is None else [side * frame.shrunk for side in result.box]


def _shorten(source: str) -> str:
    source = printable(source)
    return source if len(source) <= SOURCE_WIDTH else "..." + source[3 - SOURCE_WIDTH :]


def _table_line(source: str, result: Result) -> str:
    others = ", ".join(f"{one.label} {one.score:.3f}" for one in result.top[1:])
    others = result.reason or others
    answer = f"{result.label:12}  {result.score:5.3f}  {others}"
    return f"{_shorten(source):{SOURCE_WIDTH}}  {answer}".rstrip()


def csv_line(values: Any) -> str:
    """Values as one line of CSV (RFC 4180), without its end."""
    import csv

    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(values)
    return line.getvalue()
