"""The page's process: takes snapshots and frames from the camera's loop, and serves them.

Started by `edge.live.page` as `python -m edge.live.server [CHANNEL,FRAME,LISTENER]`, three file
descriptors. It ends when the other end of the channel is closed, and for nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from edge.handoff import Channel, Gone, SharedFrame
from edge.live.hub import Hub
from edge.live.message import Json
from edge.process import belong_to_parent

HELLO_S = 10.0
NICENESS = 10
"""Pictures for people wait while the classifier has work."""
FRAME_S = 1 / 12
"""Between pictures, at least: a smooth one, and a third of a Pi 4's core."""
HEALTH_S = 2.0
TICK_S = 1.0


class Feed:
    """Brings what the camera's loop sends to the hub; asks for a frame while somebody watches."""

    def __init__(self, hub: Hub, channel: Channel, frame: SharedFrame) -> None:
        self._hub, self._channel, self._frame = hub, channel, frame
        self._loop = asyncio.get_running_loop()
        self._encoder = ThreadPoolExecutor(1, "encoder")
        self._is_asked = self._is_encoding = False
        self._next_s = 0.0

    def take_messages(self) -> None:
        """Called when some have come."""
        try:
            while (message := self._channel.receive(0)) is not None:
                self._take(message)
        except Gone:
            os._exit(0)  # nobody is left to serve for; there is nothing to save

    def _take(self, message: Json) -> None:
        kind = message["kind"]
        if kind == "state":
            self._hub.take(message["snapshot"])
        elif kind == "counts":
            self._hub.labels = message["labels"]
        elif kind == "model":
            self._hub.take_model(message["model"])
        elif kind == "frame":
            self._is_asked = False
            self._is_encoding = True
            self._next_s = self._loop.time() + FRAME_S
            self._loop.create_task(self._encode(message))

    async def _encode(self, message: Json) -> None:
        """In a thread of its own: the frame's memory is the loop's again when it is asked for."""
        from edge.live.picture import encode

        snapshot = self._hub.take(message["snapshot"])
        try:
            pixels = self._frame.view(tuple(message["shape"]))
            jpeg = await self._loop.run_in_executor(self._encoder, encode, pixels, snapshot)
            self._hub.show(jpeg)
        finally:
            self._is_encoding = False
        self.ask()

    def ask(self) -> None:
        """Asks for a frame, if somebody watches and none is under way."""
        if self._is_asked or self._is_encoding or not self._hub.is_watched:
            return
        if self._loop.time() < self._next_s:
            self._loop.call_at(self._next_s, self.ask)
            return
        try:
            self._is_asked = self._channel.send({"kind": "next"})
        except Gone:
            os._exit(0)


def main(arguments: list[str]) -> None:
    """Serves until the parent is gone."""
    belong_to_parent()
    with contextlib.suppress(OSError):  # a sandbox may forbid it
        os.nice(NICENESS)
    numbers = json.loads(arguments[0])
    channel, frame = Channel.inherited(numbers[0]), SharedFrame(numbers[1])
    _report_faults(channel)
    try:
        hello = channel.receive(HELLO_S)
        if hello is not None:
            with socket.socket(fileno=numbers[2]) as listener:
                asyncio.run(_serve(hello, channel, frame, listener))
    except Gone:
        return
    except Exception as error:
        logging.getLogger("edge.live").error("", exc_info=error)
        sys.exit(1)


async def _serve(
    hello: Json, channel: Channel, frame: SharedFrame, listener: socket.socket
) -> None:
    from edge.live.guard import Guard
    from edge.live.routes import make_app
    from edge.live.web import serve

    hub = Hub(hello["model"], hello["healthy_s"])
    feed = Feed(hub, channel, frame)
    app: Any = Guard(make_app(hub, feed.ask), hello["token"])
    loop = asyncio.get_running_loop()
    loop.add_reader(channel.fileno(), feed.take_messages)
    tasks = [loop.create_task(_watch_board(hub)), loop.create_task(_tick(hub, feed))]
    await serve(app, listener, on_ready=lambda: _tell(channel, {"kind": "ready"}))
    for task in tasks:
        task.cancel()


async def _watch_board(hub: Hub) -> None:
    from edge.device import read_health

    while True:
        hub.health = await asyncio.to_thread(read_health)
        await asyncio.sleep(HEALTH_S)


async def _tick(hub: Hub, feed: Feed) -> None:
    while True:
        await asyncio.sleep(TICK_S)
        hub.tick()
        feed.ask()  # where the channel had no room for it


def _tell(channel: Channel, message: Json) -> None:
    try:
        channel.send(message)
    except Gone:
        os._exit(0)


class _OneLine(logging.Handler):
    """Sends each fault to the parent as one line; the same one again is not told."""

    def __init__(self, channel: Channel) -> None:
        super().__init__(logging.ERROR)
        self._channel, self._last = channel, ""

    def emit(self, record: logging.LogRecord) -> None:
        """Tells it."""
        error = record.exc_info[1] if record.exc_info else None
        text = record.getMessage() if error is None else _brief(error)
        if text != self._last:
            self._last = text
            _tell(self._channel, {"kind": "fault", "message": " ".join(text.split())[:500]})


def _brief(error: BaseException) -> str:
    """What went wrong, and in which line."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    where = f" ({os.path.basename(last[0].filename)}:{last[0].lineno})" if last else ""
    return f"{type(error).__name__}: {error}{where}"


def _report_faults(channel: Channel) -> None:
    """Of all that is logged in this process, faults alone reach anybody, and as one line."""
    root = logging.getLogger()
    root.handlers = [_OneLine(channel)]
    root.setLevel(logging.ERROR)
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)


if __name__ == "__main__":
    main(sys.argv[1:])
