"""Puts a camera's run together: the model, the camera, and all that answers go to."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from edge.cameras.camera import Spec
from edge.cameras.limits import Limits
from edge.cameras.supervise import Supervisor
from edge.classifier import Classifier
from edge.errors import ModelError
from edge.notify import Notifier
from edge.outputs import Format
from edge.preprocess.detail import needed_side
from edge.selftest import run_selftest
from edge.startup import settle
from edge.steady.motion import MotionGate
from edge.steady.smoothing import Smoother
from edge.store.switch import Switch
from edge.tally import Tally
from edge.watch.answers import Answerer
from edge.watch.loop import Watch
from edge.watch.outlets import Outlets, describe_device
from edge.watch.records import Records
from edge.watch.signals import listen
from edge.watch.stdout import Stdout

if TYPE_CHECKING:
    from edge.sinks.address import MqttAddress
    from edge.sinks.webhook import WebhookAddress


@dataclass(frozen=True)
class Sinks:
    """Where answers are to go beside stdout; none: nowhere."""

    live: tuple[str, int] | None
    """Host and port of the page."""
    mqtt: MqttAddress | None
    webhook: WebhookAddress | None
    record_uncertain: Path | None
    record_limit_bytes: int

    @property
    def shows_frames(self) -> bool:
        """Whether somebody looks at the frames themselves."""
        return self.live is not None or self.record_uncertain is not None

    @property
    def are_none(self) -> bool:
        """Whether stdout alone has the answers."""
        return self.mqtt is None and self.webhook is None and not self.shows_frames


@dataclass(frozen=True)
class Wanted:
    """What is to be done with each frame."""

    model: str
    """An installed or a shipped name, or a path."""
    top: int
    format: Format
    is_auto: bool
    """Each thing in a frame by itself."""
    most_results: int | None
    fps: float | None
    smoother: Callable[[], Smoother]
    has_gate: bool
    """What does not move is not classified again."""
    limits: Limits
    sinks: Sinks


@dataclass(frozen=True)
class Ended:
    """What came of a run."""

    tally: Tally
    losses: tuple[str, ...]
    """A sentence for each place that answers were to go to and did not all reach."""
    is_short: bool
    """Lines or pictures are missing that should be there: no end in good order."""


def run_camera(spec: Spec, wanted: Wanted, err: Callable[[str], None]) -> Ended:
    """Answers until the camera ends, or the end is asked for.

    err: takes one line; called from several threads.

    Raises:
        CameraError: the camera can never be opened.
        ModelError, EnvironmentFault, UsageError: before the first frame.
    """
    ticker = None
    if wanted.format == "table" and sys.stderr.isatty():
        from edge.watch.ticker import Ticker

        ticker = Ticker(sys.stderr)
        err = ticker.before(err)
    with ExitStack() as stack:
        notifier = stack.enter_context(Notifier())
        has_switched = Switch(wanted.model)
        classifier = load_verified(wanted.model, err)
        if not wanted.sinks.shows_frames:
            spec = replace(spec, side=needed_side(classifier.contract.input))
        outlets = _open_outlets(spec, wanted, classifier, err)
        stack.callback(outlets.close)
        outlets.ticker = ticker
        settle()
        # Not before: until there is something to bring to its end, a signal ends all at once.
        requests = stack.enter_context(listen())
        sys.stdout.flush()
        lines = Stdout(
            sys.stdout.fileno(),
            lambda: requests.end,
            err,
            is_only=wanted.sinks.are_none,
            waits=wanted.sinks.are_none or spec.all_frames,
            waiting=notifier.progress,
        )
        outlets.stdout = lines
        out = lines.write if ticker is None else ticker.before(lines.write)
        name = classifier.contract.name
        watch = Watch(
            spec.name,
            Answerer(
                classifier,
                is_auto=wanted.is_auto,
                smoother=wanted.smoother,
                gate=MotionGate() if wanted.has_gate else None,
            ),
            Records(wanted.format, name, wanted.top, out, err),
            outlets,
            requests,
            notifier=notifier,
            load=lambda: load_for(spec, wanted.model, err),
            err=err,
            has_switched=has_switched,
            most_results=wanted.most_results,
        )
        # A folder is replayed at that rate: to skip besides would drop every other picture.
        fps = None if spec.kind == "folder" else wanted.fps
        camera = stack.enter_context(Supervisor(spec, wanted.limits, fps=fps))
        notifier.ready()
        watch.run(camera, lambda: camera.steps)
        notifier.stopping()
    return Ended(watch.tally, outlets.losses(), outlets.is_short)


def load_verified(model: str, err: Callable[[str], None]) -> Classifier:
    """A model that answers its golden frames rightly here.

    Raises:
        ModelError: it does not, or cannot be used at all.
    """
    classifier = Classifier.load(model)
    name = classifier.contract.name
    try:
        if classifier.bundle.golden is not None:
            run_selftest(classifier)
    except ModelError:
        classifier.close()
        raise
    if classifier.bundle.proof_json is None:
        err(f"model {name!r} is unproven: no gate has compared it with what it was made from")
    return classifier


def load_for(spec: Spec, model: str, err: Callable[[str], None]) -> Classifier:
    """As `load_verified`, for a camera that is open.

    Raises:
        ModelError: also for a model that can use larger frames than that camera decodes.
    """
    classifier = load_verified(model, err)
    side = needed_side(classifier.contract.input)
    if spec.side is not None and side > spec.side:
        classifier.close()
        raise ModelError(
            f"model {classifier.contract.name!r} can use frames of {side} pixels, and this run "
            f"decodes them at {spec.side}: start it anew"
        )
    return classifier


def _open_outlets(
    spec: Spec, wanted: Wanted, classifier: Classifier, err: Callable[[str], None]
) -> Outlets:
    """The libraries of those that were asked for are imported here, and no other's."""
    sinks = wanted.sinks
    outlets = Outlets(spec.name, classifier.contract.name, wanted.is_auto)
    with ExitStack() as opened:
        opened.callback(outlets.close)
        if sinks.record_uncertain is not None:
            from edge.sinks.uncertain import UncertainRecorder

            outlets.recorder = UncertainRecorder(
                sinks.record_uncertain, sinks.record_limit_bytes, classifier.labels, err
            )
        if sinks.webhook is not None:
            from edge.sinks.webhook import WebhookSink

            outlets.webhook = WebhookSink(sinks.webhook, err)
        if sinks.mqtt is not None:
            from edge.sinks.mqtt import MqttSink

            device = describe_device(classifier, wanted.is_auto)
            outlets.mqtt = MqttSink(sinks.mqtt, device, err)
        if sinks.live is not None:
            from edge.live.describe import describe_model
            from edge.live.page import LivePage

            about = describe_model(classifier.bundle, classifier.runtime)
            healthy_s = max(5.0, 3 / wanted.fps if wanted.fps else 0.0)
            outlets.page = LivePage(sinks.live, about, err, healthy_s=healthy_s)
            err(f"live page: {outlets.page.url}")
        opened.pop_all()
    return outlets
