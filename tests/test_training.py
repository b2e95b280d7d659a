"""Training: a run folder that says how it was made, and an interruption that costs one epoch."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import zipfile
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.classifier import Classifier
from edge.errors import ModelError
from tests.conftest import POLICY, Edgeproof, Exported
from tests.shapes import make_shapes
from train.datasets import load_dataset
from train.runs import find_run

DEMANDING = (
    *("train", "optdigits", "--recipe", "mlp", "--epochs", "24", "--set", "refit=true"),
    *("--set", "augment.shift=0.05", "--set", "ema=0.9", "--set", "label_smoothing=0.1"),
    *("--set", "class_weights=true", "--set", "outliers=0.2", "--set", "augment.stroke=0.3"),
)


def test_run_folder_tells_how_it_was_made(exported: Exported) -> None:
    run = find_run(str(exported.run))
    record = run.record
    assert {path.name for path in exported.run.iterdir()} == {
        *("model.keras", "run.json", "split.npz", "curves.png", "log.csv", "tensorboard")
    }
    assert (record.name, record.dataset, record.epochs) == ("tiny", "optdigits", 20)
    assert {len(values) for values in record.history.values()} == {20}
    dataset = load_dataset("optdigits")
    assert record.test_sha256 == dataset.test.fingerprint()
    indices = run.split()
    assert sorted([*indices.train, *indices.validation]) == list(range(len(dataset.train)))


def test_best_epoch_is_the_one_that_is_kept(exported: Exported) -> None:
    record = find_run(str(exported.run)).record
    accuracy = record.history["val_accuracy"]
    assert accuracy[record.best_epoch - 1] == max(accuracy)


def test_another_split_than_the_recorded_one_is_refused(exported: Exported, tmp_path: Path) -> None:
    for name in ("model.keras", "run.json"):
        (tmp_path / name).write_bytes((exported.run / name).read_bytes())
    with pytest.raises(ModelError, match="expected the run's split, cannot read it"):
        find_run(str(tmp_path)).split()
    np.savez(tmp_path / "split.npz", train=np.arange(5), validation=np.arange(5, 9))
    with pytest.raises(ModelError, match=r"is not the split that run\.json names"):
        find_run(str(tmp_path)).split()


def weights(run: Path) -> list[NDArray[np.float32]]:
    """The weights in model.keras, read without Keras."""
    import h5py

    with zipfile.ZipFile(run / "model.keras") as archive:
        stored = h5py.File(io.BytesIO(archive.read("model.weights.h5")))
    found: dict[str, NDArray[np.float32]] = {}
    stored.visititems(
        lambda name, item: (
            found.__setitem__(name, item[()]) if isinstance(item, h5py.Dataset) else None
        )
    )
    return [found[name] for name in sorted(found)]


def start(*arguments: str | Path, **environment: str) -> subprocess.Popen[str]:
    # A job in the background inherits an ignored SIGINT, and Python leaves it so.
    code = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    code += "from edge.cli import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}
    )


def wait_for(path: Path, child: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while not path.is_file() and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)


@pytest.fixture(scope="module")
def straight(edgeproof: Edgeproof, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing interrupts: dropout, augmentation, outliers, averages, a second phase."""
    folder = tmp_path_factory.mktemp("straight")
    done = edgeproof(*DEMANDING, "--runs", folder)
    assert done.returncode == 0, done.stderr
    return folder / "optdigits-mlp"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_interrupted_training_ends_as_if_it_had_not_been(
    edgeproof: Edgeproof, straight: Path, tmp_path: Path, how: signal.Signals
) -> None:
    child = start(*DEMANDING, "--runs", tmp_path)
    run = tmp_path / "optdigits-mlp"
    wait_for(run / "checkpoint" / "state.npz", child)
    child.send_signal(how)
    _, told = child.communicate(timeout=60)
    assert child.returncode == (130 if how == signal.SIGINT else -signal.SIGKILL), told
    assert "Traceback" not in told
    assert not (run / "model.keras").exists()
    done = edgeproof(*DEMANDING, "--resume", "--runs", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "resuming optdigits-mlp behind epoch" in done.stderr
    assert not (run / "checkpoint").exists()
    resumed, whole = (find_run(str(folder)).record for folder in (run, straight))
    assert (resumed.id, resumed.history) == (whole.id, whole.history)
    assert resumed.confidence == whole.confidence
    for ours, theirs in zip(weights(run), weights(straight), strict=True):
        assert np.array_equal(ours, theirs)
    rows = (run / "log.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["epoch", *map(str, range(1, whole.epochs + 1))]


def test_early_stopping_and_final_training_are_on_record(straight: Path) -> None:
    record = find_run(str(straight)).record
    assert record.epochs == 24
    assert record.recipe is not None
    assert record.recipe["refit"]
    assert record.recipe["augment"]["shift"] == 0.05
    assert record.confidence is not None
    assert list((straight / "tensorboard").iterdir())
    assert "CPU" in record.machine


def test_two_workers_give_the_weights_of_one(edgeproof: Edgeproof, tmp_path: Path) -> None:
    arguments = ["train", "optdigits", "--recipe", "mlp", "--epochs", "4", "--set", "dropout=0"]
    with closing(socket.socket()) as one, closing(socket.socket()) as other:
        for each in (one, other):
            each.bind(("127.0.0.1", 0))
        hosts = [f"127.0.0.1:{each.getsockname()[1]}" for each in (one, other)]
    cluster = {"cluster": {"worker": hosts}}
    children = [
        start(
            *arguments, "--runs", tmp_path / "two", TF_CONFIG=json.dumps({**cluster, "task": task})
        )
        for task in ({"type": "worker", "index": 0}, {"type": "worker", "index": 1})
    ]
    told = [child.communicate(timeout=180)[1] for child in children]
    assert [child.returncode for child in children] == [0, 0], told
    assert "worker 0 of 2" in told[0]
    assert "epoch" not in told[1]  # one speaks for all
    assert edgeproof(*arguments, "--runs", tmp_path / "one").returncode == 0
    pair = [weights(tmp_path / folder / "optdigits-mlp") for folder in ("one", "two")]
    for alone, together in zip(*pair, strict=True):
        assert np.abs(alone - together).max() < 1e-6
        assert np.abs(alone).max() > 1e-3


def test_cluster_that_does_not_fit_is_told(tmp_path: Path) -> None:
    child = start("train", "optdigits", "--runs", tmp_path, TF_CONFIG='{"cluster": {}}')
    _, told = child.communicate(timeout=60)
    assert child.returncode == 2
    assert "TF_CONFIG: expected" in told.splitlines()[-1]


def test_jax_trains_what_exports_and_passes_the_gate(edgeproof: Edgeproof, tmp_path: Path) -> None:
    child = start(
        *("train", "optdigits", "--recipe", "mlp", "--epochs", "12", "--runs", tmp_path),
        KERAS_BACKEND="jax",
    )
    _, told = child.communicate(timeout=180)
    assert child.returncode == 0, told
    assert "training on jax" in told
    done = edgeproof(
        *("export", tmp_path / "optdigits-mlp", "--variants", "int8"),
        *("--out", tmp_path / "dist", "--policy", POLICY),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "dist" / "optdigits-mlp-int8.tflite").is_file()


def test_folder_of_photos_trains_at_the_recipes_size(edgeproof: Edgeproof, tmp_path: Path) -> None:
    make_shapes(tmp_path / "shapes", per_class=24)
    done = edgeproof(
        *("train", tmp_path / "shapes", "--runs", tmp_path / "runs", "--epochs", "2"),
        *("--set", "side=40", "--set", "widths=[8, 8]"),
    )
    assert done.returncode == 0, done.stderr
    assert "cannot be read" in done.stderr  # what the scan left out is said
    record = find_run(str(tmp_path / "runs" / "shapes")).record
    assert record.input.shape == (40, 40, 3)
    assert record.recipe is not None
    assert record.recipe["augment"]["brightness"] > 0
    assert not (tmp_path / "runs" / "shapes" / "checkpoint").exists()


def test_weights_that_cannot_be_had_are_told() -> None:
    code = """
from train.devices import start_backend; start_backend()
from dataclasses import replace
from edge.contract import Input, Preprocess
from train.networks import build_network
from train.recipes import load_recipe
for color, weights in (("gray", "imagenet"), ("rgb", "/no/such.h5"), ("rgb", __file__)):
    count = 1 if color == "gray" else 3
    spec = Input(96, 96, color, Preprocess("photo", (0.0,) * count, (1.0,) * count, "crop"))
    try:
        build_network(replace(load_recipe("mobilenet", "photo"), weights=weights), spec, 3)
    except Exception as error:
        print(type(error).__name__, error)
""".replace("__file__", repr(__file__))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    gray, missing, wrong = done.stdout.splitlines()
    assert "expected colour pictures" in gray
    assert "expected none, imagenet or a weights file, got '/no/such.h5'" in missing
    assert wrong.startswith("DataUnavailable")
    assert "--weights none" in wrong


def test_last_pooling_leaves_fewer_weights_to_the_logits() -> None:
    code = """
from train.devices import start_backend; start_backend()
from dataclasses import replace
from train.datasets import INK_28
from train.networks import build_network
from train.recipes import load_recipe
recipe = load_recipe("ink", "ink")
for pool_last in (False, True):
    network = build_network(replace(recipe, pool_last=pool_last), INK_28, 10)
    print(*network.get_layer("logits").kernel.shape)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    # 28, 14 and 7 pixels a side; of an odd side the last pixels are pooled too.
    assert done.stdout.split() == [str(7 * 7 * 40), "10", str(4 * 4 * 40), "10"]


def test_model_answers_with_logits(exported: Exported) -> None:
    frames = np.asarray(load_dataset("optdigits").test.frames)[:30]
    with Classifier(exported.bundle("float32")) as classifier:
        logits = np.stack([classifier.logits(frame) for frame in frames])
        scores = [classifier.classify(frame, top=10).top for frame in frames]
    assert logits.min() < -1  # a probability would never be
    assert all(sum(one.score for one in top) == pytest.approx(1) for top in scores)
