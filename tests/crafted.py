"""Crafted and mutated pictures in one folder, and what one run of `classify` makes of them.

    python -m tests.crafted --count 2000 --seed 1 [--out DIR] [--jobs N]

Checked: exit 1, one record for each file, each parses, each failure names its file, and good
pictures have the answers that they have without bad ones around. Measured: the time of each picture
in the process that did it (from taking it up to its answer, waiting for a turn left out; processor
time beside it, because a busy machine adds to the first), and the memory of all processes (PSS, by
sampling) above that of a run on one small picture.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.nasty import SUFFIXES, good, make

SAMPLE_S = 0.01
P99_MS = 250
MEMORY_BYTES = 256_000_000
CHILD = "tests.crafted"


class Outcome(NamedTuple):
    """Of one run of `classify`."""

    code: int
    records: list[dict[str, Any]]
    err: str
    peak_bytes: int
    """PSS of all its processes."""
    times_ms: dict[int, tuple[float, float]]
    """By index: wall time without waiting for a turn, and processor time. A picture at which its
    process died has none."""


def make_folder(folder: Path, count: int, seed: int, is_quick: bool = False) -> set[str]:
    """Fills a folder with `count` files; the names of the good ones.

    is_quick: without those that take as much time and memory as they may.
    """
    names = set()
    for number in range(count):
        if number % 10 == 0:
            path = folder / f"{number:05}-good.{SUFFIXES[number // 10 % len(SUFFIXES)]}"
            path.write_bytes(good(number))
            names.add(path.name)
        else:
            make(folder, number, seed, is_quick)
    return names


def run(sources: Sequence[Path], jobs: int | None = None) -> Outcome:
    """One `classify` of all of them."""
    with tempfile.TemporaryDirectory() as scratch:
        times = Path(scratch) / "times"
        arguments = [*map(os.fsencode, sources), b"--format", b"jsonl"]
        arguments += [b"--jobs", str(jobs).encode()] if jobs else []
        env = {**os.environ, "CRAFTED_TIMES": str(times)}
        with (
            open(Path(scratch) / "out", "w+b") as out,
            open(Path(scratch) / "err", "w+b") as err,
            subprocess.Popen(
                [sys.executable, "-m", CHILD, "--child", *arguments],
                stdout=out,
                stderr=err,
                env=env,
            ) as process,
        ):
            peak = 0
            while process.poll() is None:
                peak = max(peak, _memory(process.pid))
                time.sleep(SAMPLE_S)
            out.seek(0)
            err.seek(0)
            records = [json.loads(line) for line in out.read().splitlines()]
            told = err.read().decode(errors="replace")
        lines = times.read_text().splitlines() if times.exists() else []
    found = {int(one): (float(wall), float(cpu)) for one, wall, cpu in map(str.split, lines)}
    return Outcome(process.returncode, records, told, peak, found)


def _memory(pid: int) -> int:
    """PSS in bytes of a process and its children; 0 for what has gone meanwhile."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0
    return sum(_pss(one) for one in (str(pid), *children))


def _pss(pid: str) -> int:
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            line = next(line for line in file if line.startswith("Pss:"))
    except (OSError, StopIteration):
        return 0
    return 1024 * int(line.split()[1])


def child(arguments: Sequence[str]) -> None:
    """`edgeproof classify`, with a note of what each picture took."""
    from edge.bulk import task, turns
    from edge.cli import main

    log = os.open(os.environ["CRAFTED_TIMES"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    waited_s = [0.0]
    read, take = task.Task.read, turns.Turns.take

    def timed(self: Any, jobs: Any, take_up: Callable[[Any], None]) -> Iterator[Any]:
        for job in jobs:
            waited_s[0] = 0.0
            began_s, cpu_s = time.perf_counter(), time.process_time()
            (answer,) = read(self, [job], take_up)
            taken_s = time.perf_counter() - began_s - waited_s[0]
            busy_s = time.process_time() - cpu_s
            os.write(log, f"{job.number} {1e3 * taken_s:.3f} {1e3 * busy_s:.3f}\n".encode())
            yield answer

    def timed_take(self: Any, needed_bytes: int) -> None:
        began_s = time.perf_counter()
        take(self, needed_bytes)
        waited_s[0] += time.perf_counter() - began_s

    task.Task.read, turns.Turns.take = timed, timed_take  # type: ignore[method-assign]
    main(["classify", *arguments])


def problems(outcome: Outcome, files: Sequence[str], without: dict[str, str]) -> list[str]:
    """What is wrong with a run. without: a good file's name -> its label when it is among good."""
    found = []
    if outcome.code != 1:
        found.append(f"expected exit 1, got {outcome.code}")
    if "Traceback" in outcome.err:
        found.append(f"a traceback: {outcome.err[:2000]}")
    sources = [os.path.basename(record["source"]) for record in outcome.records]
    if sorted(map(os.fsencode, sources)) != sorted(map(os.fsencode, files)):
        found.append(f"expected one record for each of {len(files)} files, got {len(sources)}")
    if [record["index"] for record in outcome.records] != list(range(len(sources))):
        found.append("expected indices 0, 1, 2, ...")
    for name, record in zip(sources, outcome.records, strict=True):
        error = record.get("error")
        if error and (not error["kind"] or record["source"] not in error["message"]):
            found.append(f"expected kind, and a message with {name!r}, got {error}")
        if name in without and record.get("label") != without[name]:
            found.append(f"{name}: expected {without[name]}, got {error or record['label']}")
        if error and error["kind"] == "internal":
            found.append(f"{name!r}: {error['message']}")
    return found


def main(count: int, seed: int, out: Path, jobs: int | None) -> int:
    names = make_folder(out, count, seed)
    files = [name for name in os.listdir(out) if os.path.splitext(name)[1][1:] in SUFFIXES]
    files = [name for name in files if not os.path.isdir(out / name)]
    good_ones = run([out / name for name in sorted(names)])
    without = {os.path.basename(one["source"]): one["label"] for one in good_ones.records}
    idle = max(run([out / min(names)]).peak_bytes for _ in range(3))
    began_s = time.perf_counter()
    outcome = run([out], jobs)
    taken_s = time.perf_counter() - began_s
    found = problems(outcome, files, without)
    kinds = Counter(one["error"]["kind"] if "error" in one else "ok" for one in outcome.records)
    print(f"{len(files)} files, exit {outcome.code}, {taken_s:.1f} s, {dict(kinds)}")
    wall, cpu = (sorted(one[at] for one in outcome.times_ms.values()) for at in (0, 1))
    lost = len(files) - len(wall)  # a process died of them: at the very end of the order
    for what, values in (("wall", wall), ("processor", cpu)):
        ranked = values + [float("inf")] * lost
        p50, p99 = (ranked[int(share * (len(ranked) - 1))] for share in (0.5, 0.99))
        print(f"{what} ms a picture: p50 {p50:.1f}, p99 {p99:.1f}, most {ranked[-1]:.0f}")
    above = outcome.peak_bytes - idle
    print(f"memory: idle {idle / 1e6:.0f} MB, {above / 1e6:.0f} MB above it at the most")
    slowest = sorted(outcome.times_ms.items(), key=lambda item: -item[1][1])[:24]
    for index, (wall_ms, cpu_ms) in slowest:
        record = outcome.records[index]
        name = os.path.basename(record["source"])
        answer = record.get("error", {}).get("kind", "ok")
        print(f"  {wall_ms:6.0f} {cpu_ms:6.0f}  {name!r:44} {answer}")
    print(*found[:40], sep="\n")
    is_good = not found and above < MEMORY_BYTES
    print("all right" if is_good else f"{len(found)} problems")
    return 0 if is_good else 1


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--jobs", type=int)
    return parser.parse_args()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2:])
    asked = arguments()
    with tempfile.TemporaryDirectory() as scratch:
        place = asked.out or Path(scratch)
        place.mkdir(parents=True, exist_ok=True)
        sys.exit(main(asked.count, asked.seed, place, asked.jobs))
