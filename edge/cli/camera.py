"""`edgeproof camera`: answers to what a camera sees, for ever."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.terminal import printable

if TYPE_CHECKING:
    from edge.cameras.limits import Limits
    from edge.outputs import Format

MEGABYTE = 1_000_000
PATIENCE_MS = 50
"""For whoever reads stderr."""


@click.command()
@click.argument("source", required=False, envvar="EDGEPROOF_SOURCE")
@click.option("--model", default="digits", show_default=True, help="A shipped name, or a .tflite.")
@click.option("--top", type=click.IntRange(min=1), default=3, show_default=True)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["table", "jsonl", "csv"]),
    default="table",
    show_default=True,
    help="The table tells changes of the steady answer, the others every frame.",
)
@click.option(
    "--regions",
    type=click.Choice(["whole", "auto"]),
    default="whole",
    show_default=True,
    help="One thing a frame, or each thing in it, followed from frame to frame.",
)
@click.option("--frames", type=click.IntRange(min=1), metavar="N", help="End after N results.")
@click.option(
    "--fps",
    type=click.FloatRange(min=0, min_open=True),
    metavar="N",
    help="Answer at most N frames a second; a folder is replayed at this rate (else 10).",
)
@click.option("--size", metavar="WxH", help="What to ask the camera for.  [default: 1280x720]")
@click.option(
    "--smooth",
    default="exponential",
    show_default=True,
    metavar="KIND[:SECONDS]",
    help="How the steady answer is made: exponential, majority or off.",
)
@click.option("--motion", is_flag=True, help="Do not classify again while nothing moves.")
@click.option("--all-frames", is_flag=True, help="Of a film or folder: drop none, wait for none.")
@click.option("--loop", is_flag=True, help="Of a film or folder: begin again at its end.")
@click.option(
    "--stall-after",
    type=click.FloatRange(min=0.5),
    metavar="S",
    help="Open the camera again after S seconds without a frame.  [default: 1.9]",
)
@click.option(
    "--frozen-after",
    type=click.FloatRange(min=0),
    metavar="S",
    help="... or with the same picture; 0: never.  [default: 10]",
)
@click.option(
    "--live",
    is_flag=False,
    flag_value="",
    metavar="[HOST:PORT]",
    help="Show it on a web page.  [default: 127.0.0.1:8080]",
)
@click.option("--mqtt", metavar="URL", help="mqtt://USER@HOST/TOPIC; Home Assistant finds it.")
@click.option("--webhook", metavar="URL", help="Post each change of the answer or the camera.")
@click.option(
    "--record-uncertain",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Keep frames that the model was unsure of, as class folders to train with.",
)
@click.option(
    "--record-limit",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    metavar="MB",
    help="So much at most.",
)
def camera(
    source: str | None,
    model: str,
    top: int,
    format_name: Format,
    regions: str,
    frames: int | None,
    fps: float | None,
    size: str | None,
    smooth: str,
    motion: bool,
    all_frames: bool,
    loop: bool,
    stall_after: float | None,
    frozen_after: float | None,
    live: str | None,
    mqtt: str | None,
    webhook: str | None,
    record_uncertain: Path | None,
    record_limit: int,
) -> int:
    """Classify what a camera sees, until Ctrl-C.

    SOURCE is a camera (/dev/video0, or pi for the one at the ribbon cable), the address of a
    stream (http:// for MJPEG, rtsp://), a film, or a folder of pictures. Without SOURCE:
    $EDGEPROOF_SOURCE, else the Pi's own camera, else the first that is plugged in.

    A camera that stalls or is unplugged is opened again, for ever; the newest frame is answered,
    and older ones are counted as dropped. Exits with 0 when it was asked to end, after --frames,
    or at the end of a film; with 1 when some frames of it could not be read, or when lines or
    pictures could not be written.
    """
    from edge.cameras.which import find_spec, parse_size
    from edge.live.address import parse_live
    from edge.sinks.address import parse_mqtt
    from edge.sinks.webhook import parse_webhook
    from edge.steady.smoothing import parse_smooth
    from edge.watch.loop import describe
    from edge.watch.run import Sinks, Wanted, run_camera

    sinks = Sinks(
        live=None if live is None else parse_live(live),
        mqtt=parse_mqtt(mqtt) if mqtt else None,
        webhook=parse_webhook(webhook) if webhook else None,
        record_uncertain=record_uncertain,
        record_limit_bytes=record_limit * MEGABYTE,
    )
    wanted = Wanted(
        model=model,
        top=top,
        format=format_name,
        is_auto=regions == "auto",
        most_results=frames,
        fps=fps,
        smoother=parse_smooth(smooth),
        has_gate=motion,
        limits=_limits(stall_after, frozen_after),
        sinks=sinks,
    )
    asked_size = parse_size(size) if size else None
    spec = find_spec(source)
    if (all_frames or loop) and spec.is_live:
        option = "--all-frames" if all_frames else "--loop"
        raise click.UsageError(f"{option} is for a film or a folder, got {spec.name}.")
    spec = replace(spec, size=asked_size, rate=fps, all_frames=all_frames, loop=loop)
    if source is None:
        _err(f"camera: {spec.name}")
    ended = run_camera(spec, wanted, _err)
    for loss in ended.losses:
        _err(loss)
    _err(describe(ended.tally))
    return 1 if ended.is_short or (ended.tally.errors and not spec.is_live) else 0


def _limits(stall_after: float | None, frozen_after: float | None) -> Limits:
    from edge.cameras.limits import Limits

    limits = Limits()
    if stall_after is not None:
        limits = replace(limits, stall_s=stall_after, replay_stall_s=stall_after)
    if frozen_after is not None:
        limits = replace(limits, frozen_s=frozen_after)
    return limits


def _err(line: str) -> None:
    """One write for each line: other threads tell of troubles too. One that nobody takes is lost: a
    journal that hangs must not hold up the camera."""
    from edge.lines import is_ready

    if is_ready(sys.stderr, PATIENCE_MS):
        sys.stderr.write(f"edgeproof: {printable(line)}\n")
        sys.stderr.flush()
