"""Where answers go beside stdout: page, MQTT, webhook, folder, terminal. None is waited for."""

from __future__ import annotations

import time
from collections.abc import Mapping
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edge.cameras.status import Status
from edge.classifier import Classifier
from edge.live.snapshot import Snapshot, Thing
from edge.steady.tracking import Tracked
from edge.tally import Tally
from edge.watch.answers import Answer
from edge.watch.rates import Rate
from edge.watch.records import Record

if TYPE_CHECKING:
    from edge.live.page import LivePage
    from edge.sinks.discovery import Device
    from edge.sinks.mqtt import MqttSink
    from edge.sinks.uncertain import UncertainRecorder
    from edge.sinks.webhook import WebhookSink
    from edge.watch.stdout import Stdout
    from edge.watch.ticker import Ticker

TOP = 10
"""Labels with scores that the page is told of each thing."""
AROUND = 0.5
"""Of a thing's longer side, kept on each side of it: the finder needs to see its paper."""
IDLE_S = 1.0
"""Between two words to the page while no answers come; with them its process is also revived."""
CLOSE_S = 0.6
"""For all of them together: the service ends within a second."""


class Outlets:
    """Those that were asked for."""

    def __init__(self, source: str, model: str, is_auto: bool) -> None:
        """None of them; each is put in when it is open.

        is_auto: each thing in a frame is answered by itself.
        """
        self.stdout: Stdout | None = None
        self.page: LivePage | None = None
        self.mqtt: MqttSink | None = None
        self.webhook: WebhookSink | None = None
        self.recorder: UncertainRecorder | None = None
        self.ticker: Ticker | None = None
        self._source, self._model, self._is_auto = source, model, is_auto
        self._answers, self._frames = Rate(), Rate()
        self._status = Status("starting", "")
        self._published_s = 0.0

    def answer(self, answer: Answer, events: list[Record], tally: Tally) -> None:
        """One answered frame."""
        if self.recorder is not None and not answer.is_still:
            for thing in answer.things:
                pixels = cut_out(answer, thing)
                self.recorder.offer(pixels, thing.result, time.monotonic())
        if self.mqtt is not None:
            self.mqtt.answer(state_record(answer, self._model), is_change=bool(events))
        for event in events:
            for sink in (self.mqtt, self.webhook):
                if sink is not None:
                    sink.event(event)
        if self.page is not None:
            self._publish(self._snapshot(answer, tally), answer.seen.frame.rgb)
        if self.ticker is not None:
            self.ticker.show(answer, tally)

    def status(self, status: Status, record: Record | None, tally: Tally) -> None:
        """A change of the camera's state. record: for the sinks; none where it is no news."""
        self._status = status
        for sink in (self.mqtt, self.webhook):
            if sink is not None and record is not None:
                sink.status(record)
        self._publish(self._state_snapshot(tally), None)

    def idle(self, tally: Tally) -> None:
        """Nothing came for a moment: the page is told that there is still somebody here."""
        if time.monotonic() - self._published_s >= IDLE_S and self._status.state != "running":
            self._publish(self._state_snapshot(tally), None)

    def model(self, classifier: Classifier) -> None:
        """Another model answers from now on."""
        self._model = classifier.contract.name
        if self.mqtt is not None:
            self.mqtt.set_device(describe_device(classifier, self._is_auto))
        if self.page is not None:
            from edge.live.describe import describe_model

            self.page.set_model(describe_model(classifier.bundle, classifier.runtime))

    def close(self) -> None:
        """Sends what can be sent at once; the rest is given up and counted."""
        until_s = time.monotonic() + CLOSE_S
        for sink in (self.mqtt, self.webhook, self.recorder):
            if sink is not None:
                sink.close(max(0.0, (until_s - time.monotonic()) / 2))
        if self.ticker is not None:
            self.ticker.erase()
        if self.page is not None:
            self.page.close()

    @property
    def is_short(self) -> bool:
        """Whether lines or pictures are missing that should be there."""
        unwritten = self.recorder is not None and self.recorder.counts.unwritten > 0
        return unwritten or (self.stdout is not None and self.stdout.is_short)

    def losses(self) -> tuple[str, ...]:
        """A sentence for each that answers did not all reach; call it once, when all is closed."""
        told = [] if self.stdout is None else [self.stdout.last_words()]
        for option, sink in (("--mqtt", self.mqtt), ("--webhook", self.webhook)):
            if sink is not None and (delivery := sink.delivery).lost:
                of = f"{delivery.lost:,} of {delivery.lost + delivery.sent:,} messages"
                why = f": {delivery.last_error}" if delivery.last_error else ""
                told.append(f"{option}: {of} were lost{why}")
        if self.recorder is not None and (lost := self.recorder.counts.lost):
            pictures = f"{lost:,} pictures were" if lost > 1 else "1 picture was"
            told.append(f"--record-uncertain: {pictures} not written")
        return tuple(filter(None, told))

    def _publish(self, snapshot: Snapshot, frame: NDArray[np.uint8] | None) -> None:
        if self.page is not None:
            self._published_s = time.monotonic()
            self.page.publish(snapshot, frame)

    def _state_snapshot(self, tally: Tally) -> Snapshot:
        state, message = self._status.state, self._status.message
        told = "" if state == "running" else message
        return Snapshot(self._source, state, told, time.time(), tally, sinks=self._sinks())

    def _snapshot(self, answer: Answer, tally: Tally) -> Snapshot:
        now_s = time.monotonic()
        frame = answer.seen.frame
        return Snapshot(
            self._source,
            self._status.state,
            "",
            frame.timestamp_s,
            tally,
            index=frame.index,
            age_ms=answer.age_ms,
            latency_ms=sum(thing.result.latency_ms for thing in answer.things),
            answers_per_s=self._answers.update(tally.results, now_s),
            frames_per_s=self._frames.update(tally.frames, now_s),
            reading=answer.reading,
            reading_score=answer.reading_score,
            is_still=answer.is_still,
            things=tuple(_thing(thing) for thing in answer.things),
            sinks=self._sinks(),
        )

    def _sinks(self) -> dict[str, tuple[int, int, bool]]:
        found = {}
        if (stdout := self.stdout) is not None:
            found["stdout"] = stdout.written, stdout.lost, stdout.is_well
        for name, sink in (("mqtt", self.mqtt), ("webhook", self.webhook)):
            if sink is not None:
                delivery = sink.delivery
                found[name] = delivery.sent, delivery.lost, delivery.is_connected
        return found


def describe_device(classifier: Classifier, is_auto: bool) -> Device:
    """What Home Assistant is told; what several things read together is no list of labels."""
    from edge.sinks.discovery import Device

    labels = () if is_auto else classifier.labels
    return Device(classifier.contract.name, labels, metadata.version("edgeproof"))


def cut_out(answer: Answer, thing: Tracked) -> NDArray[np.uint8]:
    """The frame, or of several things in it the part around one, for it alone to be learnt."""
    frame, box = answer.seen.frame.rgb, thing.result.box
    if box is None or len(answer.things) == 1:
        return frame
    x, y, width, height = box
    around = round(AROUND * max(width, height))
    top, left = max(0, y - around), max(0, x - around)
    return frame[top : y + height + around, left : x + width + around]


def state_record(answer: Answer, model: str) -> Mapping[str, Any]:
    """The steady answer of one frame as one JSON object, for those who want no line for each."""
    frame = answer.seen.frame
    return {
        "source": frame.source,
        "index": frame.index,
        "timestamp_s": round(frame.timestamp_s, 3),
        "label": answer.reading,
        "score": round(answer.reading_score, 6),
        "age_ms": round(answer.age_ms, 1),
        "things": [
            {
                "track": thing.track,
                "label": thing.stable.label,
                "score": round(thing.stable.score, 6),
                "box": thing.result.box,
            }
            for thing in answer.things
        ],
        "model": model,
    }


def _thing(thing: Tracked) -> Thing:
    result = thing.result
    top = tuple((one.label, one.score) for one in result.top[:TOP])
    stable = thing.stable
    return Thing(
        result.label, result.score, stable.label, stable.score, top, result.box, thing.track
    )
