"""`make bench`: ratios, goals, table and report, over made-up samples; and one real process."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import parse, reason
from benchmarks.counts import CALLS, FRAMES, PHOTOS, PICTURES
from benchmarks.environments import NAMES, REQUIREMENTS, Environment, wanted
from benchmarks.figures import Runs, compare, series
from benchmarks.goals import GOALS, Verdict, judge, judge_labels, judge_size, number
from benchmarks.lineup import CONTENDERS, TASKS
from benchmarks.measure import Failed, Sample, Samples, measure, read_answers, run
from benchmarks.report import Settings, make_report
from benchmarks.table import render
from tests.conftest import ROOT

SETTINGS = Settings(rounds=5, only=(), skip=("tensorflow",), machine="a machine", cores=2)
BASE = Environment("ours", Path("bin"), "3.11.7", {"numpy": "1.26.4"}, 100.0, 15.0)


def took(*seconds: float, peak_mb: float = 50.0, call_us: float | None = None) -> list[Sample]:
    return [Sample(one, one, peak_mb, call_us) for one in seconds]


def made_up(ours_s: float = 0.2, plain_s: float = 0.4) -> Samples:
    """Everybody but TensorFlow, at everything: ours take one time, all others another."""
    found = Samples()
    for contender in CONTENDERS.values():
        if contender.environment == "tensorflow":
            continue
        is_ours = contender.name.startswith(("ours", "kernels"))
        start_s = ours_s if is_ours else plain_s
        for name in contender.tasks:
            task = TASKS[name]
            wall_s = start_s if task.count == 1 else 2 * start_s
            call_us = 1e5 * start_s if task.has_own_clock else None
            if task.samples:
                found.runs[contender.name, name] = took(*[wall_s] * 5, call_us=call_us)
            if contender.answers:
                found.answers[contender.name, name] = ["7"] * task.count
    return found


def report_of(found: Samples) -> dict[str, Any]:
    names = {one.environment for one in CONTENDERS.values()} - {"tensorflow"}
    environments = {
        name: Environment(name, Path("bin"), "3.11.7", {}, 100.0, 15.0) for name in sorted(names)
    }
    left_out = {"tensorflow": "left out by SKIP=tensorflow"}
    report = make_report(SETTINGS, environments, left_out, found, ["7"] * PHOTOS)
    whole: dict[str, Any] = json.loads(json.dumps(report))
    return whole


def verdict(found: Samples, what: str) -> Verdict:
    verdicts = judge(found.runs, found.answers, BASE)
    (one,) = [one for one in verdicts if one.what.startswith(what)]
    return one


def test_twice_as_fast_is_two_by_time_and_by_rate() -> None:
    runs: Runs = {
        ("ours", "one-png"): took(1.0, 1.0),
        ("plain", "one-png"): took(2.0, 2.0),
        ("ours", "png"): took(2.0, 2.0),
        ("plain", "png"): took(4.0, 4.0),
    }
    by_time = compare(runs, "ours", "plain", "one-png", "time")
    by_rate = compare(runs, "ours", "plain", "png", "rate")
    assert by_time is not None
    assert by_time.value == pytest.approx(2)
    assert by_rate is not None
    assert by_rate.value == pytest.approx(2)


def test_a_rate_leaves_the_start_out() -> None:
    runs: Runs = {("plain", "one-png"): took(5.0), ("plain", "png"): took(5.0 + 1.0)}
    assert series(runs, "plain", "png", "rate") == [pytest.approx(PICTURES - 1)]


def test_a_rate_that_hides_behind_the_start_is_not_told() -> None:
    runs: Runs = {("tensorflow", "one-png"): took(4.0), ("tensorflow", "png"): took(4.5)}
    assert series(runs, "tensorflow", "png", "rate") == []


def test_a_goal_by_rate_tells_the_whole_process_too() -> None:
    found = verdict(made_up(ours_s=0.1, plain_s=0.4), "a folder of 2,000 PNG of 28x28, base")
    assert found.measured == "4.00 (4.00 to 4.00); start-up included 4.00"


def test_a_ratio_is_of_neighbours_so_a_slow_hour_does_not_matter() -> None:
    ours = took(1, 1, 10, 10, 10)
    plain = took(2, 2, 20, 20, 20)
    found = compare({("ours", "one-png"): ours, ("plain", "one-png"): plain}, "ours", "plain",
                    "one-png", "time")  # fmt: skip
    assert found is not None
    assert (found.low, found.value, found.high) == (2, 2, 2)


def test_a_rate_without_a_start_is_not_told() -> None:
    assert series({("plain", "png"): took(1.0)}, "plain", "png", "rate") == []


@pytest.mark.parametrize(("plain_s", "is_reached"), [(0.2, True), (0.199, False)])
def test_cold_start_is_reached_at_the_plain_scripts_time(plain_s: float, is_reached: bool) -> None:
    assert verdict(made_up(0.2, plain_s), "cold start").is_reached is is_reached


def test_goals_are_those_of_the_project() -> None:
    least = sorted((goal.task, goal.ours, round(goal.least, 3)) for goal in GOALS)
    assert least == [
        ("calls", "kernels-int8", 4),
        ("calls", "ours-float32", 0.667),
        ("calls", "ours-int8", 0.667),
        ("film", "ours-opencv", 0.95),
        ("one-png", "ours", 0.909),
        ("one-png", "ours", 1.0),
        ("one-png", "ours", 5),
        ("one-png", "ours", 15),
        ("photos", "ours", 3.3),
        ("photos", "ours-opencv", 4.3),
        ("png", "ours", 1.8),
        ("png", "ours-opencv", 4.5),
    ]


def test_goals_name_contenders_that_do_the_task() -> None:
    for goal in GOALS:
        for name in (goal.ours, goal.other):
            assert goal.task in CONTENDERS[name].tasks, goal


def test_one_other_label_misses_the_goal() -> None:
    stock = ["1"] * FRAMES
    answers = {("bare-int8", "frames"): stock, ("kernels-int8", "frames"): ["2", *stock[1:]]}
    missed = judge_labels(answers)
    assert missed.is_reached is False
    assert missed.measured.startswith("9,999 of 10,000")
    assert judge_labels({**answers, ("kernels-int8", "frames"): stock}).is_reached is True


def test_mnist_at_hand_decides_over_drawn_digits() -> None:
    same = ["1"] * FRAMES
    answers = {(who, task): same for who in ("bare-int8", "kernels-int8")
               for task in ("frames", "mnist")}  # fmt: skip
    answers["kernels-int8", "mnist"] = ["2"] * FRAMES
    assert judge_labels(answers).is_reached is False
    assert "MNIST" in judge_labels(answers).what


@pytest.mark.parametrize(("size_mb", "is_reached"), [(110.0, True), (110.5, False)])
def test_the_base_install_may_take_110_mb(size_mb: float, is_reached: bool) -> None:
    base = Environment("ours", Path("bin"), "3.11.7", {}, size_mb, 15.0)
    assert judge_size(base).is_reached is is_reached
    assert judge_size(None).is_reached is None


def test_what_was_left_out_stands_in_the_page() -> None:
    page = render(report_of(made_up()))
    assert "tf.lite in TensorFlow: left out by SKIP=tensorflow" in page
    (line,) = [one for one in page.splitlines() if one.startswith("| the same against `tf.lite`")]
    assert line.endswith("| not measured |")


def test_a_contender_that_failed_is_listed_and_not_compared() -> None:
    found = made_up()
    found.failed["plain"] = "a folder of 28x28 PNG: exit 1: no such file"
    report = report_of(found)
    assert "plain" not in report["contenders"]
    assert "exit 1: no such file" in render(report)
    assert report["goals"][0]["is_reached"] is None


def test_no_address_and_no_path_of_this_machine_is_published() -> None:
    found = made_up()
    found.failed["litert"] = "exit 1: /home/someone/x/model.tflite: gone; https://a.example/simple/"
    found.failed["opencv"] = "HTTPSConnectionPool(host='a.example', port=443): timed out; 1/15"
    report = report_of(found)
    assert report["not_measured"]["litert"] == "exit 1: model.tflite: gone; (address)"
    assert report["not_measured"]["opencv"].startswith("HTTPSConnectionPool((address), port=443)")
    assert report["not_measured"]["opencv"].endswith("1/15")


def test_a_contender_that_answers_otherwise_is_marked() -> None:
    found = made_up()
    found.answers["opencv", "png"] = ["3", "3", *["7"] * (PICTURES - 2)]
    page = render(report_of(found))
    (line,) = [one for one in page.splitlines() if one.startswith("| OpenCV DNN")]
    assert "1,998 (differs)" in line
    assert "OpenCV DNN to 2 of the PNG files" in page
    assert "the same label to each" in render(report_of(made_up()))


def test_the_page_says_whether_each_goal_was_reached() -> None:
    lines = render(report_of(made_up(ours_s=0.1, plain_s=0.4))).splitlines()
    goals = lines[lines.index("## Goals") + 4 : lines.index("Left out:") - 1]
    assert len(goals) == len(GOALS) + 2
    ends = [line.rsplit("|", 2)[1].strip() for line in goals]
    assert ends.count("not measured") == 1
    assert {"yes", "**no**"} < set(ends)
    assert len({line.count("|") for line in goals}) == 1


def test_the_report_has_what_a_reader_needs() -> None:
    report = report_of(made_up())
    assert set(report) == {
        "schema", "date", "machine", "settings", "environments", "not_measured", "contenders",
        "goals", "samples",
    }  # fmt: skip
    assert report["settings"] == {"rounds": 5, "only": [], "skip": ["tensorflow"], "cores": 2}
    assert "bin" not in report["environments"]["ours"], "a path of this machine"
    for samples in report["samples"]:
        assert {"contender", "task", "pictures", "wall_s", "cpu_s", "peak_mb"} <= set(samples)
        assert len(samples["wall_s"]) == 5
    calls = [one for one in report["samples"] if one["task"] == "calls"]
    assert all(one["pictures"] == CALLS and len(one["call_us"]) == 5 for one in calls)


def test_contenders_take_turns_and_the_first_run_does_not_count(tmp_path: Path) -> None:
    log = tmp_path / "log"
    commands = {
        (name, "one-png"): [sys.executable, "-c", f"open({str(log)!r}, 'a').write({letter!r})"]
        for name, letter in {"python": "a", "decode-pillow": "b"}.items()
    }
    found = measure(commands, 2, say=lambda line: None)
    assert log.read_text() == "ab" + "abbaab" + "baabba"
    assert {len(samples) for samples in found.runs.values()} == {6}


def test_a_contender_that_fails_says_its_last_words_and_is_asked_no_more(tmp_path: Path) -> None:
    log = tmp_path / "log"
    script = f"open({str(log)!r}, 'a').write('x'); raise SystemExit('no wheel for this')"
    found = measure({("plain", "png"): [sys.executable, "-c", script]}, 3, say=lambda line: None)
    assert found.failed == {"plain": "a folder of 28x28 PNG: exit 1: no wheel for this"}
    assert log.read_text() == "x"


def test_memory_and_time_of_a_process_are_its_own() -> None:
    # More than this process ever had: until then a child's peak is this one's (getrusage(2)).
    held_mb = 100 + resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 // 1_000_000
    hungry = f"import time; held = bytearray({held_mb} * 10**6); time.sleep(0.2)"
    sample, _ = run([sys.executable, "-c", hungry], is_read=False)
    assert sample.wall_s >= 0.2
    assert sample.peak_mb is not None
    assert held_mb < sample.peak_mb < held_mb + 100


def test_answers_are_read_in_the_files_order() -> None:
    ours, plain = CONTENDERS["ours"], CONTENDERS["plain"]
    task = TASKS["png"]
    names = [f"{number:04}-7.png" for number in range(task.count)]
    lines = [f"{name} {number % 10}" for number, name in enumerate(names)]
    records = [
        json.dumps({"source": f"png/{name}", "index": 0, "label": "unknown",
                    "top": [{"label": str(number % 10)}]})
        for number, name in enumerate(names)
    ]  # fmt: skip
    expected = [str(number % 10) for number in range(task.count)]
    assert read_answers(plain, task, "\n".join(reversed(lines))) == expected
    assert read_answers(ours, task, "\n".join(reversed(records))) == expected
    with pytest.raises(Failed, match="expected 2000 answers, got 1999"):
        read_answers(plain, task, "\n".join(lines[1:]))


def test_requirements_pin_every_line_and_hold_no_address() -> None:
    files = sorted(REQUIREMENTS.glob("*.txt"))
    assert {"plain", "litert", "onnxruntime", "opencv", "mediapipe"} <= {one.stem for one in files}
    for path in files:
        for line in path.read_text().splitlines():
            assert "==" in line, path
            assert "/" not in line, path
            assert "@" not in line, path


def test_an_environment_is_made_anew_when_its_requirements_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.environments.REQUIREMENTS", tmp_path)
    (tmp_path / "plain.txt").write_text("numpy==1.26.4\n")
    before = wanted("plain", tmp_path / "none.whl")[1]
    assert wanted("plain", tmp_path / "none.whl")[1] == before
    (tmp_path / "plain.txt").write_text("numpy==1.26.3\n")
    assert wanted("plain", tmp_path / "none.whl")[1] != before


def test_the_conductor_is_lean_so_that_memory_is_the_contenders_own() -> None:
    code = "import sys, benchmarks.__main__; print(*(set(sys.modules) & {'numpy', 'PIL', 'edge'}))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""


def test_an_unknown_name_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", "--skip", "tensorflo"])
    with pytest.raises(SystemExit, match="2"):
        parse()
    assert f"expected names of {', '.join(NAMES)}, got tensorflo" in capsys.readouterr().err


def test_names_are_taken_apart_at_commas_and_spaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", "--skip", "tensorflow, mediapipe", "--only", ""])
    settings, is_for_docs = parse()
    assert (settings.skip, settings.only, is_for_docs) == (("tensorflow", "mediapipe"), (), False)
    assert reason("mediapipe", settings) == "left out by SKIP=mediapipe"
    assert reason("plain", settings) is None


def test_a_contender_ends_with_the_run_that_started_it(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    sleeper = f"import os, time; open({str(note)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    code = (
        "import signal, sys; from benchmarks.measure import run;"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(143));"
        f"run([sys.executable, '-c', {sleeper!r}], is_read=False)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    wait_for(lambda: note.is_file() and note.read_text() != "")
    parent.terminate()
    assert parent.wait(10) == 143
    wait_for(lambda: not is_running(int(note.read_text())))


def is_running(pid: int) -> bool:
    """Whether there is such a process, and no mere remains of one."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_for(is_so: Callable[[], bool], seconds: float = 10) -> None:
    until_s = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until_s, "waited in vain"
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0876, "0.0876"), (1.0, "1.00"), (15.25, "15.2"), (152.4, "152")]
)
def test_numbers_show_three_digits(value: float, shown: str) -> None:
    assert number(value) == shown
