"""The loop: frames come, answers go out, the counts are kept, and requests are looked at."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from edge.cameras.status import Bad, Item, Seen, State, Status
from edge.classifier import Classifier
from edge.errors import EdgeproofError, FrameError
from edge.notify import Notifier
from edge.tally import Tally
from edge.watch.answers import Answer, Answerer
from edge.watch.news import News
from edge.watch.outlets import Outlets
from edge.watch.records import Records, status_record
from edge.watch.signals import Requests

TOLD_EVERY_S = 5.0
"""Between two lines for `systemctl status`."""


class Watch:
    """One run of a camera.

    watch.run(camera)
    """

    def __init__(
        self,
        source: str,
        answerer: Answerer,
        records: Records,
        outlets: Outlets,
        requests: Requests,
        *,
        notifier: Notifier,
        load: Callable[[], Classifier],
        err: Callable[[str], None],
        has_switched: Callable[[], bool] = lambda: False,
        most_results: int | None = None,
    ) -> None:
        """
        source: the camera's name.
        records: what goes to stdout; outlets: where else answers go.
        load: reads and verifies the model anew, for SIGHUP or a switch.
        err: takes one line.
        has_switched: whether the model's name stands for another one now; said once of each.
        most_results: the run ends after so many.
        """
        self.tally = Tally()
        self._source, self._answerer, self._records = source, answerer, records
        self._outlets, self._requests, self._notifier = outlets, requests, notifier
        self._load, self._err, self._most_results = load, err, most_results
        self._has_switched = has_switched
        self._state: State = "starting"
        self._news = News()
        self._told_s = 0.0

    def run(self, camera: Iterable[Item | None], steps: Callable[[], int]) -> None:
        """Until the camera ends, enough results are there, or the end is asked for.

        steps: grows with what is done about a camera that gives no frames; see `Supervisor`.

        Raises:
            CameraError: the camera can never be opened.
            OSError: stdout is gone.
        """
        done = None
        for item in camera:
            if isinstance(item, Seen):
                self._seen(item)
            elif isinstance(item, Bad):
                self._bad(item)
            elif isinstance(item, Status):
                self._status(item)
            else:
                self._outlets.idle(self.tally)
            if done != (done := (self.tally.frames, steps())) and self._state != "wedged":
                self._notifier.progress()
            if self._requests.end or self.tally.results == self._most_results:
                return
            if self._has_switched() or self._requests.reload:
                self._requests.reload = False
                self._reload()

    def _seen(self, seen: Seen) -> None:
        self.tally = self.tally.dropped(seen.dropped)
        try:
            answer = self._answerer.answer(seen)
        except FrameError as error:
            self._bad(Bad(seen.frame.index, seen.frame.source, error, 0))
            return
        events = self._records.answer(answer)
        self.tally = self.tally.answered()
        self._outlets.answer(answer, events, self.tally)
        self._tell(answer)

    def _bad(self, bad: Bad) -> None:
        self.tally = self.tally.dropped(bad.dropped)
        self._records.bad(bad)
        self.tally = self.tally.failed()

    def _status(self, status: Status) -> None:
        self.tally = self.tally.dropped(status.dropped)
        if status.state == "starting" and self._state != "starting":
            self.tally = self.tally.restarted()
        self._state = status.state
        record = status_record(self._source, status, self.tally)
        is_news = self._news.is_news(status, time.monotonic())
        self._records.status(record, is_news)
        self._outlets.status(status, record if is_news else None, self.tally)
        self._notifier.status(f"camera {status.state}: {status.message}")

    def _tell(self, answer: Answer) -> None:
        now_s = time.monotonic()
        if now_s - self._told_s >= TOLD_EVERY_S:
            self._told_s = now_s
            self._notifier.status(
                f"{answer.reading} {answer.reading_score:.2f}; {describe(self.tally)}"
            )

    def _reload(self) -> None:
        """The model is read again; one that does not verify leaves the old one at work."""
        self._notifier.reloading()
        try:
            classifier = self._load()
        except EdgeproofError as error:
            self._err(f"the model stays as it is: {error}")
        else:
            self._answerer = self._answerer.with_model(classifier)
            self._records.model = classifier.contract.name
            self._outlets.model(classifier)
            self._err(f"model {classifier.contract.name!r} was read again")
        self._notifier.ready()


def describe(tally: Tally) -> str:
    """`1,204 frames: 1,000 results, 2 errors, 202 drops; 3 restarts`."""
    counts = f"{tally.results:,} results, {tally.errors:,} errors, {tally.drops:,} drops"
    return f"{tally.frames:,} frames: {counts}; {tally.restarts:,} restarts"
