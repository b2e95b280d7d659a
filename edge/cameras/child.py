"""The process that holds a camera open, so that what hangs or dies in it is not the service.

One thread captures, and keeps the newest frame; the other hands it over when it is asked for.

    python -m edge.cameras.child CHANNEL MEMORY COUNTER      descriptors of the parent's
"""

from __future__ import annotations

import os
import sys
import threading
from dataclasses import dataclass
from typing import Any

from edge import process
from edge.cameras.camera import Camera, Grabbed, Spec
from edge.cameras.open import open_camera
from edge.errors import CameraError, FrameError
from edge.handoff import Channel, Counter, Gone, SharedFrame

ORDER_S = 10.0
"""For the parent to say which camera."""


@dataclass(frozen=True)
class Numbered:
    """A frame with its number in this process, from 1."""

    number: int
    grabbed: Grabbed


class Slot:
    """The newest frame. No queue: a newer one takes its place, or waits, where none may be lost."""

    def __init__(self, all_frames: bool) -> None:
        self._all_frames = all_frames
        self._changed = threading.Condition()
        self._newest: Numbered | None = None
        self._end: dict[str, Any] | None = None

    def put(self, frame: Numbered) -> None:
        """With `all_frames`, waits until the one before was taken."""
        with self._changed:
            while self._all_frames and self._newest is not None:
                self._changed.wait()
            self._newest = frame
            self._changed.notify_all()

    def finish(self, end: dict[str, Any]) -> None:
        """There are no more; `end` is what to say of it."""
        with self._changed:
            self._end = end
            self._changed.notify_all()

    def take(self) -> Numbered | dict[str, Any]:
        """Waits for a frame that was not taken yet, or for the end."""
        with self._changed:
            while self._newest is None and self._end is None:
                self._changed.wait()
            taken, self._newest = self._newest, None
            self._changed.notify_all()
            return taken or self._end or {}


def capture(camera: Camera, slot: Slot, counter: Counter) -> None:
    """Fills the slot until the camera ends."""
    number = 0
    while (grabbed := camera.read()) is not None:
        number += 1
        counter.set(number)
        slot.put(Numbered(number, grabbed))


def hand_over(channel: Channel, memory: SharedFrame, slot: Slot) -> None:
    """Answers each request with the newest frame; ends the process when the parent is gone."""
    try:
        while True:
            if channel.receive(60.0) is None:
                continue
            taken = slot.take()
            channel.send(taken if isinstance(taken, dict) else _written(taken, memory))
    except Gone:
        os._exit(0)  # the other thread may be stuck in a driver


def _written(frame: Numbered, memory: SharedFrame) -> dict[str, Any]:
    """Puts the pixels into the memory; what to say of them."""
    grabbed = frame.grabbed
    about = {"number": frame.number, "taken_s": grabbed.taken_s, "place": grabbed.place}
    try:
        pixels, shrunk = grabbed.load()
    except FrameError as error:
        return {"kind": "bad", **about, "error": error.kind, "message": str(error)}
    memory.write(pixels)
    about["shown_s"] = grabbed.shown_s
    return {"kind": "frame", **about, "shape": pixels.shape, "shrunk": shrunk}


def main(channel: Channel, memory: SharedFrame, counter: Counter) -> None:
    """Opens the camera that the parent names, and captures until it ends or is killed."""
    order = channel.receive(ORDER_S)
    if order is None:
        return
    spec = Spec(**order)
    slot = Slot(spec.all_frames)
    server = threading.Thread(target=hand_over, args=(channel, memory, slot), daemon=True)
    end: dict[str, Any] = {"kind": "end"}
    try:
        camera = open_camera(spec)
        channel.send({"kind": "open", "what": camera.description})
        server.start()
        capture(camera, slot, counter)
    except CameraError as error:
        end = {"kind": "failed", "message": str(error), "is_final": error.is_final}
    except Exception as error:  # a driver's library, or a fault of ours: told, and tried again
        brief = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        end = {"kind": "failed", "message": f"{spec.name}: {brief}", "is_final": False}
    slot.finish(end)
    if not server.ident:
        server.start()
    server.join()  # until the parent has heard of it, and closes the channel


if __name__ == "__main__":
    process.belong_to_parent()
    descriptors = [int(one) for one in sys.argv[1:4]]
    main(
        Channel.inherited(descriptors[0]),
        SharedFrame(descriptors[1]),
        Counter(descriptors[2]),
    )
