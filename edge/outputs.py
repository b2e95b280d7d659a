"""Results to stdout: a table for people, JSON lines and CSV for programs. Each line whole."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any, Literal

from edge.classifier import Result
from edge.sources.frame import Failure, Frame

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
)
SOURCE_WIDTH = 40


class Output:
    """Writes each result, or failure, as one line through `out`; failures of tables to `err`."""

    def __init__(self, format: Format, model: str, out: Writer, err: Writer) -> None:
        self.format, self.model, self.out, self.err = format, model, out, err
        self.results = self.failures = 0
        if format == "csv":
            out(_csv_line(CSV_COLUMNS))

    def result(self, frame: Frame, result: Result) -> None:
        """One answer."""
        self.results += 1
        if self.format == "table":
            if self.results == 1:
                self.out(f"{'SOURCE':{SOURCE_WIDTH}}  {'LABEL':12}  SCORE  OTHERS")
            self.out(_table_line(frame.source, result))
        elif self.format == "jsonl":
            self.out(json.dumps(result_record(frame, result, self.model)))
        else:
            record = result_record(frame, result, self.model)
            self.out(_csv_line([record.get(column, "") for column in CSV_COLUMNS]))

    def failure(self, failure: Failure) -> None:
        """One input without an answer."""
        self.failures += 1
        error = {"kind": failure.error.kind, "message": str(failure.error)}
        if self.format == "table":
            self.err(f"{error['message']}")
        elif self.format == "jsonl":
            record = {"source": failure.source, "index": failure.index, "error": error}
            self.out(json.dumps(record))
        else:
            values = {"source": failure.source, "index": failure.index}
            flat = {**values, "error_kind": error["kind"], "error_message": error["message"]}
            self.out(_csv_line([flat.get(column, "") for column in CSV_COLUMNS]))


def result_record(frame: Frame, result: Result, model: str) -> dict[str, Any]:
    """The JSON line of one answer; its keys are what other programs rely on."""
    return {
        "source": frame.source,
        "index": frame.index,
        "timestamp_s": round(frame.timestamp_s, 3),
        "box": None,
        "label": result.label,
        "score": round(result.score, 6),
        "top": [{"label": one.label, "score": round(one.score, 6)} for one in result.top],
        "model": model,
        "latency_ms": round(result.latency_ms, 3),
    }


def _table_line(source: str, result: Result) -> str:
    shown = source if len(source) <= SOURCE_WIDTH else "..." + source[3 - SOURCE_WIDTH :]
    others = ", ".join(f"{one.label} {one.score:.3f}" for one in result.top[1:])
    return f"{shown:{SOURCE_WIDTH}}  {result.label:12}  {result.score:5.3f}  {others}".rstrip()


def _csv_line(values: Any) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(values)
    return line.getvalue()
