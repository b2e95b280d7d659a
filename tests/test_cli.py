"""The command line: what people see, what programs read, and every mistake in one line."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge import interpreter
from edge.cli import COMMANDS, run
from edge.errors import EnvironmentFault
from tests.conftest import Edgeproof, Exported
from tests.drawing import on_paper

Capture = pytest.CaptureFixture[str]
LEAST = {"digits": 0.996, "digits-tiny": 0.994, "fashion": 0.95, "fashion-tiny": 0.942}
"""What the README's table says of each shipped model, rounded down."""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three digits on paper, a blank page and a file that is no picture."""
    folder = tmp_path_factory.mktemp("pictures")
    for digit in "147":
        Image.fromarray(on_paper(digit)).save(folder / f"{digit}.png")
    Image.new("RGB", (200, 100), "white").save(folder / "blank.jpg")
    (folder / "words.png").write_text("no picture")
    return folder


def test_jsonl_has_one_record_for_each_input(pictures: Path, capsys: Capture) -> None:
    code = run(["classify", str(pictures), "--format", "jsonl", "--top", "2"])
    out = capsys.readouterr().out
    records = [json.loads(line) for line in out.splitlines()]
    assert code == 1
    assert [Path(record["source"]).name for record in records] == sorted(
        path.name for path in pictures.iterdir()
    )
    assert [record["index"] for record in records] == list(range(5))
    good = records[0]
    assert set(good) == {
        *(
            "source",
            "index",
            "timestamp_s",
            "box",
            "label",
            "score",
            "reason",
            "top",
            "model",
            "latency_ms",
        )
    }
    assert (good["label"], good["model"], len(good["top"])) == ("1", "digits", 2)
    assert good["top"][0] == {"label": good["label"], "score": good["score"]}
    blank, broken = records[3], records[4]
    assert (blank["label"], blank["score"], blank["top"]) == ("unknown", 0.0, [])
    assert broken["error"]["kind"] == "not-a-picture"
    assert [record["label"] for record in records[:3]] == ["1", "4", "7"]


def test_csv_has_a_column_for_everything(pictures: Path, capsys: Capture) -> None:
    run(["classify", str(pictures), "--format", "csv"])
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["label"] for row in rows] == ["1", "4", "7", "unknown", ""]
    assert rows[4]["error_kind"] == "not-a-picture"


def test_table_shows_labels_and_names_the_failure_on_stderr(
    pictures: Path, capsys: Capture
) -> None:
    assert run(["classify", str(pictures / "7.png"), str(pictures / "words.png")]) == 1
    captured = capsys.readouterr()
    heading, line = captured.out.splitlines()
    assert heading.split() == ["SOURCE", "LABEL", "SCORE", "OTHERS"]
    assert line.split()[1] == "7"
    assert captured.err.splitlines()[-1] == "edgeproof: 1 of 2 inputs failed"


def test_regions_auto_reads_a_number_and_its_parts(tmp_path: Path, capsys: Capture) -> None:
    from tests.test_regions import page

    frame = page(("4", 40, 200), ("7", 150, 190), ("1", 260, 205))
    Image.fromarray(frame).save(tmp_path / "meter.png")
    assert run(["classify", str(tmp_path / "meter.png"), "--regions", "auto"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[1] == "471"
    assert [line.split()[5] for line in lines[2:]] == ["4", "7", "1"]
    run(["classify", str(tmp_path / "meter.png"), "--regions", "auto", "--format", "jsonl"])
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["label"], one["region"], one["reading"]) for one in records] == [
        ("4", 0, "471"),
        ("7", 1, "471"),
        ("1", 2, "471"),
    ]
    assert all(np.abs(np.array(one["box"][3]) - 74) < 8 for one in records)
    run(["classify", str(tmp_path / "meter.png"), "--regions", "auto", "--format", "csv"])
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["reading"] for row in rows] == ["471"] * 3


@pytest.mark.parametrize("format_name", ["jsonl", "csv", "table"])
def test_regions_auto_of_an_empty_page_is_one_record(
    pictures: Path, capsys: Capture, format_name: str
) -> None:
    path = str(pictures / "blank.jpg")
    assert run(["classify", path, "--regions", "auto", "--format", format_name]) == 0
    lines = capsys.readouterr().out.splitlines()
    if format_name == "jsonl":
        (record,) = map(json.loads, lines)
        assert (record["label"], record["box"], record["top"]) == ("unknown", None, [])
        assert (record["region"], record["reading"]) == (None, "")
    elif format_name == "csv":
        (row,) = csv.DictReader(lines)
        assert (row["label"], row["box"], row["region"]) == ("unknown", "", "")
    else:
        assert [line.split()[1] for line in lines] == ["LABEL", "unknown"]


def test_boxes_are_in_the_files_own_pixels(tmp_path: Path, capsys: Capture) -> None:
    """A JPEG that is decoded at a half has the box of the same picture whole."""
    small = Image.fromarray(on_paper("7"))
    small.save(tmp_path / "small.png")
    large = small.resize((2560, 1920), Image.Resampling.BILINEAR)
    large.save(tmp_path / "large.jpg", quality=95)
    large.save(tmp_path / "large.png")
    boxes = {}
    for name in ("small.png", "large.jpg", "large.png"):
        assert run(["classify", str(tmp_path / name), "--format", "jsonl"]) == 0
        record = json.loads(capsys.readouterr().out)
        assert record["label"] == "7"
        boxes[name] = np.array(record["box"])
    assert (np.abs(boxes["large.jpg"] - 4 * boxes["small.png"]) <= 12).all()
    assert (np.abs(boxes["large.png"] - 4 * boxes["small.png"]) <= 12).all()


def test_animated_picture_is_told_of_on_stderr(tmp_path: Path, capsys: Capture) -> None:
    frames = [Image.fromarray(on_paper(digit)) for digit in "714"]
    path = tmp_path / "film.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    assert run(["classify", str(path), "--format", "jsonl"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["label"] == "7"
    assert captured.err == f"edgeproof: {path}: animated: the first of 3 frames\n"


def test_unproven_model_is_told_of_once(pictures: Path, tmp_path: Path, capsys: Capture) -> None:
    from edge.bundle import read_bundle, write_bundle
    from edge.zoo import shipped_models

    shipped = read_bundle(shipped_models()["digits"])
    path = tmp_path / "mine.tflite"
    write_bundle(path, replace(shipped, proof_json=None))
    good = [str(pictures / f"{digit}.png") for digit in "147"]
    assert run(["classify", *good, "--model", str(path)]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("edgeproof: model 'digits' is unproven: ")


def test_result_of_a_stream_comes_before_its_end(pictures: Path) -> None:
    command = [sys.executable, "-m", "edge", "classify", "-", "--format", "jsonl"]
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, env=buffered) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        alarm = threading.Timer(20, child.kill)  # else a failure would wait for ever
        alarm.start()
        child.stdin.write((pictures / "7.png").read_bytes())
        child.stdin.flush()
        assert json.loads(child.stdout.readline())["label"] == "7"  # stdin is still open
        alarm.cancel()
        child.stdin.close()
        assert child.wait() == 0


def test_all_good_exits_with_0(pictures: Path, capsys: Capture) -> None:
    assert run(["classify", str(pictures / "*4.png")]) == 0
    assert capsys.readouterr().err == ""


def test_fashion_model_names_a_garment(tmp_path: Path, capsys: Capture) -> None:
    from tests.drawing import shirt

    Image.fromarray(shirt((245, 245, 245), (70, 70, 90))).save(tmp_path / "shirt.png")
    run(["classify", str(tmp_path / "shirt.png"), "--model", "fashion", "--format", "jsonl"])
    assert json.loads(capsys.readouterr().out)["label"] in ("T-shirt/top", "Shirt")


def test_models_info_and_verify_speak_json(capsys: Capture) -> None:
    assert run(["models", "--json"]) == 0
    shipped = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [record["model"] for record in shipped] == sorted(LEAST)
    assert all(record["proof"]["test_pictures"] == 10_000 for record in shipped)
    assert all(len(record["proof"]["runtimes"]) == 2 for record in shipped)
    assert [record["model"] for record in shipped if record["is_default"]] == ["digits"]
    assert run(["info", "digits", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["multiply_adds"] == shipped[0]["multiply_adds"] > 0
    assert told["size_bytes"] == shipped[0]["size_bytes"] == Path(told["path"]).stat().st_size
    assert told["contract"]["variant"] == "int8"
    assert told["proof"]["float_score"]["n"] == 10_000
    assert run(["verify", "--json"]) == 0
    assert all(json.loads(line)["ok"] for line in capsys.readouterr().out.splitlines())


def test_shipped_models_reach_what_the_readme_says() -> None:
    from edge.bundle import read_bundle
    from edge.zoo import shipped_models

    assert set(shipped_models()) == set(LEAST)
    for name, least in LEAST.items():
        proof = read_bundle(shipped_models()[name]).proof
        assert proof is not None
        assert {found.runtime.split()[0] for found in proof.measurements} == {
            "tflite-runtime",
            "ai-edge-litert",
        }
        assert all(found.score.n == 10_000 for found in proof.measurements)
        assert min(found.score.accuracy for found in proof.measurements) >= least


def test_people_can_read_models_info_and_verify(capsys: Capture) -> None:
    from edge.bundle import read_bundle
    from edge.zoo import find_model

    meaning = read_bundle(find_model("digits")).contract.output
    for arguments, word in [
        (["models"], "fashion"),
        (["info", "digits"], "95 % interval"),
        (["info", "digits"], f"temperature {meaning.temperature:.3g}, a score below "),
        (["info", "digits"], "% of those rightly"),
    ]:
        assert run(arguments) == 0
        assert word in capsys.readouterr().out
    assert run(["verify", "digits"]) == 0
    assert "digits: ok, proven; " in capsys.readouterr().out


def test_models_are_listed_in_lines_that_fit_and_the_default_is_marked(capsys: Capture) -> None:
    from edge.zoo import shipped_models

    assert run(["models"]) == 0
    headings, *lines = capsys.readouterr().out.splitlines()
    assert max(map(len, [headings, *lines])) <= 100
    assert [line.split()[0] for line in lines[::2]] == [
        f"{name}{'*' if name == 'digits' else ''}" for name in shipped_models()
    ]
    assert all("    10,000 test pictures on tflite-runtime" in line for line in lines[1::2])
    assert "10 classes: T-shirt/top ... Ankle boot" in "".join(lines)


def test_the_model_that_is_marked_is_the_one_that_commands_take() -> None:
    from edge.cli.camera import camera
    from edge.cli.classify import classify
    from edge.service.reach import DEFAULT_MODEL
    from edge.zoo import DEFAULT, shipped_models

    taken = {p.default for c in (classify, camera) for p in c.params if p.name == "model"}
    assert taken | {DEFAULT_MODEL} == {DEFAULT}
    assert DEFAULT in shipped_models()


def test_an_unknown_model_is_answered_with_all_there_are(capsys: Capture) -> None:
    from edge.zoo import shipped_models

    assert run(["classify", "x.png", "--model", "birds"]) == 4
    assert f"expected {', '.join(shipped_models())}," in capsys.readouterr().err


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (13, "ant, bee, cow"),
        (12, "3 classes"),
        (24, "3 classes: ant ... a cow"),
        (23, "3 classes"),
    ],
)
def test_labels_that_do_not_fit_are_counted(width: int, shown: str) -> None:
    from edge.cli.models import _shortened

    labels = ["ant", "bee", "cow"] if width < 20 else ["ant", "a long-tailed bee", "a cow"]
    assert _shortened(labels, width) == shown


def test_a_model_whose_products_cannot_be_counted_says_so(tmp_path: Path, capsys: Capture) -> None:
    from edge.bundle import write_bundle
    from tests.test_cost import one_step
    from tests.tiny import tiny_bundle

    bundle = tiny_bundle()
    model = one_step("LSTM", (1, 8), (8, 8), (1, 4))
    told = replace(
        bundle.contract.model, sha256=hashlib.sha256(model).hexdigest(), size_bytes=len(model)
    )
    path = tmp_path / "m.tflite"
    write_bundle(path, replace(bundle, model=model, contract=replace(bundle.contract, model=told)))
    assert run(["info", str(path)]) == 0
    assert "bytes, multiply-adds: expected the operators of a picture" in capsys.readouterr().out
    assert run(["info", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["multiply_adds"] is None


MISTAKES: dict[str, tuple[list[str], int, str]] = {
    "no-command": (["paint"], 2, "No such command 'paint'"),
    "no-source": (["classify"], 2, "Missing argument 'SOURCE...'"),
    "format": (["classify", "x.png", "--format", "xml"], 2, "'xml' is not one of"),
    "model": (["classify", "x.png", "--model", "birds"], 4, "unknown model 'birds': expected dig"),
    "verify": (["verify", "birds"], 4, "unknown model 'birds'"),
    "info": (["info", "birds"], 4, "unknown model 'birds'"),
    "info-folder": (["info", "."], 4, "unknown model '.'"),
    "data-set": (["train", "cats"], 2, "unknown data set 'cats': expected optdigits, digits, fas"),
    "recipe": (["train", "optdigits", "--recipe", "vgg"], 2, "unknown recipe 'vgg': expected cnn"),
    "epochs": (["train", "optdigits", "--epochs", "0"], 2, "batch_size and epochs start at 1"),
    "run": (["export", "nowhere"], 2, "no run 'nowhere': expected one of nowhere/run.json"),
    "variant": (["export", "digits", "--variants", "int4"], 2, "unknown variant 'int4'"),
    "gate": (["gate", "birds"], 4, "unknown model 'birds'"),
    "data": (["train", "digits", "--data", "/nonexistent"], 4, "expected mnist.npz or its four"),
}


@pytest.mark.parametrize("mistake", list(MISTAKES))
def test_a_mistake_is_one_line_that_says_what_was_expected(mistake: str, capsys: Capture) -> None:
    arguments, code, message = MISTAKES[mistake]
    assert run(arguments) == code
    captured = capsys.readouterr()
    assert message in captured.err
    assert len(captured.err.strip().splitlines()) == 1
    assert "Traceback" not in captured.err
    assert mistake == "verify" or captured.out == ""


def test_no_arguments_show_the_commands(capsys: Capture) -> None:
    assert run([]) == 2
    shown = capsys.readouterr().err
    assert all(command in shown for command in COMMANDS)
    assert run(["--version"]) == 0
    assert run(["classify", "--help"]) == 0
    assert "SOURCE..." in capsys.readouterr().out


def test_keras_file_that_does_not_load_is_one_line(
    exported: Exported, edgeproof: Edgeproof, tmp_path: Path
) -> None:
    shutil.copytree(exported.run, tmp_path / "run")
    (tmp_path / "run" / "model.keras").write_bytes(b"not a model")
    assert_refusal(
        edgeproof("export", tmp_path / "run"), 4, "expected a Keras 3 model, a .keras archive"
    )
    (tmp_path / "run" / "model.keras").unlink()
    assert_refusal(edgeproof("export", tmp_path / "run"), 4, "expected model.keras beside run.json")


def edit_run(folder: Path, change: Callable[[dict[str, object]], None]) -> None:
    path = folder / "run.json"
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))


def test_run_that_does_not_fit_its_model_or_data_is_one_line(
    exported: Exported, edgeproof: Edgeproof, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(exported.run, folder)
    edit_run(folder, lambda record: record.update(test_sha256="0" * 64))
    assert_refusal(edgeproof("export", folder), 2, "is not the data that")
    edit_run(folder, lambda record: record.update(speed=3))
    assert_refusal(edgeproof("export", folder), 4, "run.json: unknown key 'speed'")


def test_model_with_another_number_of_labels_is_refused(
    exported: Exported, edgeproof: Edgeproof, tmp_path: Path
) -> None:
    data, folder = tmp_path / "data", tmp_path / "run"
    for name in ("round", "square"):
        (data / name).mkdir(parents=True)
        for seed in range(6):
            pixels = np.random.default_rng((len(name), seed)).integers(0, 256, (20, 20), np.uint8)
            Image.fromarray(pixels).save(data / name / f"{seed}.png")
    made = edgeproof("train", data, "--epochs", "1", "--recipe", "mlp", "--runs", tmp_path / "runs")
    assert made.returncode == 0, made.stderr
    shutil.copytree(tmp_path / "runs" / "data-mlp", folder)
    shutil.copy(exported.run / "model.keras", folder / "model.keras")
    done = edgeproof("export", folder)
    assert_refusal(done, 4, "expected input (64, 64, 3) and 2 labels, got a model with input (28,")


def assert_refusal(done: subprocess.CompletedProcess[str], code: int, message: str) -> None:
    assert done.returncode == code, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("edgeproof: error: ")
    assert message in last
    assert "Traceback" not in done.stderr


def test_no_runtime_installed_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(EnvironmentFault, match="tflite-runtime is not installed: pip install tfl"):
        interpreter.Interpreter(b"")
    assert interpreter.installed_runtimes() == []


def test_numpy_2_under_tflite_runtime_says_how_to_mend_it(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr("numpy.__version__", "2.1.0")
    only = interpreter.RUNTIMES[:1]
    monkeypatch.setattr(interpreter, "RUNTIMES", only)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: object())
    assert run(["classify", "x.png"]) == 4
    assert "tflite-runtime needs NumPy below 2, got 2.1.0: pip install 'numpy<2'" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize("threads", [0, 10_000])
def test_threads_beyond_the_cores_are_refused(exported: Exported, threads: int) -> None:
    with pytest.raises(EnvironmentFault, match="threads on this machine, got"):
        interpreter.Interpreter(exported.bundle().model, threads=threads)


def test_full_disk_is_one_line(pictures: Path) -> None:
    command = [sys.executable, "-m", "edge", "classify", str(pictures / "7.png")]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 4
    assert done.stderr == (
        "edgeproof: error: stdout: No space left on device; nothing was written before that\n"
    )


def test_reader_that_leaves_early_hears_no_complaint(pictures: Path) -> None:
    code = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-m", "edge", "classify", *[{str(pictures)!r}] * 900,
    "--format", "jsonl"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
child.stdout.readline(); child.stdout.close()
print(child.stderr.read().decode(), child.wait())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"
