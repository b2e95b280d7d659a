"""What Home Assistant is told, so that a camera appears there by itself.

Facts: https://www.home-assistant.io/integrations/mqtt/, "MQTT Discovery", single components: the
form that every version understands; and sensor.mqtt, binary_sensor.mqtt.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

PREFIX = "homeassistant"
"""Where Home Assistant looks for devices, unless told otherwise."""

ONLINE, OFFLINE = "online", "offline"
"""The words on `availability_topic` that Home Assistant expects by default."""


@dataclass(frozen=True)
class Device:
    """What a camera service says of itself."""

    model: str
    """The model's name, `digits`."""
    labels: tuple[str, ...]
    """All that it can answer, without `unknown`; empty when several things are read together, as
    what they can read is no list."""
    version: str = ""
    """Of edgeproof."""


@dataclass(frozen=True)
class Topics:
    """The topics of one camera, below its base topic."""

    base: str

    @property
    def state(self) -> str:
        """Its answers."""
        return f"{self.base}/state"

    @property
    def event(self) -> str:
        """Changes of the stable label."""
        return f"{self.base}/event"

    @property
    def status(self) -> str:
        """How the camera does; retained."""
        return f"{self.base}/status"

    @property
    def availability(self) -> str:
        """`online` or `offline`; retained."""
        return f"{self.base}/availability"


def discovery_messages(device: Device, base: str) -> list[tuple[str, str]]:
    """(topic, payload) of each sensor, to be published retained.

    base: the base topic of the camera, any that MQTT allows.
    """
    node, topics = identifier(base), Topics(base)
    shared = {
        "availability_topic": topics.availability,
        "qos": 1,
        "device": {
            "identifiers": [node],
            "name": base.replace("/", " ").strip() or node,
            "manufacturer": "edgeproof",
            "model": device.model,
            **({"sw_version": device.version} if device.version else {}),
        },
        "origin": {"name": "edgeproof"},
    }
    messages = []
    for kind, part, config in _sensors(device, topics):
        unique = f"{node}-{part}"
        payload = {**config, **shared, "unique_id": unique}
        messages.append((f"{PREFIX}/{kind}/{unique}/config", json.dumps(payload)))
    return messages


def identifier(base: str) -> str:
    """A base topic as an id of the letters that discovery topics allow, `[a-zA-Z0-9_-]`.

    Two base topics never share one: a digest tells `a/b` from `a_b`.
    """
    digest = hashlib.sha256(base.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    readable = re.sub(r"[^a-zA-Z0-9]+", "_", base).strip("_")[:40]
    return "-".join(part for part in (readable, digest) if part)


def _sensors(device: Device, topics: Topics) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(component, part of the id, configuration) of each sensor."""
    yield (
        "sensor",
        "label",
        {
            "name": "Label",
            "state_topic": topics.state,
            "value_template": "{{ value_json.label or 'unknown' }}",
            **_choice(device.labels),
            # Of events, not of answers: attributes that change each second fill HA's database.
            "json_attributes_topic": topics.event,
            "json_attributes_template": "{{ value_json.event | tojson }}",
        },
    )
    yield (
        "sensor",
        "score",
        {
            "name": "Score",
            "state_topic": topics.state,
            "value_template": "{{ (value_json.score * 100) | round(1) }}",
            "unit_of_measurement": "%",
            "state_class": "measurement",
        },
    )
    yield (
        "sensor",
        "age",
        {
            "name": "Frame age",
            "state_topic": topics.state,
            "value_template": "{{ value_json.age_ms | round(0) }}",
            "unit_of_measurement": "ms",
            "state_class": "measurement",
            "entity_category": "diagnostic",
        },
    )
    yield (
        "binary_sensor",
        "camera",
        {
            "name": "Camera",
            "state_topic": topics.status,
            "value_template": "{{ 'ON' if value_json.status.kind == 'running' else 'OFF' }}",
            "device_class": "connectivity",
            "json_attributes_topic": topics.status,
            "json_attributes_template": "{{ value_json.status | tojson }}",
        },
    )


def _choice(labels: tuple[str, ...]) -> dict[str, Any]:
    """Home Assistant refuses a state that is not among the options of an enum."""
    options = list(dict.fromkeys([*labels, "unknown"]))
    return {"device_class": "enum", "options": options} if labels else {}
