"""A real MQTT broker on a loopback port, and a client that hears what is published there."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

MOSQUITTO = shutil.which(
    "mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
)
PATIENCE_S = 15.0
"""Until a test gives up on what should happen at once."""


def require_mosquitto() -> str:
    """Where it is; without it the test is skipped, or fails where it is required."""
    if MOSQUITTO is not None:
        return MOSQUITTO
    message = "NO MQTT BROKER: --mqtt IS NOT TESTED; apt-get install mosquitto"
    if "mosquitto" in os.environ.get("EDGEPROOF_REQUIRE", ""):
        pytest.fail(message)
    pytest.skip(message)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def until(happened: Callable[[], object], what: str = "") -> None:
    """Waits until something has happened; fails when it does not."""
    end_s = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < end_s, f"did not happen within {PATIENCE_S:g} s: {what}"
        time.sleep(0.01)


def make_certificate(certificate: Path, key: Path) -> None:
    """A certificate of 127.0.0.1 that is its own authority."""
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)


class Broker:
    """mosquitto in a process of its own, which remembers its clients over a SIGKILL."""

    def __init__(self, folder: Path, *, password: str | None = None, is_tls: bool = False) -> None:
        """
        password: of user `pi`, without whom nobody gets in; none: everybody does.
        is_tls: with a certificate that it signed itself, at `certificate`.
        """
        self._program = require_mosquitto()
        self._folder, self.port = folder, free_port()
        lines = [
            f"listener {self.port} 127.0.0.1",
            f"allow_anonymous {str(password is None).lower()}",
            f"user {getpass.getuser()}",
            "persistence true",
            f"persistence_location {folder}/",
            "autosave_on_changes true",
            "autosave_interval 1",
        ]
        if password is not None:
            (folder / "passwords").write_text(f"pi:{password}\n")
            (folder / "passwords").chmod(0o600)
            subprocess.run(["mosquitto_passwd", "-U", folder / "passwords"], check=True)
            lines.append(f"password_file {folder / 'passwords'}")
        self.certificate = folder / "certificate.pem"
        if is_tls:
            make_certificate(self.certificate, folder / "key.pem")
            lines += [f"certfile {self.certificate}", f"keyfile {folder / 'key.pem'}"]
        (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Broker:
        command = [self._program, "-c", str(self._folder / "mosquitto.conf")]
        self._process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until(self._answers, "the broker answers")
        return self

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def forget(self) -> None:
        """While it is off: retained messages and sessions are gone."""
        (self._folder / "mosquitto.db").unlink(missing_ok=True)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, "mosquitto ended; is its configuration right?"
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def __enter__(self) -> Broker:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()


@dataclass(frozen=True)
class Heard:
    topic: str
    payload: str
    is_retained: bool
    """It is what the broker kept, from before we came."""


class Listener:
    """Hears everything, in order; what comes while it is away, the broker keeps for it."""

    def __init__(self, port: int, password: str | None = None) -> None:
        self.heard: list[Heard] = []
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"listener-{os.urandom(4).hex()}",
            clean_session=False,
            protocol=MQTTProtocolVersion.MQTTv311,
        )
        if password is not None:
            self._client.username_pw_set("pi", password)
        self._is_ready = False
        self._client.on_connect = lambda client, *_: client.subscribe("#", 1)
        self._client.on_subscribe = lambda *_: setattr(self, "_is_ready", True)
        self._client.on_message = lambda _client, _data, message: self.heard.append(
            Heard(message.topic, message.payload.decode(), message.retain)
        )
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        until(lambda: self._is_ready, "the listener is subscribed")

    def payloads(self, topic: str) -> list[str]:
        return [one.payload for one in self.heard if one.topic == topic]

    def publish(self, topic: str, payload: str, *, is_retained: bool = False) -> None:
        self._client.publish(topic, payload, 1, is_retained).wait_for_publish(PATIENCE_S)

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Cutter:
    """Hands bytes on to a broker that goes on running, until it cuts the connections."""

    def __init__(self, port: int) -> None:
        self._to, self.connections = port, 0
        self.is_mute = False
        """What the broker says is swallowed."""
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def cut(self) -> None:
        """What is under way may be lost, whichever its direction."""
        for one in list(self._open):
            self._end(one)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._to))
            self.connections += 1
            self._open += [near, far]
            for pair in ((near, far, False), (far, near, True)):
                self._threads.append(threading.Thread(target=self._hand_on, args=pair))
                self._threads[-1].start()

    def _hand_on(self, one: socket.socket, other: socket.socket, is_answer: bool) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(1 << 16):
                if not (is_answer and self.is_mute):
                    other.sendall(data)
        self._end(one)
        self._end(other)

    @staticmethod
    def _end(one: socket.socket) -> None:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Cutter:
        return self

    def __exit__(self, *_: object) -> None:
        self._end(self._server)
        self._threads[0].join()
        self.cut()
        for thread in self._threads[1:]:
            thread.join()
        for one in (self._server, *self._open):
            one.close()
