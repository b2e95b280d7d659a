"""One frame to its answers: classified, or repeated where nothing moved; followed and smoothed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from edge.cameras.status import Seen
from edge.classifier import UNKNOWN, Classifier, Result
from edge.reading import read, reading_lines
from edge.steady.motion import MotionGate
from edge.steady.smoothing import Smoother
from edge.steady.tracking import Tracked, Tracker


@dataclass(frozen=True)
class Answer:
    """What is said of one frame."""

    seen: Seen
    things: tuple[Tracked, ...]
    """In reading order; one, where the frame is one thing; empty where nothing was found."""
    is_auto: bool
    """Each thing was looked for by itself."""
    is_still: bool
    """Nothing moved since the frame that was classified last, and its answer is repeated."""

    @property
    def age_ms(self) -> float:
        """Since the frame was captured, at this moment."""
        return (time.monotonic() - self.seen.taken_s) * 1000

    @property
    def reading(self) -> str:
        """The steady answer in one word: a label, or several things read in order."""
        if not self.things:
            return UNKNOWN
        if len(self.things) == 1:
            return self.things[0].stable.label
        lines = reading_lines([thing.result.box for thing in self.things])
        labels = [[self.things[at].stable.label for at in line] for line in lines]
        return read(labels, UNKNOWN)

    @property
    def reading_score(self) -> float:
        """Of the least sure thing, 0 to 1."""
        return min((thing.stable.score for thing in self.things), default=0.0)


class Answerer:
    """A model with all that is remembered from frame to frame.

    answerer.answer(seen)
    """

    def __init__(
        self,
        classifier: Classifier,
        *,
        is_auto: bool,
        smoother: Callable[[], Smoother],
        gate: MotionGate | None = None,
    ) -> None:
        """
        is_auto: each thing in a frame by itself; otherwise the frame is one thing.
        smoother: makes what smooths one thing's answers.
        gate: where given, a frame in which nothing moved is not classified again.
        """
        self.classifier = classifier
        self._is_auto, self._smoother, self._gate = is_auto, smoother, gate
        self._tracker = Tracker(smoother, many=is_auto)
        self._results: Sequence[Result] = ()

    def answer(self, seen: Seen) -> Answer:
        """
        Raises:
            FrameError: the frame cannot be classified.
        """
        now_s = time.monotonic() if seen.shown_s is None else seen.shown_s
        is_still = self._gate is not None and self._gate.is_still(seen.frame.rgb, now_s)
        if not is_still:
            self._results = ()  # what was said of the frame before is not repeated after an error
            self._results = self._classify(seen)
        things = tuple(self._tracker.update(self._results, now_s))
        if is_still:
            things = tuple(_without_latency(thing) for thing in things)
        return Answer(seen, things, self._is_auto, is_still)

    def with_model(self, classifier: Classifier) -> Answerer:
        """The same with another model, which has its own labels; the old one is closed."""
        self.classifier.close()
        gate = MotionGate() if self._gate is not None else None
        return Answerer(classifier, is_auto=self._is_auto, smoother=self._smoother, gate=gate)

    def _classify(self, seen: Seen) -> Sequence[Result]:
        pixels, top = seen.frame.rgb, len(self.classifier.labels)
        if self._is_auto:
            return self.classifier.classify_regions(pixels, top)
        return [self.classifier.classify(pixels, top)]


def _without_latency(thing: Tracked) -> Tracked:
    return replace(thing, result=replace(thing.result, latency_ms=0.0))
