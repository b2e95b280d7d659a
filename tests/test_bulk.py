"""Many pictures in several processes: the same lines, whatever happens to a worker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge.bulk.answer import Job
from edge.bulk.spread import AHEAD, WINDOW
from edge.bulk.task import Task
from edge.classifier import Classifier

SPREAD = """
import json, os, signal, sys, time
from itertools import count, islice
from edge.bulk.answer import Answer, Job
from edge.bulk.spread import Spread
from edge.sources import picture

PARENT = os.getpid()

def failed(job, error):
    return Answer([error.kind], [str(error)], True)

def answer(job, *words):
    return Answer([f"{job.number}", *map(str, words)], [], False)

def each(classify):
    def classify_all(jobs, take_up):
        for job in jobs:
            take_up(job)
            yield classify(job)
    return classify_all
"""
"""Begins a script; it is run by itself, because this process may have threads of any kind."""


def script(text: str, **settings: str) -> Any:
    """What a script prints last, from JSON."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SPREAD + text],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", **settings},
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout.splitlines()[-1])


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "edge", "classify", *map(str, arguments)]


def classified(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, timeout=120, check=False
    )


def digit(seed: int) -> Image.Image:
    pixels = np.zeros((28, 28), np.uint8)
    left = 6 + seed % 14
    pixels[4:24, left : left + 3] = 160 + seed % 90
    return Image.fromarray(pixels)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 files, every tenth of them something else than a plain gray PNG."""
    folder = tmp_path_factory.mktemp("mixed")
    for number in range(300):
        path, picture = folder / f"{number:03}.png", digit(number)
        kind = number // 10 % 7 if number % 10 == 0 else None
        if kind == 0:
            picture.convert("RGB").rotate(90).save(path)
        elif kind == 1:
            Image.fromarray(np.asarray(picture).astype(np.uint16) * 257).save(path)
        elif kind == 2:
            picture.convert("LA").save(path)
        elif kind == 3:
            picture.resize((90, 70)).save(path.with_suffix(".jpg"))
        elif kind == 4:
            path.write_bytes(b"no picture")
        elif kind == 5:
            picture.save(path)
            path.write_bytes(path.read_bytes()[:-30])
        elif kind == 6:
            picture.save(path.with_suffix(".gif"), save_all=True, append_images=[digit(1)])
        else:
            picture.save(path)
    return folder


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 pictures that take some 20 ms each."""
    folder = tmp_path_factory.mktemp("slow")
    noise = np.random.default_rng(3).integers(100, 255, (900, 1200), np.uint8)
    Image.fromarray(noise).save(folder / "00.png", compress_level=1)
    for number in range(1, 60):
        os.link(folder / "00.png", folder / f"{number:02}.png")
    return folder


def without_times(line: str) -> dict[str, Any]:
    record = json.loads(line)
    return {key: record[key] for key in record if key not in ("timestamp_s", "latency_ms")}


def test_lines_do_not_depend_on_how_many_processes_make_them(mixed: Path) -> None:
    one, three = (classified(mixed, "--format", "jsonl", "--jobs", jobs) for jobs in (1, 3))
    assert one.returncode == three.returncode == 1
    records = [without_times(line) for line in one.stdout.splitlines()]
    assert [without_times(line) for line in three.stdout.splitlines()] == records
    assert [record["index"] for record in records] == list(range(300))
    kinds = [record["error"]["kind"] for record in records if "error" in record]
    assert set(kinds) == {"not-a-picture", "damaged-picture"}
    assert three.stderr == one.stderr
    assert "animated: the first of 2 frames" in three.stderr


@pytest.mark.parametrize("options", [(), ("--regions", "auto")])
def test_table_does_not_depend_on_how_many_processes_make_it(
    mixed: Path, options: tuple[str, ...]
) -> None:
    one, three = (classified(mixed, *options, "--jobs", jobs) for jobs in (1, 3))
    assert three.stdout == one.stdout
    assert three.stderr == one.stderr
    assert one.stdout.count("SOURCE ") == 1


def test_sources_of_every_kind_keep_their_places(mixed: Path, tmp_path: Path) -> None:
    arguments = command(mixed, "-", tmp_path, mixed, "--format", "jsonl", "--jobs", "2")
    data = (mixed / "001.png").read_bytes()
    done = subprocess.run(arguments, input=data * 2, capture_output=True, timeout=120, check=False)
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [record["index"] for record in records] == list(range(603))
    assert [record["source"] for record in records[300:303]] == ["-", "-#1", str(tmp_path)]
    assert [record["source"] for record in records[303:]] == [
        record["source"] for record in records[:300]
    ]


def test_work_is_shared_and_comes_in_order() -> None:
    lines, pids = script("""
def classify(job):
    time.sleep(0.002 * (job.number % 5))
    return answer(job, os.getpid())
with Spread(each(classify), failed, 3) as spread:
    found = [one.out for one in spread.run(Job(n, "x") for n in range(400))]
print(json.dumps([[int(n) for n, _ in found], sorted({p for _, p in found})]))
""")
    assert lines == list(range(400))
    assert len(pids) == 3


def test_endless_jobs_are_answered_as_they_come_and_taken_as_they_are_needed() -> None:
    most = script("""
taken = 0
def jobs():
    global taken
    for number in count():
        taken = number
        yield Job(number, "x")
most = 0
def classify(job):
    time.sleep(0.001)
    return answer(job)
with Spread(each(classify), failed, 2) as spread:
    for number, one in enumerate(islice(spread.run(jobs()), 1500)):
        assert one.out == [str(number)]
        most = max(most, taken - number)
print(most)
""")
    assert WINDOW < most <= AHEAD + WINDOW


@pytest.mark.parametrize("ending", ["SIGKILL", "SIGSEGV"])
def test_worker_that_dies_costs_the_picture_that_it_was_at(ending: str) -> None:
    found = script(f"""
def classify(job):
    if job.path == "deadly" and os.getpid() != PARENT:
        os.kill(os.getpid(), signal.{ending})
    time.sleep(0.0005)
    return answer(job)
jobs = [Job(n, "deadly" if n in (300, 301, 350, 499) else "x") for n in range(500)]
with Spread(each(classify), failed, 2) as spread:
    print(json.dumps([[one.out, one.err, one.is_failure] for one in spread.run(iter(jobs))]))
""")
    assert len(found) == 500
    for number, one in enumerate(found):
        if number in (300, 301, 350, 499):
            message = f"deadly: the process that decoded it died of {ending}"
            assert one == [["decoder-died"], [message], True]
        else:
            assert one == [[str(number)], [], False]


def test_run_ends_when_every_picture_is_deadly() -> None:
    found = script("""
def classify(job):
    if os.getpid() != PARENT:
        os._exit(7)
    time.sleep(0.01)
    return answer(job)
with Spread(each(classify), failed, 2) as spread:
    print(json.dumps([one.out[0] for one in spread.run(Job(n, "x") for n in range(60))]))
""")
    assert len(found) == 60
    assert found[-1] == "decoder-died"


def test_workers_that_die_idle_cost_no_picture() -> None:
    found = script("""
from edge.bulk import worker
worker._serve = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
def classify(job):
    time.sleep(0.001)
    return answer(job)
with Spread(each(classify), failed, 2) as spread:
    print(json.dumps([int(one.out[0]) for one in spread.run(Job(n, "x") for n in range(100))]))
""")
    assert found == list(range(100))


@pytest.mark.parametrize("cause", ["os.fork = refuse", "os.pipe = refuse"])
def test_without_another_process_this_one_does_it_all(cause: str) -> None:
    pids = script(f"""
def refuse():
    raise OSError(11, "no more")
{cause}
def classify(job):
    time.sleep(0.001)
    return answer(job, os.getpid() == PARENT)
with Spread(each(classify), failed, 2) as spread:
    print(json.dumps([one.out for one in spread.run(Job(n, "x") for n in range(100))]))
""")
    assert pids == [[str(number), "True"] for number in range(100)]


def test_process_with_threads_of_a_library_is_not_forked() -> None:
    text = "import numpy\nfrom edge.bulk.worker import can_fork\nprint(json.dumps(can_fork()))"
    assert script(text) is True
    if (os.cpu_count() or 1) > 1:
        assert script(text, OPENBLAS_NUM_THREADS="2") is False


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core has one thread")
def test_jobs_that_cannot_be_had_are_told_where_they_were_asked_for(
    mixed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    many = [mixed] * 20
    told = classified(*many, "--jobs", "2").stderr
    line = "edgeproof: --jobs 2: one process did it all: a library runs threads in this one"
    assert any(one.startswith(line) for one in told.splitlines())
    assert "one process" not in classified(*many).stderr
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    assert "one process" not in classified(*many, "--jobs", "2").stderr


def test_fault_of_ours_is_raised_here() -> None:
    assert script("""
def classify(job):
    if os.getpid() != PARENT:
        raise KeyError("a bug")
    time.sleep(0.005)
    return answer(job)
try:
    with Spread(each(classify), failed, 2) as spread:
        list(spread.run(Job(n, "x") for n in range(100)))
except RuntimeError as error:
    print(json.dumps(str(error)))
""").startswith("KeyError: 'a bug'")


def test_large_pictures_are_decoded_one_after_the_other() -> None:
    spans = script("""
def classify(job):
    picture.wait_for_memory(20_000_000 if job.number >= 50 else 9)
    began_s = time.monotonic()
    time.sleep(0.003)
    return answer(job, began_s, time.monotonic())
with Spread(each(classify), failed, 3) as spread:
    print(json.dumps([one.out[1:] for one in spread.run(Job(n, "x") for n in range(100))]))
""")
    times = [(float(began_s), float(ended_s)) for began_s, ended_s in spans]
    large, small = sorted(times[50:]), sorted(times[:50])
    assert all(one[1] <= other[0] for one, other in pairwise(large))
    assert not all(one[1] <= other[0] for one, other in pairwise(small))


@pytest.mark.parametrize("count", [1, 2])
def test_one_picture_starts_no_process_and_two_do(mixed: Path, count: int) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-c"),
            "import os, sys\nos.fork = None\nfrom edge.cli import main\nmain(sys.argv[1:])",
            *("classify", "--jobs", "1", *sorted(map(str, mixed.glob("?1?.png")))[1 : 1 + count]),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if count == 1:
        assert (done.stderr, len(done.stdout.splitlines())) == ("", 2)
    else:
        assert "'NoneType' object is not callable" in done.stderr


def children(pid: int) -> list[int]:
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def until(condition: Callable[[], bool], timeout_s: float = 20) -> None:
    end_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.005)


def is_gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def started(*arguments: object) -> tuple[subprocess.Popen[str], list[int]]:
    """A run in a process group of its own, and its workers."""
    run = subprocess.Popen(
        command(*arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    until(lambda: len(children(run.pid)) == 2 or run.poll() is not None)
    return run, children(run.pid)


def test_ctrl_c_ends_all_at_once(slow: Path) -> None:
    run, workers = started(slow, slow, slow, "--jobs", "2")
    time.sleep(0.1)
    os.killpg(run.pid, signal.SIGINT)
    _, err = run.communicate(timeout=20)
    assert (run.returncode, err.strip()) == (130, "edgeproof: error: interrupted")
    assert len(workers) == 2
    assert all(is_gone(pid) for pid in workers)


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_their_parent(slow: Path, ending: signal.Signals) -> None:
    run, workers = started(slow, slow, slow, "--jobs", "2")
    run.send_signal(ending)
    run.communicate(timeout=20)
    assert run.returncode == -ending
    assert len(workers) == 2
    until(lambda: all(is_gone(pid) for pid in workers))


def test_reader_that_leaves_early_leaves_no_worker_behind(slow: Path) -> None:
    run, workers = started(slow, slow, slow, "--jobs", "2")
    assert run.stdout is not None
    run.stdout.close()
    assert run.stderr is not None
    with run.stderr:
        assert run.stderr.read() == ""
    assert run.wait(timeout=20) == 1
    assert all(is_gone(pid) for pid in workers)


def test_killed_worker_is_one_record_and_the_run_goes_on(slow: Path) -> None:
    run, workers = started(slow, "--jobs", "2", "--format", "jsonl")
    os.kill(workers[1], signal.SIGINT)  # which a terminal sends to all, and the parent decides
    os.kill(workers[0], signal.SIGKILL)
    out, _ = run.communicate(timeout=60)
    records = [json.loads(line) for line in out.splitlines()]
    assert [record["index"] for record in records] == list(range(60))
    failures = [record["error"] for record in records if "error" in record]
    assert run.returncode == (1 if failures else 0)  # it may have been between two pictures
    assert len(failures) <= 1
    for failure in failures:
        assert failure["kind"] == "decoder-died"
        assert failure["message"].endswith("the process that decoded it died of SIGKILL")


def test_small_files_are_read_together_and_a_large_one_closes_them_up(tmp_path: Path) -> None:
    with Classifier.load("digits") as classifier:
        task = Task(classifier, 3, "table", False, None, None, None, None)
        jobs = [Job(number, str(tmp_path / f"{number}.png")) for number in range(4)]
        for job in jobs:
            image = digit(job.number)
            image.resize((800, 800) if job.number == 2 else (28, 28)).save(job.path)
        order: list[int] = []
        answers = list(task.read(jobs, lambda job: order.append(job.number)))
    assert order == [0, 1, 2, 0, 1, 2, 3, 3]
    assert [answer.is_failure for answer in answers] == [False] * 4
    assert [answer.out[0].split()[0][-5:] for answer in answers] == [f"{n}.png" for n in range(4)]


def test_stuck_worker_ends_with_its_parent() -> None:
    text = """
def classify(job):
    time.sleep(0.01 if os.getpid() == PARENT else 600)
    return answer(job)
with Spread(each(classify), failed, 2) as spread:
    list(spread.run(Job(n, "x") for n in range(100)))
"""
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    with subprocess.Popen([sys.executable, "-c", SPREAD + text], env=env) as run:
        until(lambda: len(children(run.pid)) == 2)
        time.sleep(0.1)
        workers = children(run.pid)
        run.kill()
    until(lambda: all(is_gone(pid) for pid in workers))
