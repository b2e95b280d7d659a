"""What a camera's run must stand for months, in minutes: faults, hours, crowds, signals.

    python -m tests.soak faults --cycles 200      stalls, unplugs, garbage: how soon noticed, mended
    python -m tests.soak hours --minutes 30       a film in a loop: memory, age of frames
    python -m tests.soak crowd --connections 200  readers of the page, 20 of them slow
    python -m tests.soak signals --count 100      SIGTERM at random moments

Prints one JSON object with what was measured, and exits with 1 when a bound is not kept.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.films import moving_digit, to_jpeg, write_film
from tests.mjpeg import MjpegServer, Mood, wait_until
from tests.running import Camera, read_tally, usage

FAULTS: tuple[Mood, ...] = ("stall", "refuse", "garbage", "noise", "end", "mute", "frozen")
NOTICED_S, BACK_S, NEVER_S = 2.0, 5.0, 9.9
FROZEN_S = 1.8
"""What `--frozen-after` is set to here: as often as a stall."""


def faults(cycles: int) -> dict[str, Any]:
    """Each fault in turn, on an MJPEG camera: noticed within 2 s, running within 5 s of its end."""
    frames = [to_jpeg(frame) for frame in moving_digit("7", 30)]
    others = [to_jpeg(frame) for frame in moving_digit("4", 30, (400, 300))]
    noticed: dict[str, list[float]] = {fault: [] for fault in FAULTS}
    back: list[float] = []
    before: dict[str, float] = {}
    options = ["--frozen-after", str(FROZEN_S)]
    with MjpegServer(frames, others) as server, Camera([server.url, *options]) as camera:
        assert wait_until(lambda: camera.results > 10, 15)
        for cycle in range(cycles):
            if cycle == min(20, cycles // 2):
                before = usage(camera.process.pid)
            fault = FAULTS[cycle % len(FAULTS)]
            since_s = time.monotonic()
            server.mood = fault
            noticed[fault].append(_wait_for(_noticed, camera, since_s))
            time.sleep(random.uniform(0, 1.5))
            until_s = time.monotonic()
            server.mood = "other" if cycle % 2 else "good"
            back.append(_wait_for(_answered, camera, until_s))
            camera.lines = camera.lines[-50:]
            if cycle % 10 == 9:
                print(f"{cycle + 1} cycles, {usage(camera.process.pid)}", file=sys.stderr)
            wait_until(lambda: _running(camera), 5)
        after = usage(camera.process.pid)
        camera.end()
        tally = read_tally(camera.words)
    figures = {
        "cycles": cycles,
        "noticed_s": {name: _spread(values) for name, values in noticed.items() if values},
        "back_s": _spread(back),
        "before": before,
        "after": after,
        "tally": tally,
        "lines": {"results": camera.results, "errors": camera.errors, "drops": camera.drops},
        "sent": server.sent,
        "unparsed": len(camera.unparsed),
    }
    figures["ok"] = (
        max(max(values) for values in noticed.values() if values) <= NOTICED_S
        and max(back) <= BACK_S
        and after["threads"] <= before["threads"]
        and after["files"] <= before["files"]
        and after["rss_mb"] <= before["rss_mb"] + 2
        and tally["frames"] == tally["results"] + tally["errors"] + tally["drops"]
        and (tally["results"], tally["errors"]) == (camera.results, camera.errors)
        and tally["drops"] == camera.drops
        and tally["frames"] <= server.sent
        and not camera.unparsed
    )
    return figures


def _wait_for(
    find: Callable[[Camera, float], float | None], camera: Camera, since_s: float
) -> float:
    """Seconds from a moment until it is found; `NEVER_S` when that takes too long."""
    wait_until(lambda: find(camera, since_s) is not None, 9)
    return find(camera, since_s) or NEVER_S


def _noticed(camera: Camera, since_s: float) -> float | None:
    kinds = "stalled", "failed", "ended", "frozen"
    return camera.first(since_s, lambda r: r.get("status", {}).get("kind") in kinds)


def _answered(camera: Camera, since_s: float) -> float | None:
    return camera.first(since_s, lambda r: "label" in r)


def _running(camera: Camera) -> bool:
    states = [r["status"]["kind"] for r in list(camera.lines) if "status" in r]
    return not states or states[-1] == "running"


def _spread(values: list[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(values), 3),
        "most": round(max(values), 3),
        "n": len(values),
    }


def hours(minutes: float) -> dict[str, Any]:
    """A film of 30 frames a second in a loop: memory does not grow, frames are young."""
    service: list[tuple[float, float]] = []
    capture: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        film = write_film(Path(folder) / "film.avi", moving_digit("7", 300, (640, 480)))
        with Camera([str(film), "--loop"], keep=False) as camera:
            assert wait_until(lambda: camera.results > 0, 30)
            pid = camera.process.pid
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            began_s = time.monotonic()
            while (now_s := time.monotonic() - began_s) < 60 * minutes:
                time.sleep(5)
                for points, process in ((service, pid), (capture, int(children[0]))):
                    points.append((now_s / 3600, usage(process)["rss_mb"]))
            last = usage(pid)
            camera.end()
        tally = read_tally(camera.words)
        age_ms = statistics.median(camera.ages_ms)
    warm_h = min(300, 15 * minutes) / 3600
    grown = {
        name: _growth(points, warm_h)
        for name, points in (("service", service), ("capture", capture))
    }
    slopes = [one["slope_mb_per_hour"] for one in grown.values()]
    return {
        "minutes": minutes,
        "frames_per_s": round(tally["frames"] / (60 * minutes), 2),
        "tally": tally,
        "median_age_ms": age_ms,
        "p99_age_ms": statistics.quantiles(camera.ages_ms, n=100)[98],
        "memory": grown,
        "process": last,
        "ok": max(slopes) < 1.0 and age_ms < 2000 / 30 and not camera.unparsed,
    }


def _growth(points: list[tuple[float, float]], warm_h: float) -> dict[str, Any]:
    """The slope after warm-up, and the median of each sixth of it. points: hours, megabytes."""
    warm = [point for point in points if point[0] >= warm_h]
    part = max(1, len(warm) // 6)
    sixths = [warm[at : at + part] for at in range(0, len(warm), part)]
    return {
        "slope_mb_per_hour": round(statistics.linear_regression(*zip(*warm, strict=True)).slope, 3),
        "rss_mb": [round(statistics.median(mb for _, mb in sixth), 2) for sixth in sixths],
    }


def crowd(connections: int, pairs: int = 5, phase_s: float = 10.0) -> dict[str, Any]:
    """Readers of the page, a tenth of them slow, against none: what they cost the answers.

    A film without a pause between frames, so that answers are as many as the machine gives; quiet
    and crowded stretches by turns in one run.
    """
    quiet: list[float] = []
    crowded: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        film = write_film(Path(folder) / "film.avi", moving_digit("7", 300, (640, 480)))
        options = ["--loop", "--all-frames", "--live", "127.0.0.1:0"]
        with Camera([str(film), *options], keep=False) as camera:
            assert wait_until(lambda: camera.results > 50 and "page" in camera.told, 30)
            port = int(camera.told.split("127.0.0.1:")[1].split("/")[0])
            refusals: list[float] = []
            statuses: dict[str, int] = {}
            for _ in range(pairs):
                quiet.append(_rate(camera, phase_s))
                with Crowd(port, connections) as readers:
                    crowded.append(_rate(camera, phase_s))
                refusals += readers.refusals_s
                for status, count in readers.statuses.items():
                    statuses[status] = statuses.get(status, 0) + count
            camera.end()
    ratios = [busy / calm for calm, busy in zip(quiet, crowded, strict=True)]
    loss = 1 - statistics.median(ratios)
    slowest_s = statistics.quantiles(refusals, n=100)[98]
    return {
        "connections": connections,
        "pairs": pairs,
        "answers_per_s": {"quiet": _rounded(quiet), "crowded": _rounded(crowded)},
        "loss_percent": round(100 * loss, 2),
        "statuses": statuses,
        "refusal_s": {"median": round(statistics.median(refusals), 4), "p99": round(slowest_s, 4)},
        "ok": loss <= 0.05 and slowest_s <= 0.5 and statuses.get("200", 0) > 0,
    }


def _rate(camera: Camera, seconds: float) -> float:
    time.sleep(1.0)
    before, began_s = camera.results, time.monotonic()
    time.sleep(seconds)
    return (camera.results - before) / (time.monotonic() - began_s)


def _rounded(values: list[float]) -> list[float]:
    return [round(value, 2) for value in values]


class Crowd:
    """Connections to the page in a process of their own, at the lowest priority."""

    def __init__(self, port: int, connections: int) -> None:
        self._command = [sys.executable, "-m", "tests.readers", str(port), str(connections)]
        self.refusals_s: list[float] = []
        self.statuses: dict[str, int] = {}

    def __enter__(self) -> Crowd:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()  # all are connected
        return self

    def __exit__(self, *_: object) -> None:
        said, _errors = self._process.communicate("")
        found = json.loads(said)
        self.refusals_s, self.statuses = found["refusals_s"], found["statuses"]


def signals(count: int) -> dict[str, Any]:
    """SIGTERM at random moments: the process ends within a second, and each line is whole."""
    slowest, unparsed, codes = 0.0, 0, []
    with tempfile.TemporaryDirectory() as folder:
        film = write_film(Path(folder) / "film.avi", moving_digit("7", 90))
        for _ in range(count):
            with Camera([str(film), "--loop", "--live", "127.0.0.1:0"]) as camera:
                time.sleep(random.uniform(0.0, 3.0))
                slowest = max(slowest, camera.end())
                unparsed += len(camera.unparsed)
                codes.append(camera.process.returncode)
    kinds = {str(code): codes.count(code) for code in sorted(set(codes))}
    is_fine = slowest <= 1.0 and unparsed == 0 and set(codes) <= {0, -signal.SIGTERM}
    return {
        "count": count,
        "slowest_s": round(slowest, 3),
        "unparsed": unparsed,
        "exit_codes": kinds,
        "ok": is_fine,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("faults").add_argument("--cycles", type=int, default=200)
    commands.add_parser("hours").add_argument("--minutes", type=float, default=30)
    commands.add_parser("crowd").add_argument("--connections", type=int, default=200)
    commands.add_parser("signals").add_argument("--count", type=int, default=100)
    chosen = parser.parse_args()
    measured = {
        "faults": lambda: faults(chosen.cycles),
        "hours": lambda: hours(chosen.minutes),
        "crowd": lambda: crowd(chosen.connections),
        "signals": lambda: signals(chosen.count),
    }[chosen.command]()
    print(json.dumps(measured, indent=1))
    return 0 if measured["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
