"""What a camera's run says: JSON lines, CSV, or a table for people, of changes alone."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from edge.cameras.status import Bad, Status
from edge.classifier import UNKNOWN
from edge.outputs import (
    CSV_COLUMNS,
    NOTHING,
    Format,
    csv_line,
    failure_record,
    result_record,
)
from edge.sources.frame import Failure
from edge.steady.tracking import Tracked
from edge.tally import Tally
from edge.watch.answers import Answer
from edge.watch.news import Repeats

Record = dict[str, Any]
MORE_COLUMNS = ("track", "stable_label", "stable_score", "age_ms", "dropped", "still")
"""Of a camera's CSV, behind those of pictures."""


def answer_records(answer: Answer, model: str, top: int) -> list[Record]:
    """The JSON lines of one frame: one, or one for each thing in it."""
    about = {
        "age_ms": round(answer.age_ms, 1),
        "dropped": answer.seen.dropped,
        "still": answer.is_still,
    }
    if not answer.things:
        place = {"region": None, "reading": ""}
        return [result_record(answer.seen.frame, NOTHING, model) | place | about]
    records = [_thing_record(answer, thing, model, top) | about for thing in answer.things]
    if not answer.is_auto:
        return records
    return [
        record | {"region": number, "reading": answer.reading}
        for number, record in enumerate(records)
    ]


def event_records(answer: Answer) -> list[Record]:
    """One for each thing whose steady answer changed with this frame, or that is new."""
    frame = answer.seen.frame
    return [
        {
            "source": frame.source,
            "index": frame.index,
            "timestamp_s": round(frame.timestamp_s, 3),
            "event": {
                "kind": "label",
                "track": thing.track,
                "label": thing.stable.label,
                "score": round(thing.stable.score, 6),
                "before": thing.stable.changed_from,
            },
        }
        for thing in answer.things
        if thing.is_new or thing.stable.changed_from is not None
    ]


def status_record(source: str, status: Status, tally: Tally) -> Record:
    """The camera's state, and the counts of that moment."""
    about = {"kind": status.state, "message": status.message, "dropped": status.dropped}
    now_s = round(time.time(), 3)
    return {"source": source, "timestamp_s": now_s, "status": about, "tally": asdict(tally)}


def _thing_record(answer: Answer, thing: Tracked, model: str, top: int) -> Record:
    record = result_record(answer.seen.frame, thing.result, model)
    stable = {"label": thing.stable.label, "score": round(thing.stable.score, 6)}
    return record | {"top": record["top"][:top], "track": thing.track, "stable": stable}


class Records:
    """Writes a run's records; what is for people goes to `err`."""

    def __init__(
        self,
        format: Format,
        model: str,
        top: int,
        out: Callable[[str], None],
        err: Callable[[str], None],
    ) -> None:
        self.model = model
        self._format, self._top, self._out, self._err = format, top, out, err
        self._reading: str | None = None
        self._repeats = Repeats()
        if format == "csv":
            out(csv_line((*CSV_COLUMNS, *MORE_COLUMNS)))
        elif format == "table":
            out(f"{'TIME':8}  {'LABEL':16}  SCORE")

    def answer(self, answer: Answer) -> list[Record]:
        """One answered frame; returns its events."""
        events = event_records(answer)
        if self._format == "table":
            self._change(answer)
            return events
        for record in answer_records(answer, self.model, self._top):
            self._record(record)
        if self._format == "jsonl":
            for event in events:
                self._out(json.dumps(event))
        return events

    def bad(self, bad: Bad) -> None:
        """A frame without an answer."""
        record = failure_record(Failure(bad.index, bad.source, bad.error))
        if self._format == "table":
            if self._repeats.is_news(str(bad.error), time.monotonic()):
                self._err(str(bad.error))
        elif self._format == "jsonl":
            self._out(json.dumps(record | {"dropped": bad.dropped}))
        else:
            flat = record | {f"error_{key}": text for key, text in record["error"].items()}
            self._flat(flat | {"dropped": bad.dropped})

    def status(self, record: Record, is_news: bool) -> None:
        """A change of the camera's state; people are told when it is news."""
        if self._format == "jsonl":
            self._out(json.dumps(record))
        if is_news:
            state = record["status"]
            self._err(f"camera {state['kind']}: {state['message']}")

    def _change(self, answer: Answer) -> None:
        reading = answer.reading
        if reading != self._reading:
            clock = time.strftime("%H:%M:%S", time.localtime(answer.seen.frame.timestamp_s))
            before = "" if self._reading is None else f"  was {self._reading or UNKNOWN}"
            self._reading = reading
            shown = f"{reading or UNKNOWN:16}  {answer.reading_score:5.3f}"
            self._out(f"{clock:8}  {shown}{before}")

    def _record(self, record: Record) -> None:
        if self._format == "jsonl":
            self._out(json.dumps(record))
            return
        stable = record.get("stable") or {"label": "", "score": ""}
        box = " ".join(map(str, record["box"] or ()))
        self._flat(
            record | {"box": box, "stable_label": stable["label"], "stable_score": stable["score"]}
        )

    def _flat(self, values: Record) -> None:
        self._out(csv_line([values.get(column, "") for column in (*CSV_COLUMNS, *MORE_COLUMNS)]))
