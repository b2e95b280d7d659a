"""Outputs beside stdout: all counted, none holds up the camera, each comes back by itself."""

from __future__ import annotations

import gc
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edge.classifier import Result, Score
from edge.errors import EnvironmentFault, UsageError
from edge.sinks import mqtt, session, uncertain
from edge.sinks.discovery import Device, discovery_messages, identifier
from edge.sinks.mqtt import MqttSink, parse_mqtt
from edge.sinks.outbox import SENT, Attempt, Outbox, Trouble, backoff_s
from edge.sinks.uncertain import UncertainRecorder, folder_names, is_unsure
from edge.sinks.webhook import WebhookSink, parse_webhook
from tests.broker import Broker, Cutter, Listener, free_port, require_mosquitto, until
from tests.conftest import ROOT, Edgeproof

DEVICE = Device("digits", ("0", "1"), "1.2.3")
BASE = "edgeproof/kitchen"
QUICK = {"first_s": 0.05, "most_s": 0.2}
"""Pauses of a second and more are for real networks."""
NO_PLACE = "http://127.0.0.1:9/"


# The outbox


class Gate:
    """A `deliver` that waits to be let through, and answers what it is told."""

    def __init__(self, *verdicts: Attempt) -> None:
        self.took: list[int] = []
        self.open = threading.Event()
        self._verdicts = list(verdicts)

    def __call__(self, item: int) -> Attempt:
        self.took.append(item)
        self.open.wait(20)
        return self._verdicts.pop(0) if self._verdicts else SENT


def test_outbox_drops_the_oldest_but_not_the_one_in_hand() -> None:
    gate = Gate()
    outbox = Outbox(gate, limit=3)
    outbox.put(0)
    until(lambda: gate.took)
    for item in range(1, 10):
        outbox.put(item)
    counts = outbox.delivery
    assert (counts.sent, counts.lost, counts.waiting) == (0, 7, 3)
    gate.open.set()
    until(lambda: outbox.delivery.sent == 3)
    assert gate.took == [0, 8, 9]
    outbox.close()


def test_outbox_tries_again_in_order_and_loses_what_is_refused() -> None:
    gate = Gate(Attempt("retry", "away"), Attempt("retry", "away"), SENT, Attempt("lost", "bad"))
    gate.open.set()
    outbox = Outbox(gate, first_s=0.01)
    for item in range(3):
        outbox.put(item)
    until(lambda: outbox.delivery.waiting == 0)
    assert gate.took == [0, 0, 0, 1, 2]
    counts = outbox.delivery
    assert (counts.sent, counts.lost, counts.last_error) == (2, 1, "bad")
    assert counts.is_connected
    outbox.close()


def test_outbox_gives_up_what_is_too_old() -> None:
    outbox: Outbox[str] = Outbox(lambda _: SENT, is_held=True)
    outbox.put("old", max_age_s=0.02)
    outbox.put("new")
    assert outbox.delivery.waiting == 2
    time.sleep(0.05)
    outbox.release()
    until(lambda: outbox.delivery.sent == 1)
    assert (outbox.delivery.lost, outbox.delivery.waiting) == (1, 0)
    outbox.close()


def test_outbox_makes_room_with_what_is_too_old_first() -> None:
    took: list[int] = []

    def deliver(item: int) -> Attempt:
        took.append(item)
        return SENT

    outbox = Outbox(deliver, limit=2, is_held=True)
    outbox.put(1)
    outbox.put(2, max_age_s=0.02)
    time.sleep(0.05)
    outbox.put(3)
    outbox.release()
    until(lambda: len(took) == 2)
    assert took == [1, 3]
    outbox.close()


def test_outbox_goes_on_after_a_fault_of_one_item() -> None:
    outbox: Outbox[int] = Outbox(lambda number: Attempt("sent", str(1 // number)))
    outbox.put(0)
    outbox.put(1)
    until(lambda: outbox.delivery.sent == 1)
    assert outbox.delivery.lost == 1
    assert outbox.delivery.last_error == "ZeroDivisionError: integer division or modulo by zero"
    outbox.close()


def test_outbox_ends_within_its_grace_though_the_other_side_hangs() -> None:
    gate = Gate()
    outbox = Outbox(gate)
    for item in range(5):
        outbox.put(item)
    until(lambda: gate.took)
    began_s = time.monotonic()
    outbox.close(grace_s=0.2)
    assert 0.15 < time.monotonic() - began_s < 2
    outbox.put(5)
    gate.open.set()
    time.sleep(0.05)  # what comes of it now changes no count
    counts = outbox.delivery
    assert (counts.sent, counts.lost, counts.waiting) == (0, 6, 0)


def test_outbox_delivers_what_waits_before_it_ends() -> None:
    def deliver(_: int) -> Attempt:
        time.sleep(0.005)
        return SENT

    outbox = Outbox(deliver)
    for item in range(10):
        outbox.put(item)
    outbox.close(grace_s=5)
    assert outbox.delivery.sent == 10


def test_outbox_tries_once_at_the_end_and_does_not_use_up_its_grace() -> None:
    outbox: Outbox[int] = Outbox(lambda _: Attempt("retry", "away"), first_s=30)
    outbox.put(1)
    until(lambda: outbox.delivery.last_error)
    began_s = time.monotonic()
    outbox.close(grace_s=10)
    assert time.monotonic() - began_s < 5
    assert outbox.delivery.lost == 1


def test_counts_add_up_at_any_moment() -> None:
    draw = random.Random(5)
    verdicts = [SENT, Attempt("lost"), Attempt("retry")]

    def deliver(_: int) -> Attempt:
        return draw.choice(verdicts)

    outbox = Outbox(deliver, limit=8, first_s=0.001, most_s=0.002)
    for put in range(1, 2001):
        outbox.put(put)
        time.sleep(draw.choice([0, 0, 0.001]))
        counts = outbox.delivery
        assert counts.sent + counts.lost + counts.waiting == put
    outbox.close()
    counts = outbox.delivery
    assert (counts.sent + counts.lost, counts.waiting) == (2000, 0)
    assert min(counts.sent, counts.lost) > 100


def test_backoff_doubles_up_to_its_limit_and_is_spread() -> None:
    for failures, most_s in enumerate([1, 2, 4, 8, 16, 32, 60, 60, 60]):
        pauses_s = [backoff_s(failures) for _ in range(200)]
        assert most_s / 2 <= min(pauses_s) < max(pauses_s) <= most_s
        assert max(pauses_s) - min(pauses_s) > most_s / 4
    assert backoff_s(100_000) <= 60


def test_trouble_is_told_once_and_survives_a_closed_stderr() -> None:
    told: list[str] = []
    trouble = Trouble("--mqtt", told.append)
    trouble.end("fine")
    for _ in range(3):
        trouble.begin("away")
    trouble.end("back")
    trouble.end("back")
    assert told == ["--mqtt: away", "--mqtt: back"]

    def broken(_: str) -> None:
        raise BrokenPipeError

    Trouble("--mqtt", broken).begin("away")


# The broker's address


@pytest.mark.parametrize(
    ("url", "host", "port", "is_tls", "user", "password", "topic"),
    [
        ("mqtt://pi", "pi", 1883, False, None, None, None),
        ("mqtts://pi/a", "pi", 8883, True, None, None, "a"),
        ("MQTT://u:geheim@pi:7/a/b/", "pi", 7, False, "u", "geheim", "a/b"),
        ("mqtt://u:p%2F%40%3A%23@[::1]:7/a%20b", "::1", 7, False, "u", "p/@:#", "a b"),
        ("mqtt://u@pi/k%C3%BCche", "pi", 1883, False, "u", None, "küche"),
    ],
)
def test_broker_address_is_read(
    url: str,
    host: str,
    port: int,
    is_tls: bool,
    user: str | None,
    password: str | None,
    topic: str | None,
) -> None:
    address = parse_mqtt(url, {})
    assert (address.host, address.port, address.is_tls) == (host, port, is_tls)
    assert (address.user, address.password) == (user, password)
    if topic is None:
        assert re.fullmatch(r"edgeproof/[\w.-]+", address.topic)
    else:
        assert address.topic == topic
    assert password is None or password not in repr(address)


def test_password_comes_from_the_environment_and_the_address_goes_first() -> None:
    environ = {"EDGEPROOF_MQTT_PASSWORD": "hidden"}
    assert parse_mqtt("mqtt://u@pi", environ).password == "hidden"
    assert parse_mqtt("mqtt://u:open@pi", environ).password == "open"
    with pytest.raises(UsageError, match="--mqtt: expected a user name"):
        parse_mqtt("mqtt://pi", environ)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "pi",
        "u:geheim@pi",
        "http://u:geheim@pi",
        "mqtt://",
        "mqtt://u:geheim@",
        "mqtt://u:geheim@pi:port",
        "mqtt://u:geheim@pi:70000",
        "mqtt://u:geheim@pi:0",
        "mqtt://u:geheim@[pi",
        "mqtt://u:geheim@p i",
        "mqtt://u:ge#heim@pi",
        "mqtt://u:1/geheim@pi",
        "mqtt://u:1?geheim@pi",
        "mqtt://u:geheim@pi/a#b",
        "mqtt://u:geheim@pi/a%23",
        "mqtt://u:geheim@pi/+/b",
        "mqtt://u:geheim@pi/$SYS",
        "mqtt://u:geheim@pi/a%00",
        "mqtt://u:geheim@pi/%ff",
        "mqtt://u:geheim@pi/" + "a" * 201,
        "mqtt://:geheim@pi",
    ],
)
def test_wrong_broker_address_is_refused_and_no_password_repeated(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_mqtt(url, {})
    assert str(caught.value).startswith("--mqtt: expected ")
    assert "heim" not in str(caught.value)
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    assert "\n" not in str(caught.value)


def test_missing_paho_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "paho.mqtt", None)
    with pytest.raises(EnvironmentFault, match=r"--mqtt needs paho-mqtt.*edgeproof\[mqtt\]"):
        MqttSink(parse_mqtt("mqtt://pi", {}), DEVICE, print)


# Home Assistant


@pytest.mark.parametrize(
    "base", ["edgeproof/kitchen", "a", "/", "Küche/üöä", "x" * 200, "a b/{{c}}"]
)
def test_discovery_is_valid_for_any_base_topic(base: str) -> None:
    messages = discovery_messages(DEVICE, base)
    ids = set()
    for topic, payload in messages:
        assert re.fullmatch(r"homeassistant/(binary_)?sensor/[a-zA-Z0-9_-]{1,64}/config", topic)
        config = json.loads(payload)
        ids.add(config["unique_id"])
        assert topic.split("/")[2] == config["unique_id"]
        assert config["availability_topic"] == f"{base}/availability"
        assert config["state_topic"] in (f"{base}/state", f"{base}/status")
        assert config["device"]["identifiers"] == [identifier(base)]
        assert config["device"]["name"].strip()
        assert (config["device"]["model"], config["device"]["sw_version"]) == ("digits", "1.2.3")
        assert not {"state_class", "unit_of_measurement"} & set(config) or (
            config.get("device_class") != "enum"  # Home Assistant refuses them together
        )
    assert len(ids) == len(messages) == 4


def test_identifiers_of_alike_topics_differ() -> None:
    assert len({identifier(base) for base in ("a/b", "a_b", "a-b", "A/b", "ä/b")}) == 5


def test_label_sensor_lists_its_labels_unless_answers_are_readings() -> None:
    label = json.loads(discovery_messages(DEVICE, BASE)[0][1])
    assert (label["device_class"], label["options"]) == ("enum", ["0", "1", "unknown"])
    free = json.loads(discovery_messages(Device("digits", ()), BASE)[0][1])
    assert not {"device_class", "options"} & set(free)


TEMPLATES = [
    ("state_topic", "value_template"),
    ("json_attributes_topic", "json_attributes_template"),
]


def test_templates_give_the_values_of_real_records() -> None:
    jinja2 = pytest.importorskip("jinja2")
    records = {
        "state": {"label": "1", "score": 0.98765, "age_ms": 41.7},
        "status": {"status": {"kind": "running", "message": ""}},
        "event": {"event": {"kind": "label", "label": "1", "before": None}},
    }
    values = {}
    for _, payload in discovery_messages(DEVICE, BASE):
        config = json.loads(payload)
        for place, template in TEMPLATES:
            if template not in config:
                continue
            record = records[config[place].rpartition("/")[2]]
            text = jinja2.Template(config[template]).render(value_json=record)
            values[config["name"], template] = text
    assert values["Label", "value_template"] == "1"
    assert values["Score", "value_template"] == "98.8"
    assert values["Frame age", "value_template"] == "42.0"
    assert values["Camera", "value_template"] == "ON"
    assert json.loads(values["Camera", "json_attributes_template"])["kind"] == "running"
    assert json.loads(values["Label", "json_attributes_template"])["label"] == "1"


# The broker


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path) as running:
        yield running


@contextmanager
def sink_at(port: int, told: list[str], userinfo: str = "") -> Iterator[MqttSink]:
    address = parse_mqtt(f"mqtt://{userinfo}127.0.0.1:{port}/{BASE}", {})
    with MqttSink(address, DEVICE, told.append, **QUICK) as sink:
        yield sink


def numbers(listener: Listener, kind: str = "event") -> list[int]:
    """In the order in which they came, each once: the broker may repeat after a crash."""
    found = [json.loads(payload)["n"] for payload in listener.payloads(f"{BASE}/{kind}")]
    return list(dict.fromkeys(found))


def status_of(kind: str) -> dict[str, Any]:
    return {"source": "film", "timestamp_s": 1.0, "status": {"kind": kind, "message": ""}}


def test_records_arrive_on_their_topics_and_what_should_last_is_retained(broker: Broker) -> None:
    told: list[str] = []
    with Listener(broker.port) as early, sink_at(broker.port, told) as sink:
        sink.answer({"label": "1", "n": 1}, is_change=True)
        sink.event({"n": 2})
        sink.status(status_of("running"))
        until(lambda: sink.delivery.sent == 3)
        assert sink.delivery.is_connected
        # The broker hands on what it has to have confirmed, an event, in its own time.
        kinds = ("status", "state", "event", "availability")
        until(lambda: all(early.payloads(f"{BASE}/{kind}") for kind in kinds))
        assert json.loads(early.payloads(f"{BASE}/state")[0]) == {"label": "1", "n": 1}
        assert numbers(early) == [2]
        assert early.payloads(f"{BASE}/availability") == ["online"]
        with Listener(broker.port) as late:
            until(lambda: len(late.heard) == 6)
            assert all(one.is_retained for one in late.heard)
            topics = {one.topic for one in late.heard}
            assert {f"{BASE}/status", f"{BASE}/availability"} < topics
            assert {topic for topic, _ in discovery_messages(DEVICE, BASE)} < topics
        began_s = time.monotonic()
        sink.close()
        assert time.monotonic() - began_s < 1
        until(lambda: early.payloads(f"{BASE}/availability") == ["online", "offline"])
    assert told == []


def test_answers_of_one_label_go_once_a_second(broker: Broker) -> None:
    with sink_at(broker.port, []) as sink:
        began_s = time.monotonic()
        for _ in range(50):
            sink.answer({"n": 0}, is_change=False)
        for _ in range(3):
            sink.answer({"n": 0}, is_change=True)
        until(lambda: sink.delivery.waiting == 0)
        assert 4 <= sink.delivery.sent <= 5 + (time.monotonic() - began_s)


def test_broker_killed_and_started_again_gets_the_newest_and_counts_are_exact(
    broker: Broker,
) -> None:
    told: list[str] = []
    with Listener(broker.port) as listener, sink_at(broker.port, told) as sink:
        for number in range(30):
            sink.event({"n": number})
        until(lambda: sink.delivery.sent == 30)
        until(lambda: len(numbers(listener)) == 30)
        broker.kill()
        until(lambda: not sink.delivery.is_connected)
        for number in range(1000, 1150):
            sink.event({"n": number})
        counts = sink.delivery
        assert (counts.sent, counts.lost, counts.waiting) == (30, 50, 100)
        assert counts.last_error
        broker.start()
        until(lambda: sink.delivery.waiting == 0)
        counts = sink.delivery
        assert (counts.sent, counts.lost, counts.is_connected) == (130, 50, True)
        until(lambda: len(numbers(listener)) >= 130)
        assert numbers(listener) == [*range(30), *range(1050, 1150)]
    assert len(told) == 2
    assert "the connection was lost; the camera goes on" in told[0]
    assert told[1] == f"--mqtt: 127.0.0.1:{broker.port}: connected again"


def test_every_message_arrives_though_connections_break_at_any_moment(broker: Broker) -> None:
    draw = random.Random(1)
    with (
        Listener(broker.port) as listener,
        Cutter(broker.port) as cutter,
        sink_at(cutter.port, []) as sink,
    ):
        for put in range(1, 81):
            sink.event({"n": put})
            counts = sink.delivery
            assert counts.sent + counts.lost + counts.waiting == put
            if put % 8 == 0:
                until(lambda: sink.delivery.is_connected)
                time.sleep(draw.uniform(0, 0.003))
                cutter.cut()  # now and then between a message and its acknowledgement
        until(lambda: sink.delivery.waiting == 0)
        assert (sink.delivery.sent, sink.delivery.lost) == (80, 0)
        until(lambda: len(numbers(listener)) == 80)
        assert numbers(listener) == list(range(1, 81))
        assert cutter.connections > 5


def test_broker_that_forgot_everything_is_told_again(broker: Broker) -> None:
    with sink_at(broker.port, []) as sink:
        sink.status(status_of("stalled"))
        until(lambda: sink.delivery.sent == 1)
        broker.kill()
        broker.forget()
        until(lambda: not sink.delivery.is_connected)
        broker.start()
        until(lambda: sink.delivery.is_connected)
        with Listener(broker.port) as late:
            until(lambda: len(late.heard) == 6)
            assert json.loads(late.payloads(f"{BASE}/status")[0])["status"]["kind"] == "stalled"
            assert late.payloads(f"{BASE}/availability") == ["online"]
        assert sink.delivery.sent == 1


def test_will_says_offline_when_the_process_is_killed(broker: Broker) -> None:
    program = (
        "import sys, time\n"
        "from edge.sinks.mqtt import MqttSink, parse_mqtt\n"
        "from edge.sinks.discovery import Device\n"
        "sink = MqttSink(parse_mqtt(sys.argv[1], {}), Device('digits', ()), print)\n"
        "time.sleep(60)\n"
    )
    url = f"mqtt://127.0.0.1:{broker.port}/{BASE}"
    with Listener(broker.port) as listener:
        child = subprocess.Popen([sys.executable, "-c", program, url], cwd=ROOT)
        try:
            until(lambda: listener.payloads(f"{BASE}/availability") == ["online"])
        finally:
            child.send_signal(signal.SIGKILL)
            child.wait()
        until(lambda: listener.payloads(f"{BASE}/availability") == ["online", "offline"])
    with Listener(broker.port) as late:
        until(lambda: late.payloads(f"{BASE}/availability") == ["offline"])


def test_broker_absent_at_the_start_is_told_once_and_found_later(tmp_path: Path) -> None:
    broker, told = Broker(tmp_path), list[str]()
    with sink_at(broker.port, told) as sink:
        assert not sink.delivery.is_connected
        sink.event({"n": 1})
        until(lambda: told)
        time.sleep(0.5)  # several attempts
        assert len(told) == 1
        assert f"127.0.0.1:{broker.port}: cannot be reached: Connection refused" in told[0]
        assert sink.delivery.waiting == 1
        with broker:
            until(lambda: sink.delivery.sent == 1)
            assert len(told) == 2


def test_wrong_password_is_told_and_the_right_one_works(tmp_path: Path) -> None:
    told: list[str] = []
    with Broker(tmp_path, password="right") as broker:
        with sink_at(broker.port, told, "pi:wrong@") as sink:
            sink.event({"n": 1})
            until(lambda: told)
            assert re.search(r"the broker refuses us: (Not authorized|Bad user)", told[0])
            assert "wrong" not in told[0]
            assert (sink.delivery.waiting, sink.delivery.is_connected) == (1, False)
        assert sink.delivery.lost == 1
        with sink_at(broker.port, told, "pi:right@") as sink:
            sink.event({"n": 1})
            until(lambda: sink.delivery.sent == 1)


# paho leaves the socket of a failed handshake to Python, which closes it and says so.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_tls_is_spoken_with_a_broker_whose_certificate_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    with Broker(tmp_path, is_tls=True) as broker:
        address = parse_mqtt(f"mqtts://127.0.0.1:{broker.port}/{BASE}", {})
        with MqttSink(address, DEVICE, told.append, **QUICK) as sink:
            sink.event({"n": 1})
            until(lambda: told)
            assert "cannot be reached: " in told[0]
            assert "certificate verify failed" in told[0]
            assert sink.delivery.sent == 0
            monkeypatch.setenv("SSL_CERT_FILE", str(broker.certificate))
            until(lambda: sink.delivery.sent == 1)
            broker.kill()
            until(lambda: not sink.delivery.is_connected)
            sink.event({"n": 2})
            broker.start()
            until(lambda: sink.delivery.sent == 2)


def test_missing_broker_is_a_loud_skip_or_a_failure_where_it_is_required(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tests.broker.MOSQUITTO", None)
    monkeypatch.delenv("EDGEPROOF_REQUIRE", raising=False)
    with pytest.raises(pytest.skip.Exception, match="NO MQTT BROKER"):
        require_mosquitto()
    monkeypatch.setenv("EDGEPROOF_REQUIRE", "chromium,mosquitto")
    with pytest.raises(pytest.fail.Exception, match="NO MQTT BROKER"):
        require_mosquitto()


def test_home_assistant_that_starts_later_finds_what_was_said(broker: Broker) -> None:
    topic, payload = discovery_messages(DEVICE, BASE)[0]
    with sink_at(broker.port, []) as sink:
        until(lambda: sink.delivery.is_connected)
        with Listener(broker.port) as listener:
            until(lambda: listener.payloads(topic) == [payload])


def test_mqtt_asks_for_no_message_of_others(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr("paho.mqtt.client.Client.subscribe", lambda *words: asked.append(words))
    with sink_at(broker.port, []) as sink:
        sink.event({"n": 1})
        until(lambda: sink.delivery.sent == 1)
    assert not asked


def test_home_assistant_is_told_of_another_model(broker: Broker) -> None:
    with Listener(broker.port) as listener, sink_at(broker.port, []) as sink:
        until(lambda: sink.delivery.is_connected)
        sink.set_device(Device("fashion", ("Coat",)))
        topic, payload = discovery_messages(Device("fashion", ("Coat",)), BASE)[0]
        until(lambda: listener.payloads(topic)[1:] == [payload])


@contextmanager
def tcp_server(answer: bytes) -> Iterator[int]:
    """Accepts, answers once, and says nothing more."""
    kept: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            kept.append(connection)
            if answer:
                connection.recv(1000)
                connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()
            for connection in kept:
                connection.close()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", "expected an answer within 0.2 s, got none"),
        (b"\x20\x02\x00\x00", "expected an acknowledgement within 0.2 s, got none"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "expected an answer within 0.2 s, got none"),
    ],
)
def test_broker_that_never_answers_holds_up_nothing(
    answer: bytes, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "ANSWER_S", 0.2)
    told: list[str] = []
    with tcp_server(answer) as port, sink_at(port, told) as sink:
        began_s = time.monotonic()
        for number in range(300):
            sink.event({"n": number})
        assert time.monotonic() - began_s < 1
        until(lambda: told)
        assert reason in told[0]
        time.sleep(0.5)
        assert len(told) == 1
        counts = sink.delivery
        assert (counts.sent, counts.lost, counts.waiting) == (0, 200, 100)
        began_s = time.monotonic()
        sink.close()
        assert time.monotonic() - began_s < 1
        assert sink.delivery.lost == 300


def test_message_without_acknowledgement_goes_again_over_another_connection(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "ANSWER_S", 0.3)
    with (
        Listener(broker.port) as listener,
        Cutter(broker.port) as cutter,
        sink_at(cutter.port, []) as sink,
    ):
        until(lambda: sink.delivery.is_connected)
        cutter.is_mute = True  # it arrives, and its acknowledgement does not
        sink.event({"n": 1})
        until(lambda: sink.delivery.last_error)
        assert (sink.delivery.sent, sink.delivery.waiting) == (0, 1)
        cutter.is_mute = False
        until(lambda: sink.delivery.sent == 1)
        assert cutter.connections > 1
        until(lambda: len(listener.payloads(f"{BASE}/event")) > 1)
        assert numbers(listener) == [1]


def test_many_failed_connections_leave_no_threads_and_no_descriptors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gc.disable()  # what only a collection frees would pile up for hours
    try:
        with tcp_server(b"\x20\x02\x00\x05") as port:
            attempts: list[int] = []

            def pause(failures: int, *_: float) -> float:
                attempts.append(failures)
                return 0.001

            monkeypatch.setattr(mqtt, "backoff_s", pause)
            before = len(os.listdir("/proc/self/fd")), threading.active_count()
            address = parse_mqtt(f"mqtt://127.0.0.1:{port}", {})
            sink = MqttSink(address, DEVICE, lambda _: None)
            until(lambda: len(attempts) > 60)
            sink.close()
            until(lambda: threading.active_count() <= before[1])
        assert len(os.listdir("/proc/self/fd")) <= before[0]
    finally:
        gc.enable()


# The webhook


class Hook:
    """An HTTP server that answers what it is told, in order, and then 204."""

    def __init__(self, *answers: int | Callable[[BaseHTTPRequestHandler], None]) -> None:
        self.got: list[tuple[dict[str, str], Any]] = []
        script = list(answers)
        got = self.got

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                got.append((dict(self.headers), json.loads(body)))
                answer = script.pop(0) if script else 204
                if callable(answer):
                    answer(self)
                    return
                self.send_response(answer)
                if 300 <= answer < 400:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook/secret"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))

    def __enter__(self) -> Hook:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


def hook_sink(url: str, told: list[str], **settings: Any) -> WebhookSink:
    return WebhookSink(parse_webhook(url, {}), told.append, **QUICK, **settings)


def test_webhook_posts_json_with_its_token() -> None:
    with Hook() as hook:
        address = parse_webhook(hook.url, {"EDGEPROOF_WEBHOOK_TOKEN": "sesame"})
        assert "secret" not in repr(address)
        assert "sesame" not in repr(address)
        with WebhookSink(address, print) as sink:
            sink.event({"event": {"label": "7"}})
            sink.status(status_of("running"))
            until(lambda: sink.delivery.sent == 2)
        assert [body for _, body in hook.got] == [{"event": {"label": "7"}}, status_of("running")]
        headers = hook.got[0][0]
        assert headers["Content-Type"] == "application/json"
        assert headers["User-Agent"] == "edgeproof"
        assert headers["Authorization"] == "Bearer sesame"


def test_webhook_tries_again_after_500_and_keeps_the_order() -> None:
    told: list[str] = []
    with Hook(500, 429, 204) as hook, hook_sink(hook.url, told) as sink:
        sink.event({"n": 1})
        sink.event({"n": 2})
        until(lambda: sink.delivery.sent == 2)
        assert [body["n"] for _, body in hook.got] == [1, 1, 1, 2]
        assert sink.delivery.lost == 0
    assert len(told) == 2
    assert "expected 2xx, got 500 Internal Server Error; the camera goes on" in told[0]
    assert "takes records again" in told[1]
    assert "secret" not in "".join(told)


@pytest.mark.parametrize("code", [400, 401, 404, 410, 301, 302, 307])
def test_webhook_loses_at_once_what_is_refused(code: int) -> None:
    told: list[str] = []
    with Hook(code) as hook, hook_sink(hook.url, told) as sink:
        sink.event({"n": 1})
        sink.event({"n": 2})
        until(lambda: sink.delivery.waiting == 0)
        counts = sink.delivery
        assert (counts.sent, counts.lost) == (1, 1)
        assert f"got {code} " in str(counts.last_error)
        assert [body["n"] for _, body in hook.got] == [1, 2]  # and no redirection was followed
    assert "a record is lost" in told[0]


def test_webhook_that_hangs_is_given_up_and_tried_again() -> None:
    is_over = threading.Event()
    told: list[str] = []

    def hang(_: BaseHTTPRequestHandler) -> None:
        is_over.wait(10)

    with (
        Hook(hang, 204, hang) as hook,
        hook_sink(hook.url, told, timeout_s=0.2) as sink,
    ):
        sink.event({"n": 0})
        until(lambda: sink.delivery.sent == 1)
        assert [body["n"] for _, body in hook.got] == [0, 0]
        sink.event({"n": 1})
        began_s = time.monotonic()
        for number in range(2, 200):
            sink.event({"n": number})
        assert time.monotonic() - began_s < 1
        until(lambda: sink.delivery.waiting == 0)
        counts = sink.delivery
        assert counts.sent + counts.lost == 200
        assert counts.sent >= 100
        assert hook.got[-1][1] == {"n": 199}
        is_over.set()
    assert "expected an answer within 0.2 s, got none" in told[0]


def test_webhook_that_refuses_or_breaks_off_is_tried_again() -> None:
    told: list[str] = []
    port = free_port()
    with hook_sink(f"http://127.0.0.1:{port}/", told) as sink:
        sink.event({"n": 1})
        until(lambda: told)
        assert f"http://127.0.0.1:{port}: cannot be reached: Connection refused" in told[0]
        assert (sink.delivery.waiting, sink.delivery.is_connected) == (1, False)
    assert sink.delivery.lost == 1
    told.clear()
    with (
        Hook(lambda handler: handler.connection.shutdown(socket.SHUT_RDWR)) as hook,
        hook_sink(hook.url, told) as sink,
    ):
        sink.event({"n": 1})
        until(lambda: sink.delivery.sent == 1)
        assert len(hook.got) == 2


@pytest.mark.parametrize(
    "url",
    [
        "",
        "geheim",
        "ftp://pi/geheim",
        "file:///geheim",
        "http://",
        "http:///geheim",
        "http://pi:port/geheim",
        "http://[pi/geheim",
        "http://u:geheim@pi/",
        "http://pi/ge heim",
        "http://pi/ge\nheim",
        "http://pi/gehäim",
    ],
)
def test_wrong_webhook_address_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_webhook(url, {})
    assert str(caught.value).startswith("--webhook: expected http://")
    assert "geh" not in str(caught.value)


def test_webhook_token_of_other_letters_is_refused() -> None:
    with pytest.raises(UsageError, match=r"\$EDGEPROOF_WEBHOOK_TOKEN: expected printable ASCII"):
        parse_webhook("http://pi/", {"EDGEPROOF_WEBHOOK_TOKEN": "a\r\nb"})


# The recorder


def scene(number: int, shape: tuple[int, ...] = (240, 320, 3)) -> NDArray[np.uint8]:
    """Each number another picture, blurred as a camera's: near copies are left out by `scan`."""
    small = np.random.default_rng(number).integers(0, 256, (6, 8, 3), np.uint8)
    picture = Image.fromarray(small).resize((shape[1], shape[0]), Image.Resampling.BICUBIC)
    return np.array(picture if len(shape) == 3 else picture.convert("L"))


def answer(label: str, *scores: tuple[str, float]) -> Result:
    top = tuple(Score(*pair) for pair in scores)
    return Result(label, top[0].score if top else 0.0, top, 1.0)


UNSURE = answer("3", ("3", 0.5), ("8", 0.4))


@contextmanager
def recorder_of(
    folder: Path, told: list[str] | None = None, limit_bytes: int = 1 << 30, **settings: Any
) -> Iterator[UncertainRecorder]:
    err = (told if told is not None else []).append
    labels = ("3", "8", "T-shirt/top")
    settings = {"reserve_bytes": 0, **settings}
    with UncertainRecorder(folder, limit_bytes, labels, err, **settings) as recorder:
        yield recorder


def files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (UNSURE, True),
        (answer("3", ("3", 0.79)), True),
        (answer("3", ("3", 0.99), ("8", 0.01)), False),
        (answer("unknown", ("3", 0.99), ("8", 0.01)), True),
        (answer("3", ("3", 0.95), ("8", 0.9)), True),  # each label by itself
        (answer("unknown"), False),  # nothing was found
    ],
)
def test_frame_is_unsure_when_something_is_there_and_it_could_be_another(
    result: Result, expected: bool
) -> None:
    assert is_unsure(result) is expected


def test_recorder_keeps_a_class_folder_of_whole_frames(tmp_path: Path) -> None:
    frame = scene(1)
    with recorder_of(tmp_path) as recorder:
        kept = frame.copy()
        recorder.offer(frame, answer("unknown", ("T-shirt/top", 0.412), ("3", 0.4)), 10.0)
        frame[:] = 0  # the camera's memory is used again at once
        recorder.offer(scene(2, (28, 28)), UNSURE, 12.0)
        recorder.offer(scene(3), answer("3", ("3", 0.99)), 14.0)
        until(lambda: recorder.counts.written == 2)
        assert (recorder.counts.lost, recorder.counts.skipped) == (0, 0)
    digit, shirt = files_in(tmp_path)
    assert re.fullmatch(
        r"3/\d{8}T\d{6}\.\d{3}Z-3-0\.500\.png", digit.relative_to(tmp_path).as_posix()
    )
    assert re.fullmatch(r"\d{8}T\d{6}\.\d{3}Z-T-shirt_top-0\.412\.jpg", shirt.name)
    assert shirt.parent.name == "T-shirt_top"
    assert np.array_equal(np.asarray(Image.open(digit)), scene(2, (28, 28)))
    with Image.open(shirt) as picture:
        assert picture.size == (320, 240)
        assert [layer[1:3] for layer in picture.layer] == [(1, 1)] * 3  # type: ignore[attr-defined]
        assert np.abs(np.asarray(picture).astype(int) - kept).mean() < 2


def test_recorder_leaves_out_what_comes_too_soon_or_shows_the_same(tmp_path: Path) -> None:
    first = (scene(1) // 2 + 40).astype(np.uint8)
    noise = np.random.default_rng(0).normal(0, 6, first.shape)
    with recorder_of(tmp_path) as recorder:
        recorder.offer(first, UNSURE, 1.0)
        recorder.offer(scene(2), UNSURE, 1.9)  # too soon
        recorder.offer((first + noise).astype(np.uint8), UNSURE, 3.0)
        recorder.offer(first + np.uint8(20), UNSURE, 4.0)  # a lamp was switched on
        until(lambda: recorder.counts.written == 1)
        assert recorder.counts.skipped == 3
        recorder.offer(scene(1), UNSURE, 5.0)
        until(lambda: recorder.counts.written == 2)


def test_recorder_tells_a_pen_stroke_from_a_still_page(tmp_path: Path) -> None:
    page = np.full((480, 640), 200, np.uint8)
    written = page.copy()
    written[200:240, 300:304] = 40
    with recorder_of(tmp_path) as recorder:
        for at_s, frame in enumerate([page, page, written, written]):
            recorder.offer(frame, UNSURE, 2.0 * at_s)
        until(lambda: recorder.counts.written == 2)
        assert recorder.counts.skipped == 2


def test_recorder_stops_at_its_limit_says_so_once_and_goes_on_when_there_is_room(
    tmp_path: Path,
) -> None:
    told: list[str] = []
    size_bytes = len(uncertain.encode(scene(0))[0])
    other = tmp_path / "3" / "mine.jpg"
    other.parent.mkdir()
    other.write_bytes(bytes(10 * size_bytes))  # somebody else's: not counted, not touched
    with recorder_of(tmp_path, told, limit_bytes=int(3.5 * size_bytes), retry_s=30) as recorder:
        for number in range(10):
            recorder.offer(scene(number), UNSURE, 2.0 * number)
            until(lambda: sum(vars(recorder.counts).values()) == number + 1)  # noqa: B023
        written = recorder.counts.written
        assert 2 <= written <= 4
        assert (recorder.counts.lost, recorder.counts.skipped) == (0, 10 - written)
        assert len(told) == 1
        assert "holds 0." in told[0]
        assert "until there is room" in told[0]
        ours = [path for path in files_in(tmp_path) if path != other]
        assert len(ours) == written
        ours[0].unlink()
        recorder.offer(scene(20), UNSURE, 100.0)
        until(lambda: recorder.counts.written == written + 1)
        until(lambda: len(told) == 2)
        assert told[1].endswith(": records again")
    assert other.stat().st_size == 10 * size_bytes
    told.clear()  # the next run counts what this one left
    with recorder_of(tmp_path, told, limit_bytes=int(2.5 * size_bytes)) as recorder:
        recorder.offer(scene(30), UNSURE, 1.0)
        until(lambda: told)
        assert (recorder.counts.written, recorder.counts.skipped) == (0, 1)


def test_recorder_leaves_the_file_system_its_reserve(tmp_path: Path) -> None:
    told: list[str] = []
    with recorder_of(tmp_path, told, reserve_bytes=1 << 60) as recorder:
        recorder.offer(scene(1), UNSURE, 1.0)
        until(lambda: recorder.counts.skipped == 1)
        assert "stay free" in told[0]
    assert files_in(tmp_path) == []


def test_recorder_goes_on_when_nothing_can_be_written(tmp_path: Path) -> None:
    told: list[str] = []
    (tmp_path / "3").write_text("a file where the folder should be")
    with recorder_of(tmp_path, told) as recorder:
        for number in range(3):
            recorder.offer(scene(number), UNSURE, 2.0 * number)
            until(lambda: recorder.counts.lost == number + 1)  # noqa: B023
        assert len(told) == 1
        assert "cannot be written to: " in told[0]
        (tmp_path / "3").unlink()
        recorder.offer(scene(9), UNSURE, 100.0)
        until(lambda: recorder.counts.written == 1)
        until(lambda: len(told) == 2)


def test_recorder_makes_its_folder_again(tmp_path: Path) -> None:
    folder = tmp_path / "unsure"
    with recorder_of(folder) as recorder:
        recorder.offer(scene(1), UNSURE, 1.0)
        until(lambda: recorder.counts.written == 1)
        folder.rename(tmp_path / "taken")
        recorder.offer(scene(2), UNSURE, 3.0)
        until(lambda: recorder.counts.written == 2)
    assert len(files_in(folder)) == 1


def test_recorder_survives_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    told: list[str] = []
    monkeypatch.setattr(uncertain, "write_atomic", full)
    with recorder_of(tmp_path, told) as recorder:
        for number in range(3):
            recorder.offer(scene(number), UNSURE, 2.0 * number)
            until(lambda: recorder.counts.lost == number + 1)  # noqa: B023
    assert len(told) == 1
    assert "No space left on device" in told[0]


def test_recorder_refuses_what_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="--record-uncertain: expected a folder, got a file"):
        UncertainRecorder(tmp_path / "file", 1, (), print)
    with pytest.raises(EnvironmentFault, match="--record-uncertain: /proc/x cannot be written to"):
        UncertainRecorder(Path("/proc/x"), 1, (), print)


def test_recorder_never_writes_over_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stopped:
        @staticmethod
        def now(zone: Any) -> Any:
            import datetime

            return datetime.datetime(2026, 1, 1, tzinfo=zone)

    monkeypatch.setattr(uncertain, "datetime", Stopped)
    with recorder_of(tmp_path) as recorder:
        for number in range(4):
            recorder.offer(scene(number), UNSURE, 2.0 * number)
        until(lambda: recorder.counts.written == 4)
    assert len(files_in(tmp_path)) == 4


def test_folder_names_are_safe_and_apart() -> None:
    labels = ["0", "T-shirt/top", "T-shirt top", "..", "", "Ab", "ab", ".hidden", "ä b", "a" * 300]
    names = folder_names(labels)
    assert list(names) == labels
    assert len({name.casefold() for name in names.values()}) == len(labels)
    for name in names.values():
        assert re.fullmatch(r"\w[\w.-]{0,70}", name)
    assert (names["0"], names["T-shirt/top"], names["ä b"]) == ("0", "T-shirt_top", "ä_b")


def test_scan_accepts_what_was_recorded(tmp_path: Path, edgeproof: Edgeproof) -> None:
    with recorder_of(tmp_path / "unsure") as recorder:
        for number in range(12):
            guess = ("3", "8", "T-shirt/top")[number % 3]
            result = answer(guess, (guess, 0.5), ("8", 0.4))
            recorder.offer(scene(number), result, 2.0 * number)
            until(lambda: recorder.counts.written == number + 1)  # noqa: B023
    scanned = edgeproof("scan", tmp_path / "unsure")
    assert scanned.returncode == 0, scanned.stdout + scanned.stderr
    assert "T-shirt_top" in scanned.stdout
    assert "12 are used, 0 left out" in scanned.stdout
