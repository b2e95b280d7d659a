"""Admission: nothing reaches an interpreter here before it agreed with its contract, and ran."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge import interpreter
from edge.admission import limits, records, trial
from edge.admission.admit import admit
from edge.admission.agreement import check_agreement
from edge.archive import BadArchive, read_archive
from edge.bundle import Golden, pack_bundle, parse_bundle, read_bundle, seal_of, write_bundle
from edge.classifier import Classifier
from edge.cli import run
from edge.errors import EnvironmentFault, ModelError
from edge.tflite.allowed import ALLOWED, REFUSED
from edge.tflite.flatbuffer import MAX_TABLES
from edge.tflite.operators import BUILTIN
from edge.tflite.structure import read_structure
from edge.zoo import seals, shipped_models
from export.controls import with_model
from tests.edits import all_edits
from tests.mutants import Outcome, report, run_job
from tests.mutation import KINDS, Original, read_original
from tests.published import edited
from tests.tiny import tiny_bundle
from tests.zips import pack, rebuilt, write

Capture = pytest.CaptureFixture[str]
Tried = list[str]


@pytest.fixture(scope="module")
def digits() -> Original:
    data = shipped_models()["digits"].read_bytes()
    return read_original(data, all_edits(read_original(data).model))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of each test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CACHE_DIRECTORY", raising=False)
    return tmp_path / "cache" / "edgeproof" / "tried"


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> Tried:
    """What was tried in a child, which passes here without one."""
    found: Tried = []
    monkeypatch.setattr(trial, "try_bundle", lambda data, where, runtime=None: found.append(where))
    return found


# -- who needs a trial ----------------------------------------------------------------------------


def test_every_shipped_bundle_is_on_the_list_and_agrees() -> None:
    assert seals.LIST.read_text() == seals.list_seals()
    for name, path in shipped_models().items():
        bundle = read_bundle(path)
        check_agreement(bundle, name)
        assert bundle.proof is not None
        assert seals.is_shipped(seal_of(path.read_bytes()))
    assert not seals.is_shipped("0" * 64)


def test_shipped_model_is_admitted_without_a_trial(tried: Tried, cache: Path) -> None:
    for path in shipped_models().values():
        admit(path.read_bytes(), str(path))
    assert tried == []
    assert not cache.exists()


def test_other_model_is_tried_once_with_each_runtime(
    tried: Tried, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = pack_bundle(tiny_bundle())
    for _ in range(3):
        admit(data, "m")
    assert tried == ["m"]
    monkeypatch.setattr(interpreter, "runtime_version", lambda package: "other 1.0")
    admit(data, "m")
    assert tried == ["m", "m"]
    monkeypatch.setattr(records, "RULES", records.RULES + 1)
    admit(data, "m")
    assert tried == ["m", "m", "m"]


def test_refused_model_is_not_remembered(cache: Path) -> None:
    wrong = tiny_bundle(biases=(0.0, 1.0, float("nan"), 3.0))
    for _ in range(2):
        with pytest.raises(ModelError, match=r"^m: model 'tiny' cannot answer its own frames"):
            admit(pack_bundle(wrong), "m")
    assert not cache.exists()


def test_shipped_file_replaced_in_place_takes_the_long_way(digits: Original) -> None:
    """All hashes made anew and the weights mixed up: it is tried, and its golden frames tell."""
    edited = next(one for one in digits.edited if one.what == "weights mixed up")
    data = rebuilt(edited.model, digits.entries, is_rehashed=True, is_reproven=True)
    parse_bundle(data, "digits-int8.tflite")
    with pytest.raises(ModelError, match=r"computes wrongly here: .* of 32 golden frames"):
        admit(data, "digits-int8.tflite")


# -- records --------------------------------------------------------------------------------------


def test_damaged_record_is_as_if_it_were_not_there(tried: Tried, cache: Path) -> None:
    data = pack_bundle(tiny_bundle())
    admit(data, "m")
    (record,) = cache.iterdir()
    for content in (b"", record.read_bytes()[:-1], record.read_bytes() + b"x", b"\xff" * 200):
        record.write_bytes(content)
        admit(data, "m")
        assert record.read_bytes() != content  # written anew
    assert len(tried) == 5
    record.unlink()
    record.mkdir()
    admit(data, "m")
    assert len(tried) == 6


def test_records_are_bounded_in_number_and_the_oldest_go(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "MOST", 5)
    kept = [records.Record(f"{number:064}", "r 1") for number in range(9)]
    for number, record in enumerate(kept):
        records.remember(record)
        os.utime(cache / record.name, (number, number))
    assert len(list(cache.iterdir())) == 5
    assert [records.is_known(one) for one in kept] == [False] * 4 + [True] * 5


@pytest.mark.parametrize(
    ("settings", "folder"),
    [
        ({"CACHE_DIRECTORY": "/var/cache/edgeproof:/other"}, "/var/cache/edgeproof/tried"),
        ({"XDG_CACHE_HOME": "/c"}, "/c/edgeproof/tried"),
        ({"XDG_CACHE_HOME": "", "HOME": "/home/pi"}, "/home/pi/.cache/edgeproof/tried"),
        ({"XDG_CACHE_HOME": "relative"}, None),
    ],
)
def test_records_are_kept_where_systemd_or_the_user_says(
    settings: dict[str, str], folder: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert records.records_folder() == (folder and Path(folder))


def test_cache_that_cannot_be_written_costs_a_trial_and_no_error(
    tried: Tried, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    for _ in range(2):
        admit(pack_bundle(tiny_bundle()), "m")
    assert tried == ["m", "m"]


def test_record_of_another_user_does_not_count(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = records.Record("0" * 64, "r 1")
    records.remember(record)
    assert records.is_known(record)
    os.chown(cache / record.name, 12345, -1) if os.geteuid() == 0 else monkeypatch.setattr(
        os, "geteuid", lambda: 12345
    )
    assert not records.is_known(record)


# -- structure against contract -------------------------------------------------------------------


def test_every_operator_is_in_or_out_on_purpose() -> None:
    assert set(BUILTIN) == ALLOWED | set(REFUSED)
    assert not ALLOWED & set(REFUSED)


DISAGREE: dict[str, str] = {
    "MEAN becomes AVERAGE_POOL_2D": "says no AVERAGE_POOL_2D, the model has AVERAGE_POOL_2D",
    "MEAN becomes IF": "got IF: it decides what is run",
    "MEAN becomes WHILE": "got WHILE: it decides what is run",
    "MEAN becomes CALL_ONCE": "got CALL_ONCE: it decides what is run",
    "MEAN becomes CUSTOM": "needs the custom operator 'FlexCumsum', a part of TensorFlow",
    "MEAN becomes VAR_HANDLE": "got VAR_HANDLE: it keeps a state",
    "MEAN becomes RANDOM_UNIFORM": "got RANDOM_UNIFORM: it draws lots",
    "CONV_2D of version 99": "says CONV_2D version 3, the model has CONV_2D version 99",
    "two networks": "expected one network in the model, got 2",
    "two outputs": "expected a model with one output, got 2",
    "input (1, 28, 28, 3)": r"says input \(1, 28, 28, 1\), its tensor is \(1, 28, 28, 3\)",
    "input (2, 28, 28, 1)": r"says input \(1, 28, 28, 1\), its tensor is \(2, 28, 28, 1\)",
    "output (1, 11)": r"expects 11 labels for output \(1, 11\), got 10",
    "input of type 0": "expected int8 as input of 'int8', got float32",
    "output of type 3": "expected int8 as output of 'int8', got uint8",
    "output of type 5": "expected int8 as output of 'int8', got string",
    "input scale nan": "expected a scale above 0 .* for its input, got nan",
    "output scale inf": "expected a scale above 0 .* for its output, got inf",
    "output scale -1.0": "expected a scale above 0 .* for its output, got -1",
    "input scale 0.0": "expected a scale above 0 .* for its input, got 0",
    "output zero point 1000": "a zero point from -128 to 127 for its output, got 0.1 and 1000",
}


@pytest.mark.parametrize("what", list(DISAGREE))
def test_model_that_is_not_what_its_contract_says_is_refused_unrun(
    digits: Original, tried: Tried, what: str
) -> None:
    edited = next(one for one in digits.edited if one.what == what)
    data = rebuilt(edited.model, digits.entries, is_rehashed=True, is_reproven=True)
    with pytest.raises(ModelError, match=DISAGREE[what]):
        admit(data, "m")
    assert tried == []


def test_golden_frames_have_to_fit(tried: Tried) -> None:
    bundle = tiny_bundle()
    assert bundle.golden is not None
    frames, outputs = bundle.golden.frames, bundle.golden.outputs
    name, answers = next(iter(outputs.items()))
    for golden in (
        Golden(frames[:, :14], outputs),
        Golden(frames.astype(np.float64), outputs),
        Golden(frames[:0], {}),
        Golden(frames, {name: answers[:1]}),
        Golden(frames, {name: answers[:, :3]}),
        Golden(frames, {name: answers.astype(np.complex64)}),
    ):
        with pytest.raises(ModelError, match=r"m: golden\.npz: expected "):
            admit(pack_bundle(replace(bundle, golden=golden)), "m")
    assert tried == []


def test_proof_has_to_be_of_this_very_content(
    digits: Original, tried: Tried, tmp_path: Path, capsys: Capture
) -> None:
    labels = digits.entries["labels.txt"].decode().splitlines()
    entries = {**digits.entries, "labels.txt": "\n".join([*labels[1:], labels[0], ""]).encode()}
    data = rebuilt(digits.model, entries, is_rehashed=False, is_reproven=False)
    with pytest.raises(ModelError, match=r"proof\.json: it proves another model, labels or con"):
        admit(data, "m")
    (tmp_path / "m.tflite").write_bytes(data)
    for command in ("info", "verify"):
        assert run([command, str(tmp_path / "m.tflite")]) == 4
        assert "it proves another model, labels or contract" in capsys.readouterr().err
    admit(rebuilt(digits.model, entries, is_rehashed=False, is_reproven=True), "m")
    assert tried == ["m"]  # with that digest made anew, too, only a signature could tell


def test_float_tensor_may_carry_a_scale_that_means_nothing(tmp_path: Path) -> None:
    from ai_edge_litert import schema_py_generated as schema

    def add_scale(parsed: Any) -> None:
        for tensor in parsed.subgraphs[0].tensors:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale, tensor.quantization.zeroPoint = [7.0], [3]

    bundle = tiny_bundle(biases=(0.25, 0.5, 0.75, 0.125))
    changed = with_model(bundle, edited(bundle.model, add_scale))
    write_bundle(tmp_path / "m.tflite", changed)
    with Classifier.load(tmp_path / "m.tflite") as classifier:
        logits = classifier.logits(np.zeros((28, 28), np.uint8))
    assert logits.tolist() == [0.25, 0.5, 0.75, 0.125]


# -- reading what is damaged ----------------------------------------------------------------------


def _overlapping(count: int, length: int) -> bytes:
    """A flatbuffer in which all lists are one list, of `count` times one table, whose lists again
    are one, of `length` zeros."""
    fields = 8
    vtable = struct.pack("<HH", 4 + 2 * fields, 4 + 4 * fields)
    vtable += b"".join(struct.pack("<H", 4 + 4 * field) for field in range(fields))
    outer = 8 + len(vtable)
    items = outer + 4 + 4 * fields
    inner = items + 4 + 4 * count
    leaf = inner + 4 + 4 * fields
    parts = [struct.pack("<I4s", outer, b"TFL3"), vtable, struct.pack("<i", outer - 8)]
    parts += [struct.pack("<I", items - place) for place in range(outer + 4, items, 4)]
    parts += [struct.pack("<I", count)]
    parts += [struct.pack("<I", inner - place) for place in range(items + 4, inner, 4)]
    parts += [struct.pack("<i", inner - 8)]
    parts += [struct.pack("<I", leaf - place) for place in range(inner + 4, leaf, 4)]
    return b"".join(parts) + struct.pack("<I", length) + bytes(8 * length)


@pytest.mark.parametrize(
    ("count", "message"),
    [
        (MAX_TABLES, "its lists together are more than 4 times the file"),
        (MAX_TABLES + 1, "expected at most 65536 tables in a list, got 65537"),
    ],
)
def test_flatbuffer_that_names_the_same_bytes_again_and_again_takes_no_time(
    count: int, message: str
) -> None:
    data = _overlapping(count, 4096)
    began_s = time.process_time()
    with pytest.raises(ModelError, match=f"m: the model is damaged or cut short: {message}"):
        read_structure(data, "m")
    assert time.process_time() - began_s < 2


BOMBS = {
    "claims little": lambda: replace(pack("labels.txt", bytes(200 << 20)), size=10),
    "claims nothing": lambda: replace(pack("labels.txt", bytes(200 << 20)), size=0),
    "claims all": lambda: pack("labels.txt", bytes(200 << 20)),
}


@pytest.mark.parametrize("bomb", list(BOMBS))
def test_bomb_in_the_archive_takes_no_memory(bomb: str) -> None:
    data = write(b"\0\0\0\0TFL3", [BOMBS[bomb]()])
    code = (
        "import resource, sys; from edge.archive import read_archive, BadArchive\n"
        "data = sys.stdin.buffer.read(); before = resource.getrusage(0).ru_maxrss\n"
        "try: read_archive(data)\n"
        "except BadArchive as error: print(error)\n"
        "print(resource.getrusage(0).ru_maxrss - before)\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, input=data, capture_output=True, check=True)
    message, grown_kb = done.stdout.decode().splitlines()
    assert "does not end where it says" in message or "claim 209715200 bytes" in message
    assert int(grown_kb) < 20_000


def test_archive_is_read_in_one_way_or_not_at_all() -> None:
    good = pack("a", b"one"), pack("b", b"two" * 100)
    found = read_archive(write(b"model", [*good]))
    assert found is not None
    assert (found.start, found.entries) == (5, {"a": b"one", "b": b"two" * 100})
    assert read_archive(b"model") is None
    bad = {
        "two entries are called a": [good[0], good[0]],
        "does not begin where": [good[0], replace(good[1], gap=b"hidden")],
        "does not say what the directory says": [replace(good[0], local={"name": b"c"})],
        "is encrypted": [replace(good[0], flags=1)],
        "another way than deflate": [replace(good[0], method=12)],
        "does not have the checksum": [replace(good[0], crc=1)],
        "has another length": [replace(good[0], size=4)],
        "is no UTF-8": [replace(good[0], name=b"\xff")],
        "begin where the last entry ends": [],
    }
    for message, raws in bad.items():
        data = write(b"model", raws) if raws else write(b"model", [good[0]]).replace(b"PK\1\2", b"")
        with pytest.raises(BadArchive, match=message if raws else "directory"):
            read_archive(data)


# -- the child ------------------------------------------------------------------------------------


def test_deadly_models_kill_a_child_and_no_more(digits: Original) -> None:
    """Their hashes are right, and their contract agrees."""
    words = []
    for one in digits.edited:
        if one.what in ("operand nowhere", "weights cut to 4 bytes", "operand negative"):
            data = rebuilt(one.model, digits.entries, is_rehashed=True, is_reproven=True)
            with pytest.raises(ModelError) as caught:
                admit(data, "m")
            words.append(str(caught.value))
    assert len(words) == 3
    assert all(word.startswith("m: ") for word in words)


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Puts a script of a test's own in the child's place; it has read the bundle."""

    def put(body: str) -> None:
        (tmp_path / "stand_in.py").write_text(
            "import os, signal, sys, time\n"
            "from edge import process\n"
            "from edge.admission.limits import limit\n"
            "process.belong_to_parent()\n"
            "data = sys.stdin.buffer.read()\n" + body
        )
        monkeypatch.setattr(trial, "CHILD", "stand_in")
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    return put


DEATHS = {
    "os.kill(os.getpid(), signal.SIGSEGV)": "it died of SIGSEGV",
    "time.sleep(60)": "it did not end within 0.5 s",
    "from edge.admission import limits; limits.CPU_S = 1; limit(0)\nwhile True: pass": (
        "it died of SIGXCPU after 25 s of processor time"
    ),
    "sys.exit(3)": "it ended with 3",
    "print('words')": "it ended with 0: and gave no answer",
    "limit(len(data)); bytearray(1 << 34)": "MemoryError",
    "limit(len(data)); open('/dev/null'); [os.open('/dev/null', 0) for _ in range(99)]": "Too many",
}


@pytest.mark.parametrize("body", list(DEATHS))
def test_death_of_the_child_is_one_clear_line(
    scripted: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    scripted(body)
    monkeypatch.setattr(trial, "WALL_S", 0.5 if "sleep" in body else 30.0)
    with pytest.raises(ModelError, match="tried in a process of its own, and ") as caught:
        admit(pack_bundle(tiny_bundle()), "m")
    assert DEATHS[body] in str(caught.value)
    assert "\n" not in str(caught.value)


def test_child_gets_the_bytes_themselves(scripted: Callable[[str], None], tmp_path: Path) -> None:
    data = pack_bundle(tiny_bundle())
    answer = {"runtime": "r", "outputs": [[1.0]], "dtype": "float32"}
    scripted(f"open({str(tmp_path / 'got')!r}, 'wb').write(data)\nprint({json.dumps(answer)!r})")
    assert trial.try_bundle(data, "m").raw.tolist() == [[1.0]]
    assert (tmp_path / "got").read_bytes() == data


@pytest.mark.skipif(sys.platform != "linux", reason="other systems limit less")
def test_child_is_limited_in_memory_time_and_files() -> None:
    code = (
        "import resource as r; from edge.admission.limits import limit; limit(1000)\n"
        "names = 'AS CPU FSIZE NOFILE CORE'.split()\n"
        "print([r.getrlimit(getattr(r, 'RLIMIT_' + n)) for n in names])\n"
        "print(open('/proc/self/oom_score_adj').read())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, last = done.stdout.split("\n", 1)
    expected = [limits.ADDRESS_BYTES + 6000, limits.CPU_S, limits.FILE_BYTES, limits.FILES, 0]
    assert json.loads(first.replace("(", "[").replace(")", "]")) == [
        [most, most + (most == limits.CPU_S)] for most in expected
    ]
    assert last.strip() == "1000"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such signal")
def test_child_dies_with_its_parent() -> None:
    """Its stdin is held open here, so it would wait for the bundle for ever."""
    code = (
        "import subprocess, time; from edge import process\n"
        "child = subprocess.Popen(process.command('edge.admission.child', ''), stdin=0)\n"
        "print(child.pid, flush=True); time.sleep(60)\n"
    )
    theirs, ours = os.pipe()
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        _soon(lambda: _ignores(pid, signal.SIGTERM))
        time.sleep(0.3)  # from there it is one call
        parent.kill()
    assert _soon(lambda: not _is_running(pid))
    os.close(ours)
    os.close(theirs)


def _ignores(pid: int, number: int) -> bool:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (mask,) = (line.split()[1] for line in lines if line.startswith("SigIgn"))
    return bool(int(mask, 16) >> (number - 1) & 1)


def _soon(ask: Callable[[], object]) -> str:
    for _ in range(400):
        try:
            found = ask()
        except OSError:
            found = None
        if found:
            return str(found)
        time.sleep(0.05)
    return pytest.fail("it did not come")


def _is_running(pid: int) -> bool:
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def test_system_without_processes_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(EnvironmentFault, match="no process to try the model in: Resource"):
        admit(pack_bundle(tiny_bundle()), "m")


def test_bundle_without_golden_frames_answers_drawn_ones(cache: Path) -> None:
    admit(pack_bundle(replace(tiny_bundle(), golden=None)), "m")
    assert len(list(cache.iterdir())) == 1
    wild = replace(tiny_bundle(weight=1e38), golden=None)  # black is all that it can answer
    with pytest.raises(ModelError, match=r"cannot answer its own frames: .* finite numbers"):
        admit(pack_bundle(wild), "m")


def test_child_starts_without_what_it_does_not_need() -> None:
    code = (
        "import sys, io, runpy; sys.stdin = io.TextIOWrapper(open(sys.argv.pop(), 'rb'))\n"
        "from edge import process; process.belong_to_parent = lambda: None\n"
        "from edge.admission import limits; limits.limit = lambda size: print('limited', size)\n"
        "sys.argv = ['x', '']; runpy.run_module('edge.admission.child', run_name='__main__')\n"
        "print(sorted(sys.modules))\n"
    )
    path = shipped_models()["digits"]
    command = [sys.executable, "-c", code, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    modules = set(done.stdout.splitlines()[-1].strip("[]").replace("'", "").split(", "))
    assert f"limited {path.stat().st_size}" in done.stdout
    assert "edge.selftest" in modules
    assert not modules & {"PIL.Image", "edge.tflite.structure", "click", "zipfile", "subprocess"}


# -- the job --------------------------------------------------------------------------------------


def test_mutants_are_refused_with_a_reason_or_cannot_be_told_apart() -> None:
    """The long job is `python -m tests.mutants`."""
    runtime = interpreter.installed_runtimes()[0]
    outcomes: list[Outcome] = run_job(160, 1, runtime, ["classify", "verify"], 2, digits=10)
    text = "\n".join(report(outcomes))
    assert text.endswith("0 faults"), text
    assert not [one.reason for one in outcomes if one.reason.startswith("other")]
    assert {one.kind for one in outcomes} == set(KINDS)
    assert {one.number for one in outcomes} == set(range(160))
