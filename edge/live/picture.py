"""A snapshot's frame as the JPEG that the page shows."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

from edge.classifier import UNKNOWN, Result, Score
from edge.drawing.annotate import annotate
from edge.live.snapshot import Snapshot, Thing

JPEG_QUALITY = 80
"""A frame of 640x480 is some 50 kB then, and its words are still sharp."""


def encode(frame: NDArray[np.uint8], snapshot: Snapshot) -> bytes:
    """A JPEG of the frame with boxes and labels.

    frame: uint8 (H, W, 3) RGB or (H, W) gray.
    """
    data = io.BytesIO()
    annotate(frame, [_result(thing) for thing in snapshot.things]).save(
        data, "JPEG", quality=JPEG_QUALITY
    )
    return data.getvalue()


def _result(thing: Thing) -> Result:
    """What is drawn: the answer that holds still, so that labels do not flicker."""
    is_unknown = thing.stable_label == UNKNOWN
    return Result(
        label=thing.stable_label,
        score=thing.score if is_unknown else thing.stable_score,
        top=tuple(Score(label, score) for label, score in thing.top),
        latency_ms=0.0,
        box=thing.box,
    )
