"""Somebody's own Keras model and folder of pictures, gated as docs/gate.md says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from edge.bundle import read_bundle
from edge.classifier import Classifier
from edge.cli import run
from tests.conftest import Edgeproof

LABELS = ("bar", "ring", "spot")
TRAIN = """
import sys, keras; keras.utils.set_random_seed(1)
from keras import layers
pictures, out = sys.argv[1:]
data = keras.utils.image_dataset_from_directory(pictures, image_size=(24, 24), seed=1, batch_size=8)
model = keras.Sequential([
    keras.Input((24, 24, 3)),
    layers.Rescaling(1 / 255),
    layers.Conv2D(8, 3, strides=2, activation="relu"),
    layers.Conv2D(16, 3, strides=2, activation="relu"),
    layers.Flatten(),
    layers.Dense(3, activation="softmax"),
])
model.compile("adam", "sparse_categorical_crossentropy")
model.fit(data, epochs=40, verbose=0)
model.save(out)
"""
"""What a beginner's guide to Keras says: pixels rescaled in the model, a softmax at its end."""

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with shapes.keras, pictures/{train,test}/CLASS and a policy."""
    folder = tmp_path_factory.mktemp("own")
    rng = np.random.default_rng(1)
    for part, count in (("train", 40), ("test", 20)):
        for label in LABELS:
            (folder / "pictures" / part / label).mkdir(parents=True)
            for index in range(count):
                path = folder / "pictures" / part / label / f"{index}.png"
                draw(label, rng).save(path)
    (folder / "mine.toml").write_text(
        "[default]\nmin_test_pictures = 60\nmin_accuracy = 0.9\nhard_pictures = 10\n"
    )
    code = [sys.executable, "-c", TRAIN, str(folder / "pictures" / "train")]
    subprocess.run([*code, str(folder / "shapes.keras")], check=True, capture_output=True)
    return folder


def draw(label: str, rng: np.random.Generator) -> Image.Image:
    picture = Image.new("RGB", (60, 40), tuple(rng.integers(160, 256, 3).tolist()))
    color = tuple(rng.integers(0, 80, 3).tolist())
    left, top = rng.integers(2, 28), rng.integers(2, 10)
    pen = ImageDraw.Draw(picture)
    box = [int(left), int(top), int(left) + 28, int(top) + 28]
    if label == "bar":
        pen.rectangle([box[0], box[1] + 10, box[2], box[1] + 16], fill=color)
    elif label == "ring":
        pen.ellipse(box, outline=color, width=4)
    else:
        pen.ellipse([box[0] + 8, box[1] + 8, box[2] - 8, box[3] - 8], fill=color)
    return picture


def gate(own: Path, folder: Path, *more: str | Path) -> subprocess.CompletedProcess[str]:
    """`edgeproof gate shapes.keras` in a folder of its own."""
    command = [sys.executable, "-m", "edge", "gate", own / "shapes.keras"]
    command += ["--data", own / "pictures", "--policy", own / "mine.toml", *more]
    return subprocess.run(
        [str(word) for word in command], cwd=folder, capture_output=True, text=True, check=False
    )


def test_own_model_is_quantised_gated_and_kept(own: Path, tmp_path: Path) -> None:
    done = gate(own, tmp_path, "--variants", "int8")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "fitted by 'stretch', pixels are 0..255" in done.stderr
    out = tmp_path / "dist" / "shapes"
    reports = {"report.html", "report.json", "junit.xml", "summary.md"}
    assert {path.name for path in out.iterdir()} == {*reports, "shapes-int8.tflite"}
    bundle = read_bundle(out / "shapes-int8.tflite")
    assert bundle.labels == LABELS
    assert bundle.proof is not None
    assert bundle.proof.measurements[0].score.n == 60
    with Classifier(bundle) as classifier:
        results = [
            classifier.classify(path).label == label
            for label in LABELS
            for path in sorted((own / "pictures" / "test" / label).iterdir())
        ]
    assert sum(results) == bundle.proof.measurements[0].answered.correct
    output = bundle.contract.output
    assert output.temperature != 1.0  # fitted, and on too few pictures for a threshold
    assert output.unknown_threshold is None
    assert str(own) not in json.dumps(bundle.contract.provenance)


def test_own_labels_may_stand_in_another_order(own: Path, tmp_path: Path) -> None:
    """The outputs are called otherwise than the folders' order says: the gate must notice."""
    order = tmp_path / "labels.txt"
    order.write_text("spot\nring\nbar\n")
    done = gate(own, tmp_path, "--variants", "int8", "--labels", order)
    assert done.returncode == 3
    assert "CAUSE int8: float model: it reaches" in done.stdout
    assert not list(tmp_path.rglob("*.tflite"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.keras", "--data", "pictures"], "nothing.keras: expected a Keras model"),
        (["shapes.keras"], "shapes.keras needs --data FOLDER"),
        (["shapes.keras", "--data", "nowhere"], "shapes.keras needs --data FOLDER"),
        (["shapes.keras", "other.keras"], "gate one .keras at a time, got 2 models"),
        (["shapes.keras", "--data", "pictures", "--labels", "mine.toml"], "expected the labels of"),
        (["shapes.keras", "--data", "pictures", "--pixels", "0-1"], "'0-1' is not one of"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(
    own: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(own)
    code = run(["gate", *arguments])
    error = capsys.readouterr().err
    assert code == 2
    assert message in error
    assert "Traceback" not in error


def test_a_gate_without_its_data_fails_and_is_not_skipped(
    edgeproof: Edgeproof, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EDGEPROOF_DATA", str(tmp_path))
    done = edgeproof("gate", "digits")
    assert done.returncode == 4, done.stdout + done.stderr
    assert "passed" not in done.stdout
    assert "edgeproof: error: MNIST: expected mnist.npz" in done.stderr
