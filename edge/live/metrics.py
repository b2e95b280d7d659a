"""`/metrics`: what is known of the camera, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from edge.device import REASONS
from edge.live.hub import Hub
from edge.live.snapshot import Snapshot

CAMERA_STATES = (
    *("starting", "running", "stalled", "frozen", "failed", "waiting", "wedged", "ended"),
)
TALLY = {
    "frames": "Frames that the camera gave: results + errors + drops.",
    "results": "Frames that were answered.",
    "errors": "Frames that could not be decoded or classified.",
    "drops": "Frames passed over for a newer one, or lost with the process that held them.",
}


class CameraCollector(Collector):
    """Makes the metrics of the moment when they are asked for."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def collect(self) -> Iterator[Metric]:
        """All of them; those of the camera from the first snapshot on."""
        hub = self._hub
        if hub.snapshot is not None:
            yield from _of_camera(hub.snapshot)
        if hub.frame_age_s is not None:
            yield GaugeMetricFamily(
                "edgeproof_newest_answer_age_seconds",
                "Since the newest answered frame was captured.",
                hub.frame_age_s,
            )
        yield _counts(
            "edgeproof_answers",
            "Answers by label, each thing of a frame by itself.",
            "label",
            hub.labels,
        )
        yield from _of_board(hub)
        yield _gauge_of("edgeproof_healthy", "1 while /healthz says 200.", hub.ailment() is None)
        yield GaugeMetricFamily("edgeproof_page_streams", "Open streams of pictures.", hub.streams)
        yield GaugeMetricFamily("edgeproof_page_events", "Open streams of events.", hub.events)
        yield from _of_model(hub.model)


def registry_of(hub: Hub) -> CollectorRegistry:
    """A registry of its own, without Python's process metrics: they would be the page's."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(CameraCollector(hub))
    return registry


def write_metrics(registry: CollectorRegistry) -> bytes:
    """Prometheus's text format 0.0.4."""
    return generate_latest(registry)


def _of_camera(snapshot: Snapshot) -> Iterator[Metric]:
    for name, about in TALLY.items():
        yield CounterMetricFamily(f"edgeproof_{name}", about, getattr(snapshot.tally, name))
    yield CounterMetricFamily(
        "edgeproof_restarts",
        "How often the camera had to be opened again.",
        snapshot.tally.restarts,
    )
    state = GaugeMetricFamily(
        "edgeproof_camera_state", "1 for the state that the camera is in.", labels=["state"]
    )
    for name in CAMERA_STATES:
        state.add_metric([name], float(name == snapshot.camera))
    yield state
    for name, about, value in (
        ("frame_age_seconds", "From capture to answer, of the newest one.", snapshot.age_ms),
        ("latency_seconds", "Preprocessing and inference, of the newest.", snapshot.latency_ms),
    ):
        if value is not None:
            yield GaugeMetricFamily(f"edgeproof_{name}", about, value / 1000)
    yield GaugeMetricFamily("edgeproof_answers_per_second", "Lately.", snapshot.answers_per_s)
    yield GaugeMetricFamily(
        "edgeproof_camera_frames_per_second", "That the camera gives.", snapshot.frames_per_s
    )
    yield from _of_sinks(snapshot)


def _of_sinks(snapshot: Snapshot) -> Iterator[Metric]:
    sinks = snapshot.sinks
    sent = {name: sink[0] for name, sink in sinks.items()}
    lost = {name: sink[1] for name, sink in sinks.items()}
    yield _counts("edgeproof_sink_sent", "Messages delivered.", "sink", sent)
    yield _counts("edgeproof_sink_lost", "Messages given up.", "sink", lost)
    connected = GaugeMetricFamily("edgeproof_sink_connected", "1 while it is.", labels=["sink"])
    for name, sink in sinks.items():
        connected.add_metric([name], float(sink[2]))
    yield connected


def _of_board(hub: Hub) -> Iterator[Metric]:
    health = hub.health
    if health.temperature_c is not None:
        yield GaugeMetricFamily(
            "edgeproof_temperature_celsius", "Of the processor.", health.temperature_c
        )
    throttled = GaugeMetricFamily(
        "edgeproof_throttled",
        "1 where the board slowed itself down.",
        labels=["reason", "since_start"],
    )
    for reason in REASONS:
        throttled.add_metric([reason, "false"], float(reason in health.throttled_now))
        throttled.add_metric([reason, "true"], float(reason in health.throttled_before))
    yield throttled


def _of_model(model: dict[str, Any]) -> Iterator[Metric]:
    info = GaugeMetricFamily(
        "edgeproof_model_info",
        "1; which model answers.",
        labels=["name", "variant", "sha256", "runtime", "proven"],
    )
    told = [str(model.get(key, "")) for key in ("name", "variant", "sha256", "runtime")]
    info.add_metric([*told, str(bool(model.get("proven"))).lower()], 1)
    yield info
    if model.get("accuracy") is not None:
        yield GaugeMetricFamily(
            "edgeproof_model_accuracy",
            "On the test pictures of its proof, the lowest over its runtimes.",
            model["accuracy"],
        )


def _counts(name: str, about: str, label: str, values: dict[str, int]) -> Metric:
    family = CounterMetricFamily(name, about, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _gauge_of(name: str, about: str, is_so: bool) -> Metric:
    return GaugeMetricFamily(name, about, float(is_so))
