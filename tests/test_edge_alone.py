"""The edge in an environment of its own: the base dependencies, our wheel, no TensorFlow."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import venv
import zipfile
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from PIL import Image

from tests.conftest import ROOT, Edgeproof, Exported


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    subprocess.run([*command, str(ROOT)], check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def device(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a fresh environment that holds the wheel and its base dependencies alone."""
    folder = tmp_path_factory.mktemp("device")
    venv.create(folder, with_pip=False)
    (site,) = folder.glob("lib/python*/site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    for name in base_closure():
        for file in metadata.distribution(name).files or ():
            top = file.parts[0]
            target = Path(str(metadata.distribution(name).locate_file(top))).resolve()
            if top not in ("..", "__pycache__") and target.exists() and not (site / top).exists():
                (site / top).symlink_to(target)
    return folder / "bin" / "python"


def base_closure() -> set[str]:
    """Distributions that a plain install brings: requirements without extras, followed through."""
    found: set[str] = set()
    waiting = ["edgeproof"]
    while waiting:
        for text in metadata.requires(waiting.pop()) or ():
            requirement = Requirement(text)
            applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
            name = re.sub(r"[-_.]+", "-", requirement.name).lower()
            if applies and name not in found:
                found.add(name)
                waiting.append(name)
    return found


def run(device: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [str(device), "-I", "-m", "edge", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")


def test_wheel_holds_what_the_device_needs(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    shipped = {f"edge/zoo/{path.name}" for path in (ROOT / "edge/zoo").glob("*.tflite")}
    assert {"edge/zoo/digits-int8.tflite", "edge/zoo/fashion-int8.tflite"} <= shipped <= names
    assert {"export/gate.toml", "train/recipes/cnn.toml", "edge/cli/classify.py"} <= names
    assert "edge/zoo/seals.txt" in names
    assert not [name for name in names if name.startswith(("tests/", "models/"))]


def test_base_install_brings_no_training_library() -> None:
    closure = base_closure()
    assert {"numpy", "pillow", "click"} <= closure
    assert not closure & {"tensorflow", "keras", "scikit-learn", "scipy", "matplotlib"}


def test_device_has_no_tensorflow(device: Path) -> None:
    done = subprocess.run(
        [device, "-I", "-c", "import tensorflow"], capture_output=True, text=True, check=False
    )
    assert "No module named 'tensorflow'" in done.stderr


def test_device_classifies_with_the_shipped_model(device: Path, tmp_path: Path) -> None:
    from tests.drawing import on_paper

    Image.fromarray(on_paper("7")).save(tmp_path / "seven.jpg")
    done = run(device, "classify", tmp_path / "seven.jpg", "--format", "jsonl")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert json.loads(done.stdout)["label"] == "7"


def test_device_verifies_every_shipped_model(device: Path) -> None:
    done = run(device, "verify", "--json")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stderr
    assert {record["model"] for record in records} >= {"digits", "fashion"}
    assert all(record["ok"] and record["proven"] for record in records)


def test_device_answers_as_the_gate_measured(
    device: Path, exported: Exported, tmp_path: Path
) -> None:
    """The picture files of the test split, through the command, give proof.json's own count."""
    from train.datasets import load_dataset

    test = load_dataset("optdigits").test
    for index, frame in enumerate(np.asarray(test.frames)):
        Image.fromarray(frame).save(tmp_path / f"{index:04d}.png")
    done = run(device, "classify", tmp_path, "--model", exported.path(), "--format", "jsonl")
    labels = [json.loads(line)["label"] for line in done.stdout.splitlines()]
    correct = sum(label == str(target) for label, target in zip(labels, test.targets, strict=True))
    proof = exported.bundle().proof
    assert proof is not None
    answered = [one.answered for one in proof.measurements]
    counted = len(labels) - labels.count("unknown")
    assert (counted, correct) in {(one.n, one.correct) for one in answered}


def test_scenes_get_the_same_answers_with_opencv_and_without(
    device: Path, edgeproof: Edgeproof, tmp_path: Path
) -> None:
    """Preprocessing takes nothing from it; here it is there, on the device it is not."""
    import cv2  # noqa: F401

    from tests.conditions import LADDERS, hardest, on_ladder, plain
    from tests.lettering import drawn_digits
    from tests.scenes import draw_scene

    absent = subprocess.run([device, "-I", "-c", "import cv2"], capture_output=True, check=False)
    assert absent.returncode == 1
    settings = [make(seed) for make in (plain, hardest) for seed in range(12)]
    settings += [on_ladder(row, level, 1) for row, levels in LADDERS.items() for level in levels]
    digits, untimed = drawn_digits(len(settings), 9), {"latency_ms": 0, "timestamp_s": 0}
    for index, setting in enumerate(settings):
        frame = draw_scene([digits.frames[index]], setting, index).frame
        Image.fromarray(frame).save(tmp_path / f"{index:03d}.jpg", quality=92)
    for how in ("whole", "auto"):
        arguments = ("classify", tmp_path, "--regions", how, "--format", "jsonl")
        without, present = run(device, *arguments), edgeproof(*arguments)
        answers = [
            [{**json.loads(line), **untimed} for line in done.stdout.splitlines()]
            for done in (without, present)
        ]
        assert len(answers[0]) >= len(settings), without.stderr
        assert answers[0] == answers[1]


def test_command_without_the_train_extra_names_it(device: Path, exported: Exported) -> None:
    done = run(device, "export", exported.run)
    assert done.returncode == 4
    assert "pip install 'edgeproof[train]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_device_watches_folders_and_mjpeg_without_an_extra(device: Path, tmp_path: Path) -> None:
    from tests.films import moving_digit, to_jpeg
    from tests.mjpeg import MjpegServer

    frames = [to_jpeg(frame) for frame in moving_digit("7", 10)]
    for number, data in enumerate(frames):
        (tmp_path / f"{number}.jpg").write_bytes(data)
    with MjpegServer(frames) as server:
        for source in (tmp_path, server.url):
            done = run(device, "camera", source, "--frames", "5", "--format", "jsonl")
            assert done.returncode == 0, done.stderr
            records = [json.loads(line) for line in done.stdout.splitlines()]
            assert [one["label"] for one in records if "label" in one] == ["7"] * 5


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (["FILM"], "pip install 'edgeproof[camera]'"),
        (["FOLDER", "--live"], "pip install 'edgeproof[live]'"),
        (["FOLDER", "--mqtt", "mqtt://127.0.0.1/"], "pip install 'edgeproof[mqtt]'"),
        (["pi"], "sudo apt install python3-picamera2"),
    ],
)
def test_a_missing_extra_is_named(
    device: Path, tmp_path: Path, arguments: list[str], remedy: str
) -> None:
    from tests.films import moving_digit, write_film

    film = write_film(tmp_path / "film.avi", moving_digit("7", 3))
    typed = [one.replace("FILM", str(film)).replace("FOLDER", str(tmp_path)) for one in arguments]
    done = run(device, "camera", *typed)
    assert done.returncode == 4
    assert remedy in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_device_sees_a_doctor(device: Path) -> None:
    done = run(device, "doctor", "--json")
    checks = {check["name"]: check for check in map(json.loads, done.stdout.splitlines())}
    assert checks["runtime"]["state"] == "ok", done.stdout
    assert "edgeproof[camera]" in checks["opencv"]["remedy"]
