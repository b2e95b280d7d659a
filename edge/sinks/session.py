"""One connection to an MQTT broker; the one file that imports paho-mqtt.

paho's own queue drops the newest when full, and sends again what was counted as lost. So each
connection is a client of its own, which holds no message that nobody waits for.
"""

from __future__ import annotations

import os
import socket
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge.errors import EnvironmentFault
from edge.sinks.address import OPTION, MqttAddress
from edge.sinks.discovery import OFFLINE, Topics

if TYPE_CHECKING:
    from paho.mqtt.client import Client

ANSWER_S = 5.0
"""For the connection, for the broker's word that we are welcome, and for each acknowledgement."""
KEEP_ALIVE_S = 15
"""A broker notices that we lost power after one and a half of it (MQTT 3.1.1, 3.1.2.10)."""


@dataclass(frozen=True)
class Message:
    """What is published."""

    topic: str
    payload: str
    is_retained: bool = False


class Session:
    """One connection to the broker, from its beginning to its end, and never a second one.

    It subscribes to nothing: paho holds a message whole, and one of 200 MB took 630 MB.
    """

    def __init__(self, address: MqttAddress, topics: Topics) -> None:
        self._address = address
        self._changed = threading.Condition()
        self._is_up, self._is_due, self._is_leaving = False, False, False
        self._down: str | None = None
        self._acknowledged: set[int] = set()
        self._client = self._make_client(topics)

    def open(self) -> str | None:
        """Connects; returns why it cannot, or none."""
        try:
            self._client.connect(self._address.host, self._address.port, KEEP_ALIVE_S)
        except (OSError, ValueError) as error:  # ValueError: a host that cannot be one
            return "cannot be reached: " + _reason(error)
        self._client.loop_start()
        with self._changed:
            self._changed.wait_for(lambda: self._is_up or self._down, timeout=ANSWER_S)
            if self._down is None and not self._is_up:
                self._down = f"expected an answer within {ANSWER_S:g} s, got none"
            if self._down is not None:
                return self._down
        return None

    def publish(self, message: Message, timeout_s: float | None = None) -> str | None:
        """Publishes a message and waits for its acknowledgement; returns why there is none."""
        timeout_s = ANSWER_S if timeout_s is None else timeout_s
        info = self._client.publish(message.topic, message.payload, 1, message.is_retained)
        with self._changed:
            self._changed.wait_for(
                lambda: info.mid in self._acknowledged or self._down, timeout=timeout_s
            )
            if info.mid in self._acknowledged:
                self._acknowledged.remove(info.mid)
                return None
            return self._down or f"expected an acknowledgement within {timeout_s:g} s, got none"

    def announce(self) -> None:
        """Home Assistant is to be told who we are: `wait` returns."""
        with self._changed:
            self._is_due = True
            self._changed.notify_all()

    def wait(self) -> str | None:
        """Waits until Home Assistant is to be told, or for the end, whose reason it returns."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_due or self._down)
            self._is_due = False
            return self._down

    def drop(self, reason: str) -> None:
        """Ends the connection as a power cut would, so that the broker speaks our will."""
        self._fall(reason)
        sock: Any = self._client.socket()
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except (OSError, ValueError):
                return  # it is closed already

    def close(self, last: Message, timeout_s: float) -> None:
        """Publishes a last message and takes leave; without its acknowledgement as `drop`."""
        if self.publish(last, timeout_s) is None:
            self._is_leaving = True
            self._client.disconnect()
            self._fall("closed")
        else:
            self.drop("closed")

    def end(self) -> None:
        """Frees what the connection held; waits for paho's thread, which may take a second."""
        if not self._is_leaving:
            self.drop("ended")
        client = self._client
        client.loop_stop()
        # These hold us, who hold the client: its sockets would stay open until a collection.
        client.on_connect = client.on_disconnect = client.on_publish = None

    def _fall(self, reason: str) -> None:
        with self._changed:
            self._down = self._down or reason
            self._changed.notify_all()

    def _make_client(self, topics: Topics) -> Client:
        """paho calls these in its own thread: they note what happened, and wake who waits."""
        address = self._address

        def on_connect(_client: Any, _data: Any, _flags: Any, code: Any, _more: Any) -> None:
            if code.is_failure:
                self._fall(f"the broker refuses us: {code}")
                return
            with self._changed:
                self._is_up = True
                self._changed.notify_all()

        def on_disconnect(*_: Any) -> None:  # its code is "unspecified" for all that happens
            self._fall("the connection was lost")

        def on_publish(_client: Any, _data: Any, mid: int, _code: Any, _more: Any) -> None:
            with self._changed:
                self._acknowledged.add(mid)
                self._changed.notify_all()

        paho = import_paho()
        client: Client = paho.Client(
            paho.CallbackAPIVersion.VERSION2,
            client_id=f"edgeproof-{os.urandom(6).hex()}",  # two with one name throw each other out
            reconnect_on_failure=False,
        )
        client.connect_timeout = ANSWER_S
        if address.user is not None:
            client.username_pw_set(address.user, address.password)
        if address.is_tls:
            client.tls_set()
        client.will_set(topics.availability, OFFLINE, 1, retain=True)
        client.on_connect, client.on_disconnect = on_connect, on_disconnect
        client.on_publish = on_publish
        return client


def _reason(error: Exception) -> str:
    """In a word: without the errno that Python puts before it."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())


def import_paho() -> Any:
    """The library.

    Raises:
        EnvironmentFault: it is missing, or older than its second version.
    """
    try:
        from paho.mqtt import client
    except ImportError:
        client = None  # type: ignore[assignment]
    if not hasattr(client, "CallbackAPIVersion"):
        raise EnvironmentFault(f"{OPTION} needs paho-mqtt 2: pip install 'edgeproof[mqtt]'")
    return client
