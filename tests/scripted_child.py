"""A capture process that misbehaves on purpose, by the word in its camera's address.

python -m tests.scripted_child CHANNEL MEMORY COUNTER
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any

import numpy as np

from edge.cameras.camera import Spec
from edge.handoff import Channel, Counter, SharedFrame


class Scripted:
    """Gives frames as a camera's process does, until its script says otherwise."""

    def __init__(self, channel: Channel, memory: SharedFrame, counter: Counter) -> None:
        self.channel, self.memory, self.counter = channel, memory, counter
        self.number = 0

    def open(self) -> None:
        self.channel.send({"kind": "open", "what": "a script"})

    def give(self, count: int, size: tuple[int, int] = (48, 64), **changes: Any) -> None:
        """So many frames, each when it is asked for; `changes` to what is said of them."""
        for _ in range(count):
            while self.channel.receive(60.0) is None:
                pass
            self.number += 1
            self.counter.set(self.number)
            pixels = np.full((*size, 3), self.number % 256, np.uint8)
            self.memory.write(pixels)
            about = {"number": self.number, "taken_s": time.monotonic(), "place": ""}
            shape = {"shape": pixels.shape, "shrunk": 1}
            self.channel.send({"kind": "frame", **about, **shape, **changes})


def play(word: str, script: Scripted) -> None:
    if word == "hangs-at-start":
        time.sleep(3600)
    if word == "dies-at-start":
        sys.exit(3)
    script.open()
    script.give(3)
    if word == "hangs":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(3600)
    elif word == "crashes":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif word == "ends":
        script.channel.send({"kind": "end"})
    elif word == "garbage":
        os.write(script.channel.fileno(), b"\xff\x00 no message")
        time.sleep(3600)
    elif word == "nonsense":
        script.channel.send({"kind": "frame", "number": "many"})
        time.sleep(3600)
    elif word == "too-large":
        script.give(1, shape=(9000, 9000, 3))
        time.sleep(3600)
    elif word == "resizes":
        script.give(2, (480, 640))
        script.give(2, (24, 32))
        script.channel.send({"kind": "end"})
    elif word == "loses":  # captures five more that nobody asked for, and dies
        script.counter.set(script.number + 5)
        sys.exit(1)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    descriptors = [int(one) for one in sys.argv[1:4]]
    ends = Channel.inherited(descriptors[0]), SharedFrame(descriptors[1]), Counter(descriptors[2])
    order = ends[0].receive(10.0)
    if order is not None:
        play(Spec(**order).address, Scripted(*ends))
        time.sleep(0.5)
