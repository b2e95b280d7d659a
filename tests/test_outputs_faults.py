"""Every fault of stdout and stderr, for each command: exit code, message, and whole lines alone."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import random
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

import edge.cli
from edge.sources import stdin
from tests.drawing import on_paper

EDGEPROOF = [sys.executable, "-m", "edge"]
UNCACHED = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
"""For a limit on files: Python would keep half of a compiled module."""
FORMATS = ("jsonl", "csv", "table")
REPEATED = 150
"""Times that a folder of three is classified: more than a block and more than a limited file."""
LIMIT = 20_000
FULL = Path("/dev/full")
OTHERS = ("models", "models --json", "info digits", "verify digits", "verify --json", "--help")
TMPFS_BYTES = 256 * 1024


@dataclass(frozen=True)
class Done:
    code: int
    out: bytes
    err: str


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for digit in "147":
        Image.fromarray(on_paper(digit)).resize((160, 120)).save(folder / f"{digit}.png")
    return folder


@pytest.fixture
def tmpfs(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={TMPFS_BYTES}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount a tmpfs")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def classify(pictures: Path, format_name: str) -> list[str]:
    return ["classify", *[str(pictures)] * REPEATED, "--format", format_name]


def camera(pictures: Path, format_name: str, *more: str) -> list[str]:
    settings = ("--all-frames", "--smooth", "off", "--loop", "--fps", "300", "--frames", "90")
    return ["camera", str(pictures), "--format", format_name, *settings, *more]


def run(arguments: list[str], out: Path) -> Done:
    """out: where stdout goes to."""
    with out.open("wb") as stdout:
        done = subprocess.run(
            [*EDGEPROOF, *arguments], stdout=stdout, stderr=subprocess.PIPE, check=False, timeout=60
        )
    return Done(done.returncode, out.read_bytes() if out.is_file() else b"", done.stderr.decode())


def run_limited(arguments: list[str], out: Path) -> Done:
    """Files may grow up to LIMIT, as after `ulimit -f`."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))

    with out.open("wb") as stdout:
        done = subprocess.run(
            [*EDGEPROOF, *arguments],
            stdout=stdout, stderr=subprocess.PIPE, preexec_fn=limit, check=False, timeout=60,
            env=UNCACHED,
        )  # fmt: skip
    return Done(done.returncode, out.read_bytes(), done.stderr.decode())


def run_read_once(arguments: list[str]) -> Done:
    """The reader goes after one line."""
    with subprocess.Popen(
        [*EDGEPROOF, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        line = child.stdout.readline()
        child.stdout.close()
        told = child.stderr.read()
        return Done(child.wait(60), line, told.decode())


def run_in_shell(arguments: list[str], redirection: str) -> Done:
    command = f"{shlex.join([*EDGEPROOF, *arguments])} {redirection}"
    done = subprocess.run(command, shell=True, capture_output=True, check=False, timeout=60)
    return Done(done.returncode, done.stdout, done.stderr.decode())


def records_of(out: bytes, format_name: str) -> int:
    """How many records; all lines have to be whole."""
    assert not out or out.endswith(b"\n")
    lines = out.decode().splitlines()
    if format_name == "jsonl":
        return len([json.loads(line) for line in lines])
    if format_name == "csv":
        assert len({len(row) for row in csv.reader(lines)}) <= 1
    else:
        assert all(float(line.split()[2]) <= 1 for line in lines[1:])
    return max(0, len(lines) - 1)


@pytest.mark.parametrize("format_name", FORMATS)
def test_classify_ends_on_a_full_disk(pictures: Path, format_name: str) -> None:
    done = run(classify(pictures, format_name), FULL)
    assert (done.code, done.err) == (
        4,
        "edgeproof: error: stdout: No space left on device; nothing was written before that\n",
    )


@pytest.mark.parametrize("format_name", FORMATS)
def test_classify_ends_with_whole_records_at_a_limit(
    pictures: Path, tmp_path: Path, format_name: str
) -> None:
    done = run_limited(classify(pictures, format_name), tmp_path / "out")
    count = records_of(done.out, format_name)
    assert count > 50
    assert LIMIT - 600 < len(done.out) <= LIMIT
    assert (done.code, done.err) == (
        4,
        f"edgeproof: error: stdout: File too large; {count} records, each whole, "
        "were written before that\n",
    )


@pytest.mark.parametrize("format_name", FORMATS)
def test_classify_ends_with_whole_records_on_a_full_tmpfs(
    pictures: Path, tmpfs: Path, format_name: str
) -> None:
    (tmpfs / "other").write_bytes(bytes(TMPFS_BYTES - 16384))
    done = run(classify(pictures, format_name), tmpfs / "out")
    count = records_of(done.out, format_name)
    assert f"No space left on device; {count} records, each whole" in done.err
    assert (done.code, done.err.count("\n")) == (4, 1)


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_reader_that_goes_ends_it_without_a_word(pictures: Path, format_name: str) -> None:
    done = run_read_once(classify(pictures, format_name))
    assert (done.code, done.err) == (1, "")
    records_of(done.out, format_name)
    done = run_read_once(camera(pictures, format_name, "--frames", "9999"))
    assert done.code == 1
    assert "error" not in done.err


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_stdout_that_is_closed_is_one_line(pictures: Path, format_name: str) -> None:
    for arguments in (classify(pictures, format_name), camera(pictures, format_name)):
        done = run_in_shell(arguments, ">&-")
        assert done.code == 4
        assert done.err.splitlines()[-1].startswith("edgeproof: error: stdout: it is closed")
        assert "Traceback" not in done.err


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full", "2>/dev/full <&-", "2>&- <&-"])
def test_words_that_nobody_takes_cost_no_results(pictures: Path, redirection: str) -> None:
    arguments = ["classify", str(pictures), "/nowhere.png", "--format", "jsonl"]
    done = run_in_shell(arguments, redirection)
    assert (done.code, done.err, records_of(done.out, "jsonl")) == (1, "", 4)
    done = run_in_shell(camera(pictures, "table"), redirection)
    assert (done.code, done.err) == (0, "")
    assert records_of(done.out, "table") > 2


@pytest.mark.parametrize("arguments", OTHERS)
def test_other_commands_say_that_stdout_takes_no_more(arguments: str) -> None:
    done = run(arguments.split(), FULL)
    assert (done.code, done.err) == (4, "edgeproof: error: stdout: No space left on device\n")
    done = run_in_shell(arguments.split(), ">&-")
    assert (done.code, done.err) == (4, "edgeproof: error: stdout: it is closed\n")
    done = run_in_shell(arguments.split(), ">&- 2>&-")
    assert (done.code, done.err) == (4, "")
    done = run_in_shell(arguments.split(), "2>/dev/full")
    assert done.code == 0
    assert done.out.endswith(b"\n")


def test_other_commands_write_whole_lines_at_a_limit(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_bytes(bytes(LIMIT - 700))
    command = f"ulimit -f {LIMIT // 1000}; {shlex.join([*EDGEPROOF, '--help'])} >> {out}"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=False, env=UNCACHED
    )
    assert (done.returncode, done.stderr) == (4, "edgeproof: error: stdout: File too large\n")
    assert out.read_bytes().endswith(b"\n")
    assert out.stat().st_size > LIMIT - 700


def test_half_a_compiled_module_says_what_mends_it(tmp_path: Path) -> None:
    cached = {**os.environ, "PYTHONPYCACHEPREFIX": str(tmp_path)}
    cached.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [*EDGEPROOF, "models"]
    subprocess.run(command, env=cached, check=True, capture_output=True)
    (compiled,) = tmp_path.glob("**/edge/cli/models.*.pyc")
    compiled.write_bytes(compiled.read_bytes()[:-100])
    done = subprocess.run(command, env=cached, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (4, "")
    assert "a compiled module is cut short" in done.stderr
    assert done.stderr.strip().count("\n") == 0


def test_closed_stdin_is_one_failure(pictures: Path) -> None:
    done = run_in_shell(["classify", "-", "--format", "jsonl"], "<&-")
    assert (done.code, done.err) == (1, "edgeproof: 1 of 1 inputs failed\n")
    assert json.loads(done.out)["error"]["kind"] == "empty-file"


@pytest.mark.parametrize("what", [b"\0", b"y\n"], ids=["/dev/zero", "yes"])
def test_stdin_that_never_ends_is_one_failure(
    what: bytes, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Endless(io.RawIOBase):
        def read1(self, size: int) -> bytes:
            return what * (size // len(what))

    monkeypatch.setattr(stdin, "ENDLESS_BYTES", 1 << 20)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=Endless()))
    assert edge.cli.run(["classify", "-", "--format", "jsonl"]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["error"]["kind"] == "not-a-picture"


@pytest.mark.parametrize("kind", ["file", "pipe"])
def test_a_killed_run_leaves_whole_lines(pictures: Path, tmp_path: Path, kind: str) -> None:
    rng = random.Random(7)
    sizes = set()
    for number in range(25):
        out = tmp_path / f"{number}"
        with out.open("wb") as file:
            reader = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=file)
            assert reader.stdin is not None
            with reader.stdin as writing:
                child = subprocess.Popen(
                    [*EDGEPROOF, *classify(pictures, "jsonl"), "--jobs", "1"],
                    stdout=file if kind == "file" else writing,
                )
        enough = rng.uniform(0, 60_000)
        while out.stat().st_size <= enough and child.poll() is None:
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.003))
        child.send_signal(signal.SIGKILL)
        child.wait()
        reader.wait()
        sizes.add(records_of(out.read_bytes(), "jsonl"))
    assert len(sizes) > 3  # they were killed at different moments
    assert max(sizes) < 3 * REPEATED


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_camera_goes_on_with_a_full_disk_and_counts(pictures: Path, format_name: str) -> None:
    done = run(camera(pictures, format_name), FULL)
    assert done.code == 1
    assert done.err.count("stdout: ") == 2  # when it began, and at the end
    assert "stdout: No space left on device; lines are lost, and the camera goes on\n" in done.err
    *_, lost, words = done.err.splitlines()
    assert lost.endswith(" lines were lost: No space left on device")
    assert int(lost.split()[2]) >= (3 if format_name == "table" else 90)
    assert words == "edgeproof: 90 frames: 90 results, 0 errors, 0 drops; 0 restarts"


@pytest.mark.parametrize("option", ["--annotate", "--explain"])
@pytest.mark.parametrize("fault", ["full", "read-only", "vanished"])
def test_pictures_of_results_are_counted_when_they_cannot_be_written(
    pictures: Path, tmpfs: Path, option: str, fault: str
) -> None:
    folder = tmpfs / "drawn"
    with subprocess.Popen(
        [*EDGEPROOF, "classify", "-", option, str(folder), "--format", "jsonl"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as child:  # fmt: skip
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdin.write((pictures / "1.png").read_bytes())
        child.stdin.flush()
        child.stdout.readline()  # the first one could be written
        first = [path.name for path in folder.iterdir()]
        _break(tmpfs, folder, fault)
        for digit in "47":
            child.stdin.write((pictures / f"{digit}.png").read_bytes())
        child.stdin.close()
        rest, told = child.stdout.read(), child.stderr.read().decode().splitlines()
        code = child.wait(60)
    assert records_of(rest, "jsonl") == 2
    left = sorted(path.name for path in folder.iterdir())
    assert not [name for name in left if name.startswith(".")]  # nothing half written
    if fault == "vanished":  # it is made again
        assert (code, told, len(left)) == (0, [], 2)
        return
    assert (code, left) == (1, first)
    assert len(told) == 2
    reason = "No space left on device" if fault == "full" else "Read-only file system"
    assert told[0].endswith(f"cannot be written: {reason}")
    assert told[1] == f"edgeproof: {option}: 2 of 3 pictures could not be written"


def _break(tmpfs: Path, folder: Path, fault: str) -> None:
    if fault == "vanished":
        shutil.rmtree(folder)
    elif fault == "read-only":
        subprocess.run(["mount", "-o", "remount,ro", str(tmpfs)], check=True)
    else:
        with contextlib.suppress(OSError), (tmpfs / "other").open("wb", buffering=0) as other:
            while True:
                other.write(bytes(512))
