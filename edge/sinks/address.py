"""A broker's address, as a user types it."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from edge.errors import UsageError

OPTION = "--mqtt"
PASSWORD_VARIABLE = "EDGEPROOF_MQTT_PASSWORD"
PORTS = {"mqtt": 1883, "mqtts": 8883}
"""Registered for MQTT, plain and over TLS."""
FORM = "mqtt://[USER:PASSWORD@]HOST[:PORT][/TOPIC]"
MAX_TOPIC_BYTES = 200
"""Of the base topic; MQTT allows 65,535, and brokers often less."""


@dataclass(frozen=True)
class MqttAddress:
    """A broker, who we are there, and the topic under which we publish."""

    host: str
    port: int
    is_tls: bool
    user: str | None
    password: str | None = field(repr=False)
    topic: str
    """The base topic, without a slash at its ends."""

    @property
    def place(self) -> str:
        """For messages: `host:port`."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_mqtt(url: str, environ: Mapping[str, str] = os.environ) -> MqttAddress:
    """Reads `mqtt://USER:PASSWORD@HOST:PORT/TOPIC`, or `mqtts://` for TLS.

    Without a topic it is `edgeproof/HOSTNAME`; without a password $EDGEPROOF_MQTT_PASSWORD is it.

    Raises:
        UsageError: not of that form. Its message repeats nothing that may be of a password.
    """
    scheme, separator, _ = url.partition("://")
    if not separator or scheme.lower() not in PORTS:
        raise _wrong("another scheme, or none")
    try:
        url.encode()  # an argument's bytes may be none of UTF-8, which MQTT wants (3.1.1, 1.5.3)
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # its message repeats what stands before the @
        raise _wrong("a host or a port that is none") from None
    if not parts.hostname or not re.fullmatch(r"[\w.:%-]+", parts.hostname):
        raise _wrong("no host, or one that is none")
    if port == 0:
        raise _wrong("port 0")
    if parts.query or parts.fragment or "?" in url or "#" in url or "@" in parts.path:
        raise _wrong("?, # or @ behind the host")
    user = None if parts.username is None else unquote(parts.username)
    password = None if parts.password is None else unquote(parts.password)
    password = password if password is not None else environ.get(PASSWORD_VARIABLE) or None
    if password and not user:
        raise UsageError(
            f"{OPTION}: expected a user name beside the password (MQTT 3.1.1, 3.1.2.9), got none"
        )
    return MqttAddress(
        parts.hostname,
        port or PORTS[parts.scheme],
        parts.scheme == "mqtts",
        user or None,
        password,
        _topic(unquote(parts.path).strip("/")),
    )


def _wrong(what: str) -> UsageError:
    return UsageError(
        f"{OPTION}: expected {FORM}, or mqtts:// for TLS, got {what}; "
        "in a password / is written %2F, @ %40, : %3A, # %23, ? %3F, % %25"
    )


def _topic(topic: str) -> str:
    if not topic:
        return "edgeproof/" + (re.sub(r"[^\w.-]+", "_", socket.gethostname()) or "camera")
    size_bytes = len(topic.encode())
    if re.search(r"[+#\x00-\x1f\x7f\ufffd]", topic) or topic.startswith("$"):
        raise UsageError(
            f"{OPTION}: expected a topic without +, # or control characters that does not begin "
            "with $ (MQTT 3.1.1, 4.7), got one with"
        )
    if size_bytes > MAX_TOPIC_BYTES:
        raise UsageError(
            f"{OPTION}: expected a topic of at most {MAX_TOPIC_BYTES} bytes, got {size_bytes}"
        )
    return topic
