"""What the camera's loop tells the page of one moment."""

from __future__ import annotations

from dataclasses import dataclass, field

from edge.tally import Tally


@dataclass(frozen=True)
class Thing:
    """One thing in the frame, or all of it, and what it is called."""

    label: str
    """This frame's answer; `unknown` is one too."""
    score: float
    """Of the best label, 0 to 1."""
    stable_label: str
    """The answer that holds still, see `edge.steady`."""
    stable_score: float
    top: tuple[tuple[str, float], ...]
    """The best labels with their scores, best first; empty when nothing was found."""
    box: tuple[int, int, int, int] | None
    """x, y, width, height in the frame's pixels; none: the whole frame."""
    track: int | None = None
    """Its number from frame to frame; none where things are not followed."""


@dataclass(frozen=True)
class Snapshot:
    """One moment of the camera's loop: an answer, or a change of the camera's state."""

    source: str
    """As the user would type it."""
    camera: str
    """starting, running, stalled, frozen, failed, waiting, wedged or ended."""
    message: str
    """The sentence that came with the camera's state; empty when it runs."""
    timestamp_s: float
    """Seconds since the Unix epoch, when the frame was captured; of a state, when it began."""
    tally: Tally
    index: int | None = None
    """The frame's number in the run; none where there is no frame."""
    age_ms: float | None = None
    """From its capture to its answer."""
    latency_ms: float | None = None
    """Of preprocessing and inference."""
    answers_per_s: float = 0.0
    frames_per_s: float = 0.0
    """That the camera gives, dropped ones too."""
    reading: str = ""
    """The answer in one word: the stable label, or several things read in order."""
    reading_score: float = 0.0
    is_still: bool = False
    """The motion gate found nothing new, and the answer is repeated."""
    things: tuple[Thing, ...] = ()
    sinks: dict[str, tuple[int, int, bool]] = field(default_factory=dict)
    """By name (mqtt, webhook): sent, lost, connected."""
