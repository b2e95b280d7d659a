"""The camera's end of the live page: starts its process, feeds it, and never waits for it."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import random
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import EnvironmentFault
from edge.handoff import Channel, Gone, SharedFrame
from edge.live.address import find_token, is_loopback, joined, listen, reachable
from edge.live.message import MAX_LABEL, Json, pack
from edge.live.snapshot import Snapshot
from edge.process import ELSEWHERE, command, environment

LIBRARIES = ("starlette", "uvicorn", "prometheus_client")
START_S = 10.0
"""Until the page's process is ready; a Pi that is busy takes some seconds to import a server."""
CLOSE_S = 0.2
"""Until it has ended after being killed."""
BACKOFF_S = (0.5, 30.0)
"""Before it is started again: at first, and at most; doubled each time."""
SETTLED_S = 60.0
"""After so long a run the next wait is the first again."""
MAX_WIDTH = 960
"""Pixels of a frame's width that are shown; more cost a Pi's processor and are not seen."""
COUNTS_S = 1.0
"""Between the counts of labels."""
MAX_COUNTED = 300
"""Labels that are counted for /metrics: a series each in whatever stores them."""
HEALTHY_S = 5.0


class LivePage:
    """The live page, served by a process of its own.

    with LivePage(parse_live(""), describe_model(bundle, runtime), err=print) as page:
        page.publish(snapshot, frame)

    The thread that makes it, or that publishes, must live as long: the process ends with it.
    """

    def __init__(
        self,
        address: tuple[str, int],
        model: Json,
        err: Callable[[str], None],
        *,
        healthy_s: float = HEALTHY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        address: as `parse_live` returns it; port 0 takes any that is free.
        model: as `describe_model` returns it.
        err: takes one line.
        healthy_s: `/healthz` complains when the newest answered frame is older; to be above the
            time between two answers.

        Raises:
            EnvironmentFault: a library is missing, the address cannot be had, or the process does
                not start.
            UsageError: the token in the environment is too short.
        """
        _check_libraries()
        self._err, self._clock, self._model, self._healthy_s = err, clock, model, healthy_s
        self._listener = listen(*address)
        host, port = self._listener.getsockname()[:2]
        self.address: tuple[str, int] = (host, port)
        """Host and port that it listens at, as numbers."""
        self.token: str | None = None
        """What guards it; none on loopback."""
        self.url = f"http://{joined(reachable(host), port)}/"
        """To open in a browser; with the token when that was made here and nobody else knows it."""
        try:
            if not is_loopback(host):
                self.token, is_new = find_token()
                self.url += f"?token={self.token}" if is_new else ""
            self._frame = SharedFrame()
        except BaseException:
            self._listener.close()
            raise
        self._channel: Channel | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._failures, self._is_told, self._is_wanted = 0, False, False
        self._is_closed = False
        self._started_s = self._retry_s = self._counted_s = clock()
        self._labels: Counter[str] = Counter()
        try:
            self._start()
            self._await_ready()
        except BaseException:
            self.close()
            raise

    def publish(self, snapshot: Snapshot, frame: NDArray[np.uint8] | None = None) -> None:
        """Shows an answer, or a change of the camera's state; never waits, and drops what the
        page's process has no room for.

        frame: uint8 (H, W, 3) RGB or (H, W) gray, of that very snapshot; copied when it is wanted.
        """
        if snapshot.index is not None:
            self._labels.update(thing.label[:MAX_LABEL] for thing in snapshot.things)
        if self._channel is None:
            self._restart()
        try:
            if self._channel is not None:
                self._send(self._channel, snapshot, frame)
        except Gone:
            self._lost()

    def set_model(self, model: Json) -> None:
        """Another model answers from now on."""
        self._model = model
        with contextlib.suppress(Gone):  # the next `publish` finds that out
            if self._channel is not None:
                self._channel.send({"kind": "model", "model": model})

    def _send(self, channel: Channel, snapshot: Snapshot, frame: NDArray[np.uint8] | None) -> None:
        self._hear(channel)
        now_s = self._clock()
        if now_s - self._counted_s >= COUNTS_S:
            self._counted_s = now_s
            counts = dict(self._labels.most_common(MAX_COUNTED))
            channel.send({"kind": "counts", "labels": counts})
        if frame is None or not self._is_wanted:
            channel.send({"kind": "state", "snapshot": pack(snapshot)})
            return
        step = -(-frame.shape[1] // MAX_WIDTH)
        shown = frame[::step, ::step]
        self._frame.write(shown)
        message = {"kind": "frame", "snapshot": pack(snapshot, step), "shape": shown.shape}
        self._is_wanted = not channel.send(message)

    def _hear(self, channel: Channel) -> None:
        while (message := channel.receive(0)) is not None:
            if message["kind"] == "next":
                self._is_wanted = True
            elif message["kind"] == "ready":
                self._is_told = False
            elif message["kind"] == "fault":
                self._err(f"--live: {message['message']}")

    def _start(self) -> None:
        self._channel, theirs = Channel.pair()
        numbers = (theirs.fileno(), self._frame.descriptor, self._listener.fileno())
        settings = environment()
        settings.pop("EDGEPROOF_TOKEN", None)
        with theirs:
            self._process = subprocess.Popen(
                command("edge.live.server", json.dumps(numbers)),
                pass_fds=numbers,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=settings,
                cwd=ELSEWHERE,
            )
        self._started_s, self._is_wanted = self._clock(), False
        # The token goes this way: everybody may read a process's arguments.
        hello = {"token": self.token, "model": self._model, "healthy_s": self._healthy_s}
        self._channel.send({"kind": "hello", **hello})

    def _await_ready(self) -> None:
        """Raises EnvironmentFault with what the process said, if it does not come up."""
        ends_s, reason = self._clock() + START_S, f"expected it to be ready within {START_S:g} s"
        try:
            while self._channel is not None and (left_s := ends_s - self._clock()) > 0:
                message: dict[str, Any] = self._channel.receive(left_s) or {}
                if message.get("kind") == "ready":
                    return
                reason = message.get("message", reason)
        except Gone:
            pass
        raise EnvironmentFault(f"--live: the page's process did not start: {reason}")

    def _lost(self) -> None:
        """The process has ended: it is started again after a while, longer each time."""
        if self._clock() - self._started_s >= SETTLED_S:
            self._failures = 0
        wait_s = min(BACKOFF_S[1], BACKOFF_S[0] * 2 ** min(self._failures, 16))
        wait_s *= random.uniform(0.5, 1.0)
        self._failures += 1
        self._retry_s = self._clock() + wait_s
        code = self._end()
        if not self._is_told:
            self._is_told = True
            ending = "" if code is None else f" (exit code {code})"
            self._err(f"--live: the page's process ended{ending}; it is started again")

    def _restart(self) -> None:
        if self._clock() < self._retry_s:
            return
        self._end()
        try:
            self._start()
        except OSError:  # no memory, no process left: tried again
            self._lost()
        except Gone:
            self._lost()

    def _end(self) -> int | None:
        """Lets go of the process; its exit code, if it had ended by itself already."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if self._process is None:
            return None
        code = self._process.poll()
        if code is None:
            self._process.kill()
        else:
            self._process = None
        return code

    def close(self) -> None:
        """Ends the page within CLOSE_S; it holds nothing that would have to be saved."""
        if self._is_closed:
            return
        self._is_closed = True
        self._end()
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(CLOSE_S)
            self._process = None
        self._listener.close()
        self._frame.close()

    def __enter__(self) -> LivePage:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _check_libraries() -> None:
    missing = [name for name in LIBRARIES if importlib.util.find_spec(name) is None]
    if missing:
        raise EnvironmentFault(f"--live needs {', '.join(missing)}: pip install 'edgeproof[live]'")
