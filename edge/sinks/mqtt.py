"""Answers to an MQTT broker, which may be away for as long as it likes."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from edge.sinks.address import OPTION, MqttAddress, parse_mqtt
from edge.sinks.discovery import OFFLINE, ONLINE, Device, Topics, discovery_messages
from edge.sinks.outbox import (
    FIRST_S,
    GRACE_S,
    MOST_S,
    SENT,
    Attempt,
    Delivery,
    Outbox,
    Trouble,
    backoff_s,
)
from edge.sinks.session import Message, Session, import_paho

__all__ = ["MqttAddress", "MqttSink", "parse_mqtt"]

STEADY_S = 30.0
"""A connection that lasted as long was a good one: the next pause is short again."""
STATE_EVERY_S = 1.0
"""Between answers of the same label."""
STATE_AGE_S = 30.0
"""An answer that waited longer is no state any more; the room is better used for events."""


class MqttSink:
    """Publishes answers, events and statuses; comes back by itself when the broker does.

    with MqttSink(parse_mqtt(url), device, err) as sink:
        sink.answer(record, is_change=True)
    """

    def __init__(
        self,
        address: MqttAddress,
        device: Device,
        err: Callable[[str], None],
        *,
        first_s: float = FIRST_S,
        most_s: float = MOST_S,
    ) -> None:
        """
        device: what Home Assistant is told.
        err: takes one line, in a thread of this sink: when the broker is away, and when it is back.
        first_s, most_s: the pauses between attempts to connect, see `outbox.backoff_s`.

        Raises:
            EnvironmentFault: paho-mqtt is missing.
        """
        import_paho()
        self._address, self._topics = address, Topics(address.topic)
        self._discovery = [
            Message(*pair, True) for pair in discovery_messages(device, address.topic)
        ]
        self._trouble = Trouble(OPTION, err)
        self._first_s, self._most_s = first_s, most_s
        self._outbox = Outbox(self._deliver, name="mqtt outbox", first_s=first_s, is_held=True)
        self._session: Session | None = None
        self._last_status: Message | None = None
        self._last_error: str | None = None
        self._next_state_s = 0.0
        self._over = threading.Event()
        threading.Thread(target=self._stay_connected, name="mqtt link", daemon=True).start()

    def answer(self, record: Mapping[str, Any], is_change: bool) -> None:
        """Publishes an answer when its stable label is new, else once a second at most."""
        now_s = time.monotonic()
        if is_change or now_s >= self._next_state_s:
            self._next_state_s = now_s + STATE_EVERY_S
            self._outbox.put(Message(self._topics.state, json.dumps(record)), STATE_AGE_S)

    def event(self, record: Mapping[str, Any]) -> None:
        """Publishes a change of the stable label."""
        self._outbox.put(Message(self._topics.event, json.dumps(record)))

    def status(self, record: Mapping[str, Any]) -> None:
        """Publishes how the camera does, for those too who ask later."""
        self._last_status = Message(self._topics.status, json.dumps(record), True)
        self._outbox.put(self._last_status)

    def set_device(self, device: Device) -> None:
        """Home Assistant is told anew: another model answers from now on."""
        self._discovery = self._messages_of(device)
        if (session := self._session) is not None:
            session.announce()

    @property
    def delivery(self) -> Delivery:
        """Messages of answers, events and statuses; a repeated answer that was not due is none."""
        delivery = self._outbox.delivery
        return replace(delivery, last_error=self._last_error or delivery.last_error)

    def close(self, grace_s: float = GRACE_S) -> None:
        """Sends what waits and says `offline`, within `grace_s`; if not, the will says it."""
        end_s = time.monotonic() + grace_s
        self._outbox.close(grace_s * 2 / 3)
        self._over.set()
        if (session := self._session) is not None:
            offline = Message(self._topics.availability, OFFLINE, True)
            session.close(offline, max(0.0, end_s - time.monotonic()))

    def __enter__(self) -> MqttSink:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _messages_of(self, device: Device) -> list[Message]:
        return [Message(*pair, True) for pair in discovery_messages(device, self._address.topic)]

    def _deliver(self, message: Message) -> Attempt:
        session = self._session
        if session is None:
            return Attempt("retry", self._last_error or "not connected")
        reason = session.publish(message)
        if reason is None:
            return SENT
        session.drop(reason)  # paho holds the message: it must not send it beside our next attempt
        return Attempt("retry", reason)

    def _stay_connected(self) -> None:
        """One connection after the other, for ever."""
        failures = 0
        while not self._over.is_set():
            session = Session(self._address, self._topics)
            try:
                began_s = time.monotonic()
                reason = session.open() or self._serve(session)
                failures = 0 if time.monotonic() - began_s > STEADY_S else failures
            except Exception as error:  # a fault of ours must not end the connection for ever
                reason = f"{type(error).__name__}: {error}"
            finally:
                self._outbox.hold()
                self._session = None
                session.end()
            if self._over.is_set():
                return
            self._last_error = reason
            self._trouble.begin(f"{self._address.place}: {reason}; the camera goes on, and retries")
            self._over.wait(backoff_s(failures, self._first_s, self._most_s))
            failures += 1

    def _serve(self, session: Session) -> str:
        """Greets, lets messages pass, and returns why the connection ended."""
        if self._over.is_set():
            return "closed"
        greeting = [Message(self._topics.availability, ONLINE, True), *self._discovery]
        if self._last_status is not None:  # a broker that started anew has forgotten it
            greeting.append(self._last_status)
        for message in greeting:
            if (reason := session.publish(message)) is not None:
                return reason
        self._session = session
        if self._over.is_set():  # `close` may not have seen the session
            return "closed"
        self._trouble.end(f"{self._address.place}: connected again")
        self._outbox.release()
        while (reason := session.wait()) is None:  # Home Assistant must be told anew
            for message in self._discovery:
                if (reason := session.publish(message)) is not None:
                    return reason
        return reason
