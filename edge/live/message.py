"""A snapshot as the JSON that the page's process, its browser and `/state.json` read, and back."""

from __future__ import annotations

from typing import Any

from edge.live.snapshot import Snapshot, Thing
from edge.tally import Tally

MAX_THINGS = 32
"""So many of a frame's things are shown. With MAX_TOP and MAX_LABEL a snapshot stays below what
one message may hold (`edge.handoff.MAX_MESSAGE_BYTES`), whatever the labels are."""
MAX_TOP = 10
"""Bars of the chart."""
MAX_LABEL = 50
"""Letters of a label."""
MAX_TEXT = 200
"""Letters of a reading or a message; a page has no room for more."""

Json = dict[str, Any]


def pack(snapshot: Snapshot, step: int = 1) -> Json:
    """step: the frame is shown with every step-th pixel, so boxes shrink as much."""
    tally = snapshot.tally
    return {
        "source": snapshot.source[:MAX_TEXT],
        "camera": snapshot.camera,
        "message": snapshot.message[:MAX_TEXT],
        "timestamp_s": round(snapshot.timestamp_s, 3),
        "tally": {
            "frames": tally.frames,
            "results": tally.results,
            "errors": tally.errors,
            "drops": tally.drops,
            "restarts": tally.restarts,
        },
        "index": snapshot.index,
        "age_ms": _rounded(snapshot.age_ms),
        "latency_ms": _rounded(snapshot.latency_ms),
        "answers_per_s": round(snapshot.answers_per_s, 2),
        "frames_per_s": round(snapshot.frames_per_s, 2),
        "reading": snapshot.reading[:MAX_TEXT],
        "reading_score": round(snapshot.reading_score, 4),
        "is_still": snapshot.is_still,
        "things": [_pack_thing(thing, step) for thing in snapshot.things[:MAX_THINGS]],
        "sinks": {
            name: {"sent": sent, "lost": lost, "connected": connected}
            for name, (sent, lost, connected) in snapshot.sinks.items()
        },
    }


def unpack(record: Json) -> Snapshot:
    """What `pack` made of it; numbers rounded and long lists cut."""
    return Snapshot(
        **{
            **record,
            "tally": Tally(**record["tally"]),
            "things": tuple(_unpack_thing(thing) for thing in record["things"]),
            "sinks": {
                name: (sink["sent"], sink["lost"], sink["connected"])
                for name, sink in record["sinks"].items()
            },
        }
    )


def _pack_thing(thing: Thing, step: int) -> Json:
    return {
        "label": thing.label[:MAX_LABEL],
        "score": round(thing.score, 4),
        "stable_label": thing.stable_label[:MAX_LABEL],
        "stable_score": round(thing.stable_score, 4),
        "top": [(label[:MAX_LABEL], round(score, 4)) for label, score in thing.top[:MAX_TOP]],
        "box": None if thing.box is None else [part // step for part in thing.box],
        "track": thing.track,
    }


def _unpack_thing(record: Json) -> Thing:
    x_y_width_height = record["box"]
    return Thing(
        **{
            **record,
            "top": tuple((label, score) for label, score in record["top"]),
            "box": None if x_y_width_height is None else tuple(x_y_width_height),
        }
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
