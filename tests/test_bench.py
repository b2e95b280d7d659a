"""The bench: what it measures, what it marks, what it refuses to compare, and what it leaves."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge import cli
from edge.bench import children, compare, run
from edge.bench.children import Worker, measure_memory, run_once
from edge.bench.compare import check_machine
from edge.bench.conditions import Watch
from edge.bench.document import Document, read_document, to_json
from edge.bench.drawing import CAMERA_SIZES, camera_frame, ready_pictures
from edge.bench.machine import cpu_name, find_emulation, read_machine, usable_cores
from edge.bench.report import report_lines
from edge.bench.run import Plan, thread_counts
from edge.bench.timing import Series, Times, measure_slice, percentile, summarize
from edge.bundle import read_bundle, write_bundle
from edge.contract import Input, Preprocess
from edge.errors import EnvironmentFault, UsageError
from edge.preprocess import find_regions
from edge.zoo import shipped_models
from tests.conftest import Edgeproof

DIGITS = shipped_models()["digits"]
SHORT = Plan(rounds=3, round_s=0.3, starts=1, folder_s=0.02, folder_runs=2)
"""Everything is measured, and nothing for long."""


@dataclass(frozen=True)
class Measured:
    """A folder of variants: a proven model, one without proof, and a file that is no model."""

    code: int
    file: Path
    out: str
    err: str

    @property
    def document(self) -> Document:
        return read_document(self.file)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    folder = tmp_path_factory.mktemp("bench")
    variants = folder / "variants"
    variants.mkdir()
    shutil.copy(DIGITS, variants / "digits-int8.tflite")
    write_bundle(variants / "bare.tflite", replace(read_bundle(DIGITS), proof_json=None))
    (variants / "broken.tflite").write_bytes(b"nothing of the kind")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "QUICK", SHORT)
        with _captured(folder) as streams:
            code = cli.run(["bench", str(variants), "--quick", "--output", f"{folder}/result.json"])
    out, err = (path.read_text() for path in streams)
    return Measured(code, folder / "result.json", out, err)


class _captured:  # noqa: N801
    """stdout and stderr of this process in two files: capsys is for functions."""

    def __init__(self, folder: Path) -> None:
        self._paths = folder / "out", folder / "err"

    def __enter__(self) -> tuple[Path, Path]:
        self._before = sys.stdout, sys.stderr
        self._files = [path.open("w") for path in self._paths]
        sys.stdout, sys.stderr = self._files
        return self._paths

    def __exit__(self, *_: object) -> None:
        sys.stdout, sys.stderr = self._before
        for file in self._files:
            file.close()


def all_times(value: Any) -> list[Times]:
    if isinstance(value, Times):
        return [value]
    if isinstance(value, tuple):
        return [times for one in value for times in all_times(one)]
    fields = getattr(value, "__dataclass_fields__", {})
    return [times for name in fields for times in all_times(getattr(value, name))]


def fastest_ms(times: Times) -> float:
    """The fastest round: the machine that tests this may be busy."""
    return min(times.round_medians_ms)


# ---- a measurement -------------------------------------------------------------------------------


def test_every_number_is_there_and_in_order(measured: Measured) -> None:
    document = measured.document
    found = all_times(document)
    assert len(found) >= 2 * (2 + 3 + 1) + 2
    for times in found:
        assert 0 < times.p50_ms <= (times.p95_ms or times.p50_ms)
        assert (times.p95_ms or 0) <= (times.p99_ms or times.p95_ms or 0)
        assert min(times.round_medians_ms) <= times.median_ms <= max(times.round_medians_ms)
        assert (times.p95_ms is None, times.p99_ms is None) == (
            times.samples < 20,
            times.samples < 100,
        )
        assert len(times.round_medians_ms) == SHORT.rounds


def test_stages_are_parts_of_the_whole(measured: Measured) -> None:
    model, process = measured.document.models[0], measured.document.process
    sizes = [(frame.what, frame.width, frame.height) for frame in model.frames]
    assert sizes == [("ready", 28, 28), *(("camera", *size) for size in CAMERA_SIZES)]
    assert {frame.answer for frame in model.frames[1:]} == {"2"}  # as drawn, so it was found
    for frame in model.frames[1:]:
        parts_ms = fastest_ms(frame.preprocess) + fastest_ms(frame.invoke)
        assert fastest_ms(frame.whole) / 3 < parts_ms < 3 * fastest_ms(frame.whole)
        assert fastest_ms(frame.preprocess) > 5 * fastest_ms(model.frames[0].preprocess)
    assert fastest_ms(model.read) < 2 * fastest_ms(model.load)
    assert process.python.median_ms < process.cold_start.median_ms
    assert process.cold_start_cpu_ms > 10
    assert model.resident_mb is not None
    assert model.peak_mb is not None
    assert 20 < model.resident_mb <= model.peak_mb < 500
    assert [(one.format, one.width) for one in process.folders] == [("PNG", 28), ("JPEG", 1280)]
    for folder in process.folders:
        assert folder.pictures_per_s > 0
        assert len(folder.whole_s) == SHORT.folder_runs


def test_variants_are_measured_with_what_their_proof_says(measured: Measured) -> None:
    document = measured.document
    assert measured.code == 1
    assert [model.file for model in document.models] == ["digits-int8.tflite", "bare.tflite"]
    proof = read_bundle(DIGITS).proof
    assert proof is not None
    least = min(one.score.accuracy for one in proof.measurements)
    assert [model.accuracy for model in document.models] == [least, None]
    assert [failure.file for failure in document.failures] == ["broken.tflite"]
    assert "expected a TFLite model" in document.failures[0].problem
    assert f"{100 * least:.2f} %" in measured.out
    assert "unproven" in measured.out
    assert "not measured: broken.tflite" in measured.out


def test_threads_go_up_to_the_cores_and_no_further(measured: Measured) -> None:
    sweep = measured.document.models[0].sweep
    cores = usable_cores()
    for runtime in measured.document.software.runtimes:
        ways = [(one.kernels, one.threads) for one in sweep if one.runtime == runtime]
        taken, _ = ways[0]  # what `classify` takes: XNNPACK's int8 kernels, or the default
        assert [count for kernels, count in ways if kernels == taken] == list(thread_counts(cores))
        assert ("builtin", 1) in ways
    assert max(one.threads for one in sweep) <= cores


def test_progress_is_on_stderr_step_by_step(measured: Measured) -> None:
    steps = [line.split()[1] for line in measured.err.splitlines()]
    of = 2 + SHORT.rounds + 1 + SHORT.folder_runs
    assert steps == [f"{number}/{of}" for number in range(1, of + 1)]
    assert "round 2 of 3" not in measured.out


def test_machine_without_sensor_says_so_and_not_zero(measured: Measured) -> None:
    conditions = measured.document.conditions
    assert conditions.duration_s > 0
    if conditions.temperature_before_c is None:
        assert "temperature   no sensor" in measured.out
    if not conditions.tells_throttling:
        assert "throttling    no firmware that would tell" in measured.out


def test_document_survives_its_json_to_the_last_number(measured: Measured, tmp_path: Path) -> None:
    document = measured.document
    (tmp_path / "again.json").write_text(to_json(document, compare.compare(document, document)))
    assert read_document(tmp_path / "again.json") == document


def test_nothing_is_left_beside_the_result(measured: Measured) -> None:
    assert sorted(path.name for path in measured.file.parent.iterdir()) == [
        "err",
        "out",
        "result.json",
        "variants",
    ]


# ---- comparing -----------------------------------------------------------------------------------


def edited(measured: Measured, target: Path, edit: dict[str, Any]) -> Path:
    """The result with another value at `machine.cpu` and the like."""
    table = json.loads(measured.file.read_text())
    for key, value in edit.items():
        place = table
        *parents, last = key.split(".")
        for parent in parents:
            place = place[parent]
        place[last] = value
    target.write_text(json.dumps(table))
    return target


def test_other_machine_is_refused_before_anything_is_measured(
    measured: Measured, tmp_path: Path, edgeproof: Edgeproof
) -> None:
    edit = {"machine.board": "Raspberry Pi 4 Model B Rev 1.5", "machine.cores": 64}
    earlier = edited(measured, tmp_path / "earlier.json", edit)
    began_s = time.monotonic()
    done = edgeproof("bench", "--compare", earlier, "--output", tmp_path / "new.json")
    assert done.returncode == 2
    assert "board (expected Raspberry Pi 4 Model B Rev 1.5, got none)" in done.stderr
    assert f"cores (expected 64, got {usable_cores()})" in done.stderr
    assert "cpu (" not in done.stderr
    assert (done.stdout, len(done.stderr.splitlines())) == ("", 1)
    assert not (tmp_path / "new.json").exists()
    assert time.monotonic() - began_s < 10


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("cpu", "Cortex-A72"),
        ("board", "Raspberry Pi 5"),
        ("arch", "armv7l"),
        ("bits", 32),
        ("cores", 99),
        ("governor", "powersave"),
        ("max_mhz", 1),
        ("emulation", "qemu"),
    ],
)
def test_each_field_of_the_machine_counts(field: str, value: Any, tmp_path: Path) -> None:
    machine = read_machine()
    check_machine(machine, machine, tmp_path)
    with pytest.raises(UsageError, match=rf"{field} \(expected "):
        check_machine(machine, replace(machine, **{field: value}), tmp_path)


def test_versions_and_options_are_differences_and_no_refusal(
    measured: Measured, tmp_path: Path
) -> None:
    edit = {"software.numpy": "1.0", "options.jobs": 3}
    before = read_document(edited(measured, tmp_path / "a.json", edit))
    before = replace(
        before, models=(replace(before.models[0], model_sha256="f" * 64), *before.models[1:])
    )
    now = measured.document
    found = compare.compare(before, now)
    told = " | ".join(found.differences)
    assert f"numpy: 1.0, now {now.software.numpy}" in told
    assert "jobs: 3, now none" in told
    assert "digits int8: another one, sha256 ffffffffffff..." in told
    assert all(one.ratio == 1 and one.verdict == "as before" for one in found.ratios)


def test_ratio_is_judged_by_whether_the_rounds_overlap(measured: Measured) -> None:
    now = measured.document
    fast = replace(now.process.cold_start, median_ms=10.0, round_medians_ms=(9.0, 10.0, 11.0))
    slow = replace(fast, median_ms=20.0, round_medians_ms=(11.5, 20.0, 21.0))
    near = replace(fast, median_ms=12.0, round_medians_ms=(10.5, 12.0, 13.0))
    small = replace(fast, median_ms=10.4, round_medians_ms=(10.4, 10.4, 10.4))
    tight = replace(fast, round_medians_ms=(10.0, 10.0, 10.0))
    single = replace(fast, median_ms=12.5, round_medians_ms=(12.5,))

    def judge(before: Times, after: Times) -> tuple[float, str]:
        documents = [
            replace(now, process=replace(now.process, cold_start=one)) for one in (before, after)
        ]
        found = {one.what: one for one in compare.compare(*documents).ratios}
        one = found["cold start, one picture"]
        return one.ratio, one.verdict

    assert judge(fast, slow) == (2.0, "worse")
    assert judge(slow, fast) == (0.5, "better")
    assert judge(fast, near) == (1.2, "as before")
    assert judge(tight, small) == (1.04, "as before")
    assert judge(fast, single) == (1.25, "as before")


def test_more_pictures_a_second_are_better(measured: Measured) -> None:
    now = measured.document
    folder = replace(now.process.folders[0], pictures_per_s=1e6, round_pictures_per_s=(9e5, 1e6))
    better = replace(now, process=replace(now.process, folders=(folder,)))
    (found,) = (one for one in compare.compare(now, better).ratios if one.unit == "pictures/s")
    assert found.verdict == "better"
    assert found.ratio > 1


@pytest.mark.parametrize("when", ["before", "now"])
def test_throttled_run_is_never_compared_silently(measured: Measured, when: str) -> None:
    sound = replace(measured.document, marks=())
    conditions = replace(sound.conditions, throttled_meanwhile=("under-voltage",))
    hot = replace(sound, marks=("throttled",), conditions=conditions)
    pair = (hot, sound) if when == "before" else (sound, hot)
    found = compare.compare(*pair)
    assert len(found.warnings) == 1
    assert found.warnings[0].startswith(f"{when}: the board was slowed down")
    lines = list(report_lines(pair[1], found))
    assert any("NOT TO BE RELIED ON" in line and "under-voltage" in line for line in lines)
    assert sum(line.endswith("1.00?") for line in lines) == len(found.ratios)
    assert lines[0].startswith("THROTTLED") == (when == "now")
    assert any("NOT TO BE COMPARED" in line for line in lines) == (when == "now")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "cannot be read: No such file"),
        ("", "Expecting value"),
        ("[]", "expected schema 1, got None"),
        ('{"schema": 0}', "expected schema 1, got 0"),
        ('{"schema": 1}', "key 'marks' is missing"),
        ("EXTRA", "unknown key 'extra'"),
        ("NAN", "expected numbers, got NaN"),
        ("TYPE", "machine: cores: expected int, got str 'two'"),
    ],
)
def test_bad_file_is_refused_with_the_reason(
    text: str | None, words: str, measured: Measured, tmp_path: Path, edgeproof: Edgeproof
) -> None:
    file = tmp_path / "earlier.json"
    if text == "EXTRA":
        edited(measured, file, {"extra": 1})
    elif text == "NAN":
        edited(measured, file, {"conditions.duration_s": float("nan")})
    elif text == "TYPE":
        edited(measured, file, {"machine.cores": "two"})
    elif text is not None:
        file.write_text(text)
    with pytest.raises(UsageError, match="--compare: ") as error:
        read_document(file)
    assert words in str(error.value)


# ---- what is asked for ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--threads", "4096"), 2, "--threads: expected 1 to"),
        (("no-such-model",), 4, "unknown model 'no-such-model'"),
        (("{tmp}",), 2, "expected models (.tflite) in the folder"),
        (("--output", "{tmp}/file/x.json"), 2, "--output: expected a folder, got a file"),
    ],
)
def test_wrong_words_are_refused_at_once(
    arguments: tuple[str, ...], code: int, words: str, tmp_path: Path, edgeproof: Edgeproof
) -> None:
    (tmp_path / "file").touch()
    done = edgeproof("bench", *(word.format(tmp=tmp_path) for word in arguments))
    assert (done.returncode, done.stdout) == (code, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_model_that_is_named_must_be_whole(tmp_path: Path, edgeproof: Edgeproof) -> None:
    (tmp_path / "m.tflite").write_bytes(DIGITS.read_bytes()[:-1])
    done = edgeproof("bench", "--quick", tmp_path / "m.tflite")
    assert (done.returncode, done.stdout) == (4, "")
    assert "m.tflite" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("most", "expected"),
    [(1, (1,)), (2, (1, 2)), (4, (1, 2, 3, 4)), (6, (1, 2, 4, 6)), (8, (1, 2, 4, 8))],
)
def test_thread_counts_end_with_the_most(most: int, expected: tuple[int, ...]) -> None:
    assert thread_counts(most) == expected


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interruption_leaves_no_file_and_no_child(number: signal.Signals, tmp_path: Path) -> None:
    places = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "edge", "bench", "--quick"]
    with subprocess.Popen(
        command, env=places, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as bench:
        assert bench.stderr is not None
        while "round 1" not in bench.stderr.readline():
            assert bench.poll() is None
        time.sleep(0.3)
        assert any(tmp_path.iterdir())
        bench.send_signal(number)
        out, err = bench.communicate(timeout=10)
    assert (bench.returncode, out) == (130, "")
    assert err.strip() == "edgeproof: error: interrupted"
    assert list(tmp_path.iterdir()) == []
    assert [path for path in Path("/proc").glob("[0-9]*/environ") if _names(path, tmp_path)] == []


def _names(environ: Path, folder: Path) -> bool:
    try:
        return f"TMPDIR={folder}".encode() in environ.read_bytes()
    except OSError:
        return False


# ---- children ------------------------------------------------------------------------------------


def test_child_that_fails_is_told_with_its_last_words() -> None:
    with pytest.raises(EnvironmentFault, match=r"ended with 4: .*unknown model 'gone'"):
        run_once(children.classify_command("x.png", "--model", "gone"))
    with pytest.raises(EnvironmentFault, match=r"ended with 4: .*unknown model 'gone'"):
        measure_memory("gone", b"")
    with pytest.raises(EnvironmentFault, match="cannot be started"):
        run_once(["/no/such/program"])


def test_processor_time_is_the_child_s_own() -> None:
    code = "import time\nwhile time.process_time() < 0.3: pass"
    found = run_once([sys.executable, "-c", code])
    assert 290 <= found.cpu_ms < 800
    assert found.wall_ms > 300
    asleep = run_once([sys.executable, "-c", "import time; time.sleep(0.3)"])
    assert asleep.cpu_ms < 250
    assert asleep.wall_ms > 300


def test_worker_that_dies_is_told() -> None:
    request = {"models": [str(DIGITS)], "threads": [1], "round_s": 0.05, "rounds": 2}
    with Worker(request) as worker:
        worker.begin()
        worker.round()
        os.kill(worker._child.pid, signal.SIGKILL)
        with pytest.raises(EnvironmentFault, match="died of SIGKILL"):
            worker.round()


# ---- conditions ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "meanwhile", "last", "expected"),
    [
        ("0", "0", "0", ()),
        ("0", "50005", "50000", ("under-voltage", "throttled")),
        ("0", "0", "40000", ("throttled",)),  # over before anybody looked
        ("50000", "50000", "50000", ()),  # earlier, and not since
        ("50000", "50004", "50000", ("throttled",)),
    ],
)
def test_throttling_meanwhile_is_told_from_earlier(
    first: str, meanwhile: str, last: str, expected: tuple[str, ...], tmp_path: Path
) -> None:
    file = tmp_path / "sys/devices/platform/soc/soc:firmware/get_throttled"
    zone = tmp_path / "sys/class/thermal/thermal_zone0"
    file.parent.mkdir(parents=True)
    zone.mkdir(parents=True)
    (zone / "type").write_text("cpu-thermal")
    for text, celsius, step in ((first, 40, "new"), (meanwhile, 81, "look"), (last, 60, "end")):
        file.write_text(text)
        (zone / "temp").write_text(f"{celsius}000")
        if step == "new":
            watch = Watch(tmp_path)
        elif step == "look":
            watch.look()
    found = watch.conclude(100)
    assert (found.throttled_meanwhile, found.tells_throttling) == (expected, True)
    assert found.is_throttled == bool(expected)
    assert (
        found.temperature_before_c,
        found.temperature_highest_c,
        found.temperature_after_c,
    ) == (40, 81, 60)
    assert found.others_cores is None  # there is no /proc/stat


def test_work_of_others_is_told_from_ours() -> None:
    busy = [sys.executable, "-c", "import time\nwhile time.process_time() < 1: pass"]
    watch = Watch()
    run_once(busy)  # ours
    ours = watch.conclude(1)
    watch = Watch()
    with subprocess.Popen(busy) as other:  # not waited for yet: nobody's of ours
        time.sleep(0.8)
        theirs = watch.conclude(1)
        other.wait()
    assert ours.others_cores is not None
    assert theirs.others_cores is not None
    cores = os.cpu_count() or 1
    assert 0 <= ours.others_cores <= cores
    assert 0.1 < theirs.others_cores <= cores + 0.2


# ---- the machine ---------------------------------------------------------------------------------

PI_4 = "processor\t: 0\nBogoMIPS\t: 108.00\nCPU implementer\t: 0x41\nCPU part\t: 0xd08\n"
PC = "processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel name\t: AMD  EPYC\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (PI_4 * 4, "Cortex-A72"),
        (PI_4 + PI_4.replace("0xd08", "0xd03"), "Cortex-A72 and Cortex-A53"),
        (PI_4.replace("0xd08", "0x123"), "ARM 0x41 part 0x123"),
        (PC, "AMD EPYC"),
        ("", None),
    ],
)
def test_processor_has_a_name(text: str, expected: str | None) -> None:
    assert cpu_name(text) == expected


@pytest.mark.parametrize(
    ("arch", "files", "words"),
    [
        ("x86_64", {"proc/cpuinfo": PC}, None),
        ("aarch64", {"proc/cpuinfo": PI_4, "proc/sys/kernel/arch": "aarch64"}, None),
        ("armv7l", {"proc/cpuinfo": PI_4, "proc/sys/kernel/arch": "aarch64"}, None),
        ("i686", {"proc/cpuinfo": PC, "proc/sys/kernel/arch": "x86_64"}, None),
        ("aarch64", {"proc/cpuinfo": PC}, "/proc/cpuinfo is of x86"),
        ("aarch64", {"proc/cpuinfo": PI_4, "proc/sys/kernel/arch": "x86_64"}, "kernel is x86_64"),
        ("x86_64", {"proc/cpuinfo": PI_4}, "/proc/cpuinfo is of arm"),
        ("aarch64", {"proc/cpuinfo": PI_4, "proc/self/comm": "qemu-aarch64-st\n"}, "qemu"),
        ("aarch64", {}, None),
    ],
)
def test_emulation_is_recognised(
    arch: str, files: dict[str, str], words: str | None, tmp_path: Path
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = find_emulation(tmp_path, arch)
    assert (words in (found or "")) if words else found is None


def test_governor_clock_and_board_are_read(tmp_path: Path) -> None:
    files = {
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "ondemand\n",
        "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq": "1800000\n",
        "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.5\0",
        "proc/cpuinfo": PI_4,
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = read_machine(tmp_path)
    assert (found.governor, found.max_mhz) == ("ondemand", 1800)
    assert (found.board, found.cpu) == ("Raspberry Pi 4 Model B Rev 1.5", "Cortex-A72")
    assert asdict(read_machine(tmp_path / "none"))["governor"] is None


# ---- timing and drawing --------------------------------------------------------------------------


@pytest.mark.parametrize(("percent", "expected"), [(50, 2), (75, 3), (76, 4), (100, 4), (0, 1)])
def test_percentile_is_a_value_that_was_measured(percent: float, expected: float) -> None:
    assert percentile([1, 2, 3, 4], percent) == expected


def test_one_bad_round_does_not_move_the_median() -> None:
    times = summarize([[1.0] * 30, [1.1] * 30, [9.0] * 50, [], [1.0] * 5])
    assert (times.median_ms, times.samples, len(times.round_medians_ms)) == (1.05, 115, 4)
    assert (times.p50_ms, times.p99_ms) == (1.1, 9.0)
    assert times.spread == pytest.approx(8 / 1.05)


def test_what_is_shorter_than_the_clock_can_tell_is_called_several_times() -> None:
    calls = []
    series = {"quick": Series(), "slow": Series()}
    stages = {"quick": lambda: calls.append(1), "slow": lambda: time.sleep(0.01)}
    for _ in range(2):
        measure_slice(stages, series, slice_s=0.0, step_ns=100_000)
    assert series["slow"].calls == 1
    assert series["quick"].calls > 50  # of at most 100 us each, a sample is 5 ms or more
    assert [len(samples) for samples in series["quick"].rounds] == [1, 1]
    assert series["quick"].times().median_ms < 0.1
    assert len(calls) == 2 * series["quick"].calls + 3


def test_models_of_photos_are_drawn_for_in_their_own_size_and_color() -> None:
    spec = Input(32, 48, "rgb", Preprocess("photo", (0.0,) * 3, (255.0,) * 3, "crop"))
    assert ready_pictures(spec, 2).shape == (2, 32, 48, 3)
    frame = camera_frame(spec, 640, 480)
    (region,) = find_regions(frame, spec)
    assert region.pixels.shape == (32, 48, 3)
    assert np.ptp(region.pixels) > 100
    assert (camera_frame(spec, 640, 480, seed=1) != frame).any()


@pytest.mark.parametrize("model", ["digits", "fashion"])
def test_what_the_camera_s_frame_shows_is_found(model: str) -> None:
    spec = read_bundle(shipped_models()[model]).contract.input
    for width, height in CAMERA_SIZES:
        frame = camera_frame(spec, width, height)
        assert (frame.shape, frame.dtype.name) == ((height, width, 3), "uint8")
        (region,) = find_regions(frame, spec)
        assert region.box is not None
        assert 0.2 < region.box[3] / height < 0.7
    ready = ready_pictures(spec, 3)
    assert ready.shape == (3, spec.height, spec.width)
    assert len({picture.tobytes() for picture in ready}) == 3
