"""A scripted MJPEG camera on loopback: it can stall, vanish, end, send garbage and come back."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Literal

Mood = Literal["good", "stall", "mute", "garbage", "noise", "end", "refuse", "other", "frozen"]
"""good: frames; stall: the stream stands still; mute: a new connection gets no answer; garbage:
parts that are no JPEG; noise: bytes without any part; end: the stream ends; refuse: nobody listens;
other: frames of another size; frozen: the same frame again and again."""


class MjpegServer:
    """Streams frames to whoever connects, in whatever mood it is put.

    with MjpegServer(frames, rate=30) as server:
        ... server.url ...
        server.mood = "stall"
    """

    def __init__(
        self, frames: Sequence[bytes], others: Sequence[bytes] = (), rate: float = 30.0
    ) -> None:
        self._frames, self._others, self._period_s = frames, others, 1 / rate
        self.sent = 0
        """Frames, good and bad, that were sent whole."""
        self.connections = 0
        self._mood: Mood = "good"
        self._over = False
        self._open: set[socket.socket] = set()
        self._port = 0
        self._listener = self._bind()
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/stream"

    @property
    def mood(self) -> Mood:
        return self._mood

    @mood.setter
    def mood(self, mood: Mood) -> None:
        was, self._mood = self._mood, mood
        if mood == "refuse" and was != "refuse":
            self._hang_up()
            self._listener.shutdown(socket.SHUT_RDWR)  # the other thread may wait at it
            self._listener.close()
            self._listener = self._bind()  # the port stays ours, and nobody answers at it
        elif was == "refuse" and mood != "refuse":
            self._listener.listen()
        if mood == "end":
            self._hang_up()

    def _bind(self) -> socket.socket:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", self._port))
        except BaseException:
            listener.close()
            raise
        listener.settimeout(0.05)
        self._port = listener.getsockname()[1]
        return listener

    def _accept(self) -> None:
        while not self._over:
            if self._mood == "refuse":
                time.sleep(0.01)
                continue
            with contextlib.suppress(OSError):
                connection, _ = self._listener.accept()
                self.connections += 1
                self._open.add(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.recv(4096)
            while self._mood == "mute" and not self._over:
                time.sleep(0.01)
            head = "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n"
            connection.sendall(f"{head}\r\n".encode())
            for number in itertools.count():
                began_s = time.monotonic()
                if self._over or self._mood in ("end", "refuse"):
                    break
                if data := self._next(number):
                    connection.sendall(data)
                    self.sent += self._mood != "noise"
                time.sleep(max(0.0, began_s + self._period_s - time.monotonic()))
        self._open.discard(connection)

    def _next(self, number: int) -> bytes | None:
        if self._mood in ("stall", "mute"):
            return None
        if self._mood == "noise":
            return bytes(range(256)) * 8
        frames = self._others if self._mood == "other" else self._frames
        body = b"\x00no JPEG" * 200 if self._mood == "garbage" else frames[number % len(frames)]
        if self._mood == "frozen":
            body = frames[0]
        head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(body)}\r\n\r\n"
        return head.encode() + body + b"\r\n"

    def _hang_up(self) -> None:
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._over = True
        self._hang_up()
        self._listener.close()

    def __enter__(self) -> MjpegServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def wait_until(is_so: Callable[[], bool], timeout_s: float) -> bool:
    """Whether it came true in time."""
    until_s = time.monotonic() + timeout_s
    while not is_so():
        if time.monotonic() > until_s:
            return False
        time.sleep(0.01)
    return True
