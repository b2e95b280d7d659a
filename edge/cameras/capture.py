"""A camera in its own process, from the service's side: started, asked, and killed if need be."""

from __future__ import annotations

import subprocess
import time
from dataclasses import asdict
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edge import process
from edge.cameras.camera import Spec
from edge.handoff import Channel, Counter, SharedFrame

CHILD = "edge.cameras.child"


class Child(Protocol):
    """What is used of a process; tests put in one that cannot be killed."""

    def kill(self) -> None: ...
    def poll(self) -> int | None: ...


class Capture:
    """One opening of a camera.

    with Capture(spec) as capture:
        capture.ask()
        message = capture.receive(2.0)

    A message's `kind` is `open` (with `what`), `frame`, `bad` (a frame that cannot be decoded),
    `end`, or `failed`; see `edge.cameras.child`.
    """

    def __init__(self, spec: Spec, module: str = CHILD) -> None:
        """module: what the process runs; tests put in one that misbehaves."""
        self._memory, self._counter = SharedFrame(), Counter()
        self._channel, theirs = Channel.pair()
        descriptors = theirs.fileno(), self._memory.descriptor, self._counter.descriptor
        with theirs:
            self.child: Child = subprocess.Popen(
                process.command(module, *map(str, descriptors)),
                pass_fds=descriptors,
                cwd=process.ELSEWHERE,
                env=process.environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        self._channel.send(asdict(spec))  # not as an argument: it may hold a password

    def ask(self) -> None:
        """Asks for the newest frame that was not taken yet; the one before is given back.

        Raises:
            Gone: the process has ended.
        """
        self._channel.send({"kind": "next"})

    def receive(self, timeout_s: float) -> dict[str, Any] | None:
        """What the process says next; none when it says nothing in time.

        Raises:
            Gone: it has ended without a word.
        """
        return self._channel.receive(timeout_s)

    def pixels(self, message: dict[str, Any]) -> NDArray[np.uint8]:
        """The frame that a message is of: read-only, and good until `ask` is called again."""
        return self._memory.view(tuple(message["shape"]))

    @property
    def captured(self) -> int:
        """How many frames the camera gave; also when the process is dead."""
        return self._counter.get()

    def kill(self, timeout_s: float) -> bool:
        """Ends the process, which cannot refuse; no when the kernel does not let go of it."""
        self.child.kill()
        return self.is_dead(timeout_s)

    def is_dead(self, timeout_s: float) -> bool:
        """Whether the process has gone, or goes within that time."""
        until_s = time.monotonic() + timeout_s
        while self.child.poll() is None:
            if time.monotonic() >= until_s:
                return False
            time.sleep(0.005)
        return True

    def exit_code(self) -> int | None:
        """Of the process; negative: the signal that killed it; none: it runs."""
        return self.child.poll()

    def close(self) -> None:
        """Gives back memory and sockets; the process is killed before."""
        self._channel.close()
        self._memory.close()
        self._counter.close()

    def __enter__(self) -> Capture:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill(1.0)
        self.close()
