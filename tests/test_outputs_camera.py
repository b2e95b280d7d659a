"""A camera whose stdout is full, gone or not read: it goes on, and what is lost is counted."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import resource
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

import edge.cli.camera
from edge.lines import STDOUT
from edge.watch import stdout
from edge.watch.stdout import Stdout
from tests.broker import free_port
from tests.drawing import on_paper
from tests.mjpeg import wait_until
from tests.running import read_tally


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for digit in "147":
        Image.fromarray(on_paper(digit)).resize((160, 120)).save(folder / f"{digit}.png")
    return folder


@contextmanager
def camera(
    source: Path, *more: str, out: int, err: int = subprocess.PIPE
) -> Iterator[subprocess.Popen[str]]:
    """Its JSON lines go to the descriptor `out`, which is closed here."""
    settings = ("--loop", "--fps", "200", "--format", "jsonl", *more)
    command = [sys.executable, "-m", "edge", "camera", str(source), *settings]
    # Where files are limited, Python would keep half of a compiled module.
    uncached = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(command, stdout=out, stderr=err, text=True, env=uncached) as process:
        os.close(out)
        try:
            yield process
        finally:
            process.kill()


def last_words(process: subprocess.Popen[str]) -> tuple[list[str], dict[str, int]]:
    """What it told on stderr, and its counts; it has ended."""
    assert process.stderr is not None
    told = process.stderr.read().splitlines()
    assert "Traceback" not in "".join(told)
    return told, read_tally(told[-1])


def lost_by(told: Sequence[str]) -> int:
    """The count of its last words."""
    (words,) = [line for line in told if f"{STDOUT}: " in line and " lost: " in line]
    return int(words.split()[2].replace(",", ""))


def small_pipe() -> tuple[int, int]:
    reading, writing = os.pipe()
    fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, 16384)
    return reading, writing


def state_of(port: int) -> dict[str, int]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        lines = [line.rpartition(" ") for line in answer.read().decode().splitlines()]
    return {name: int(float(value)) for name, _, value in lines if not name.startswith("#")}


def test_a_full_disk_is_told_of_once_and_again_when_there_is_room(
    pictures: Path, tmp_path: Path
) -> None:
    path = tmp_path / "out"
    with camera(pictures, out=os.open(path, os.O_WRONLY | os.O_CREAT)) as process:
        assert wait_until(lambda: path.stat().st_size > 5000, 20)
        for _ in range(2):  # a disk that is full, and one that somebody clears
            size_bytes = path.stat().st_size + 3333
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size_bytes, -1))
            assert wait_until(lambda: path.stat().st_size > size_bytes - 1000, 20)  # noqa: B023
            time.sleep(0.3)
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (-1, -1))
            assert wait_until(lambda: path.stat().st_size > size_bytes + 100_000, 20)  # noqa: B023
        process.terminate()
        assert process.wait(5) == 1
        told, tally = last_words(process)
    kinds = [line.partition("stdout: ")[2].split()[0] for line in told if "stdout: " in line]
    assert kinds[:4] == ["File", "lines", "File", "lines"]
    assert len(kinds) == 5
    between = [int(line.split(";")[1].split()[0]) for line in told if "through again" in line]
    assert sum(between) == lost_by(told) > 20
    lines = path.read_bytes().decode().splitlines(keepends=True)
    assert all(line.endswith("\n") for line in lines)
    results = sum("label" in json.loads(line) for line in lines)
    events = sum("event" in json.loads(line) for line in lines)
    assert results < tally["results"] <= results + lost_by(told)
    assert events > 0


def test_a_closed_pipe_ends_no_run_that_others_hear(pictures: Path) -> None:
    port = free_port()
    reading, writing = os.pipe()
    with camera(pictures, "--live", f"127.0.0.1:{port}", out=writing) as process:
        with os.fdopen(reading) as lines:
            lines.readline()
        assert wait_until(lambda: _counts(port).get("edgeproof_results_total", 0) > 50, 20)
        counts = _counts(port)
        assert counts['edgeproof_sink_lost_total{sink="stdout"}'] > 50
        assert counts['edgeproof_sink_connected{sink="stdout"}'] == 0
        process.terminate()
        assert process.wait(5) == 1
        told, tally = last_words(process)
    begun = "edgeproof: stdout: Broken pipe; nobody reads it any more, and the camera goes on"
    assert told.count(begun) == 1
    assert lost_by(told) >= tally["results"] - 300
    assert tally["frames"] == tally["results"] + tally["drops"]


def _counts(port: int) -> dict[str, int]:
    try:
        return state_of(port)
    except OSError:
        return {}


@pytest.mark.parametrize("is_err_too", [False, True], ids=["stdout", "stderr too"])
def test_a_reader_that_does_not_read_does_not_slow_the_page(
    pictures: Path, is_err_too: bool
) -> None:
    port = free_port()
    reading, writing = small_pipe()
    err = os.dup(writing) if is_err_too else subprocess.PIPE
    with camera(pictures, "--live", f"127.0.0.1:{port}", out=writing, err=err) as process:
        if is_err_too:
            os.close(err)
        name = 'edgeproof_sink_lost_total{sink="stdout"}'
        assert wait_until(lambda: _counts(port).get(name, 0) > 0, 20)
        before, began_s = _counts(port), time.monotonic()
        time.sleep(1)
        after, took_s = _counts(port), time.monotonic() - began_s
        answers = after["edgeproof_results_total"] - before["edgeproof_results_total"]
        assert answers / took_s > 40  # with a wait for each line it would be 10
        assert after["edgeproof_healthy"] == 1
        began_s = time.monotonic()
        process.terminate()
        assert process.wait(5) == 1
        assert time.monotonic() - began_s < 1
        if not is_err_too:
            told, tally = last_words(process)
            assert sum(f"{STDOUT}: its reader does not read; " in line for line in told) == 1
    with os.fdopen(reading) as pipe:
        lines = pipe.readlines()
    assert all(line.endswith("\n") for line in lines)
    if not is_err_too:
        records = [json.loads(line) for line in lines]
        written = sum("label" in record for record in records)
        assert written < tally["results"] <= written + lost_by(told)


def test_words_that_nobody_takes_hold_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = small_pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, b"x")
    os.set_blocking(writing, True)
    with os.fdopen(writing, "w") as err, os.fdopen(reading):
        monkeypatch.setattr(sys, "stderr", err)
        words = threading.Thread(target=lambda: edge.cli.camera._err("a word"), daemon=True)
        words.start()
        words.join(5)
        assert not words.is_alive()


def test_a_reader_that_comes_back_has_missed_frames_and_no_line(pictures: Path) -> None:
    reading, writing = small_pipe()
    with camera(pictures, "--frames", "300", out=writing) as process, os.fdopen(reading) as pipe:
        lines = [pipe.readline()]
        time.sleep(3)  # longer than a camera may give no frame
        lines += pipe.readlines()
        assert process.wait(10) == 0
        told, tally = last_words(process)
    records = [json.loads(line) for line in lines]
    assert sum("label" in record for record in records) == tally["results"] == 300
    assert sum(record.get("dropped", 0) for record in records) == tally["drops"] > 100
    assert tally["restarts"] == 0
    assert not [line for line in told if STDOUT in line]


def test_while_it_waits_the_watchdog_is_fed() -> None:
    reading, writing = small_pipe()
    moments: list[float] = []
    lines = Stdout(
        writing,
        lambda: len(moments) >= 3,
        pytest.fail,
        is_only=True,
        waits=True,
        waiting=lambda: moments.append(time.monotonic()),
    )
    try:
        while len(moments) < 3:
            lines.write("x" * 1000)
    finally:
        os.close(reading)
        os.close(writing)
    assert moments[2] - moments[0] < 10 * stdout.SLICE_MS / 1000
    assert (lines.lost, lines.is_short) == (1, False)


def test_a_reader_that_is_slow_for_a_moment_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stdout, "SLICE_MS", 5000)  # a moment, on a machine that has other work
    reading, writing = small_pipe()
    told: list[str] = []
    lines = Stdout(
        writing, lambda: False, told.append, is_only=False, waits=False, waiting=lambda: None
    )
    taken: list[str] = []

    def read() -> None:
        with os.fdopen(reading) as pipe:
            for line in pipe:
                taken.append(line)
                time.sleep(0.001)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(300):
        lines.write(f"{number} ".ljust(500, "x"))
    os.close(writing)
    reader.join()
    assert [line.split()[0] for line in taken] == [str(number) for number in range(300)]
    assert (lines.written, lines.lost, told) == (300, 0, [])


def test_messages_that_were_lost_are_told_at_the_end(pictures: Path) -> None:
    settings = ("--frames", "20", "--mqtt", f"mqtt://127.0.0.1:{free_port()}")
    with camera(pictures, *settings, out=os.open(os.devnull, os.O_WRONLY)) as process:
        assert process.wait(20) == 0  # a broker that is away is no fault of this run
        told, _ = last_words(process)
    assert " messages were lost: cannot be reached: Connection refused" in told[-2]


def test_pictures_that_cannot_be_written_are_told_once_and_make_it_1(tmp_path: Path) -> None:
    source, kept = tmp_path / "source", tmp_path / "kept"
    source.mkdir()
    kept.mkdir()
    paper = Image.new("L", (320, 240), 210)
    paper.paste(40, (60, 100, 260, 140))  # a bar is no digit
    paper.save(source / "0.png")
    for digit in range(10):
        (kept / str(digit)).write_text("a file where the folder should be")
    null = os.open(os.devnull, os.O_WRONLY)
    with camera(source, "--record-uncertain", str(kept), "--frames", "10", out=null) as process:
        assert process.wait(20) == 1
        told, _ = last_words(process)
    about = [line for line in told if "--record-uncertain: " in line]
    assert len(about) == 2, told
    assert " cannot be written to: " in about[0]
    assert re.search(r"--record-uncertain: \d+ pictures? (was|were) not written$", about[1])
    assert len(list(kept.rglob("*"))) == 10  # nothing half written


def test_a_folder_with_too_long_a_name_is_one_line(pictures: Path, tmp_path: Path) -> None:
    folder = str(tmp_path / ("x" * 300))
    null = os.open(os.devnull, os.O_WRONLY)
    with camera(pictures, "--record-uncertain", folder, out=null) as process:
        assert process.wait(20) == 4
        assert process.stderr is not None
        (line,) = process.stderr.read().splitlines()
    assert line.endswith("cannot be written to: File name too long")
