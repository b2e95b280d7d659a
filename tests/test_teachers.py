"""Teachers: a training that learns another run's answers as well, and leaves that run as it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Edgeproof
from train.runs import find_run

SMALL = (
    *("train", "optdigits", "--recipe", "object-tiny", "--epochs", "3"),
    *(
        "--set",
        "widths=[4, 8]",
        "--set",
        "depth=1",
        "--set",
        "batch_size=64",
        "--set",
        "augment=none",
    ),
)


@pytest.fixture(scope="module")
def teacher(edgeproof: Edgeproof, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    done = edgeproof(*SMALL, "--name", "teacher", "--runs", folder)
    assert done.returncode == 0, done.stderr
    return folder / "teacher"


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_teacher_is_as_it_was_after_its_pupil_was_fitted(
    teacher: Path, tmp_path: Path, backend: str
) -> None:
    """Decaying weights reach all that an optimizer counts among the trained ones."""
    arguments = (
        *(*SMALL, "--set", "widths=[4]", "--set", "weight_decay=0.9"),
        *("--set", f"teachers=[{str(teacher)!r}]", "--name", "pupil", "--runs", str(tmp_path)),
    )
    code = f"""
from train.devices import start_backend; start_backend()
import json, keras, numpy as np
from train import trainer
load, seen = trainer.load_teacher, []
trainer.load_teacher = lambda name: seen.append(load(name)) or seen[-1]
from train.cli.train import train
train({list(arguments[1:])!r}, standalone_mode=False)
stored = keras.saving.load_model({str(teacher / "model.keras")!r}, compile=False).get_weights()
same = [bool(np.array_equal(a, b)) for a, b in zip(seen[0].get_weights(), stored, strict=True)]
print(json.dumps([len(seen), same]))
"""
    count, same = json.loads(in_child(code, backend).splitlines()[-1])
    assert count == 1
    assert len(same) > 10
    assert all(same)
    record = find_run(str(tmp_path / "pupil")).record
    assert record.recipe is not None
    assert record.recipe["teachers"] == [str(teacher)]
    assert record.history["loss"][-1] < record.history["loss"][0]


def test_loss_is_against_truth_and_teachers_in_their_shares() -> None:
    code = """
from train.devices import start_backend; start_backend()
import json, numpy as np
from train.layers import KnownAccuracy, TaughtCrossentropy
truth, taught = np.float32([[0, 1, 0]]), np.float32([[0.5, 0.3, 0.2]])
logits = np.float32([[1, 2, 0]])
answer = np.concatenate([logits, taught], axis=1)
right = KnownAccuracy()
right.update_state(truth, answer)
loss = TaughtCrossentropy(0.25, 0.0)(truth, answer)
print(json.dumps([float(loss), float(right.result())]))
"""
    loss, right = json.loads(in_child(code))
    # log-softmax of 1, 2, 0 is -1.4076, -0.4076, -2.4076; the aim is 0.125, 0.825, 0.05.
    assert loss == pytest.approx(0.125 * 1.4076 + 0.825 * 0.4076 + 0.05 * 2.4076, abs=1e-4)
    assert right == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--seed", "2"], "expected the same split of the training data, got another"),
        (["--set", "validation_fraction=0.2"], "expected the same split"),
        (["--set", "teachers=['/no/such']"], "no run '/no/such'"),
    ],
)
def test_teacher_that_is_of_no_use_is_refused(
    edgeproof: Edgeproof, teacher: Path, tmp_path: Path, change: list[str], message: str
) -> None:
    taught: list[Any] = ["--set", f"teachers=['{teacher}']", "--runs", tmp_path]
    done = edgeproof(*SMALL, *taught, *change)
    assert done.returncode == 2
    assert message in done.stderr.splitlines()[-1]
    assert not any(tmp_path.rglob("model.keras"))


def test_residual_network_is_quantised_with_nothing_left_of_its_batch_norms() -> None:
    code = """
from train.devices import start_backend; start_backend()
import json, numpy as np
from export.convert import convert
from export.flatbuffer import read_structure
from export.variants import VARIANTS
from train.datasets import OBJECT_28
from train.networks import build_network
from train.recipes import load_recipe
network = build_network(load_recipe("object-residual", "object"), OBJECT_28, 10)
pictures = np.random.default_rng(1).random((4, *OBJECT_28.shape), np.float32)
model = convert(network, VARIANTS["int8"], pictures)
weights = sum(int(np.prod(w.shape)) for w in network.trainable_weights)
print(json.dumps([weights, len(model), sorted(read_structure(model).operators)]))
"""
    weights, size, operators = json.loads(in_child(code).splitlines()[-1])
    assert 0.27e6 < weights < 0.28e6  # of ResNet-20, as its paper says
    assert size < 330_000
    assert operators == ["ADD", "CONV_2D", "FULLY_CONNECTED", "MEAN"]


def in_child(code: str, backend: str = "tensorflow") -> str:
    """What the code prints; TensorFlow must never enter this process."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_teachers_asked_once_teach_what_teachers_asked_each_time_do(
    edgeproof: Edgeproof, teacher: Path, tmp_path: Path
) -> None:
    """As many rounds as epochs: the same pictures, answered beforehand."""
    taught: list[str | Path] = [
        "--set",
        f"teachers=['{teacher}']",
        "--set",
        "augment.shift=0.1",
        "--runs",
        tmp_path,
    ]
    each = edgeproof(*SMALL, *taught, "--name", "each")
    once = edgeproof(*SMALL, *taught, "--name", "once", "--set", "teacher_rounds=3")
    assert (each.returncode, once.returncode) == (0, 0), each.stderr + once.stderr
    assert once.stderr.count("asking ") == 3
    losses = [find_run(str(tmp_path / name)).record.history["loss"] for name in ("each", "once")]
    assert losses[1] == pytest.approx(losses[0], rel=2e-3)  # they were kept in half precision
    assert not list(tmp_path.rglob("taught-*"))


def test_rounds_come_again_and_only_what_is_missing_is_asked(
    edgeproof: Edgeproof, teacher: Path, tmp_path: Path
) -> None:
    arguments = ["--set", f"teachers=['{teacher}']", "--set", "teacher_rounds=2"]
    code = f"""
from train.devices import start_backend; start_backend()
import json, numpy as np
from train import batches, fit
asked, seen, shown = [], [], batches.Batches.__getitem__
def show(self, index):
    inputs, targets, weights = shown(self, index)
    if not index and "taught" in inputs:
        seen.append((inputs["index"].tolist(), inputs["taught"].tolist()))
    return inputs, targets, weights
batches.Batches.__getitem__ = show
ask = fit.ask_teachers
def stop(recipe, spec, machine, batches, stem):
    ask(recipe, spec, machine, batches, stem)
    stem.with_name(stem.name + f"-{{len(batches.chosen)}}-1.npy").unlink()
    return ask(recipe, spec, machine, batches, stem)
fit.ask_teachers = stop
from train.cli.train import train
train({[*SMALL[1:], *arguments, "--runs", str(tmp_path)]!r}, standalone_mode=False)
print(json.dumps(seen))
"""
    first, second, third = json.loads(in_child(code).splitlines()[-1])[-3:]
    assert first == third
    assert first != second


def test_rounds_without_teachers_are_refused(edgeproof: Edgeproof, tmp_path: Path) -> None:
    done = edgeproof(*SMALL, "--set", "teacher_rounds=2", "--runs", tmp_path)
    assert done.returncode == 2
    assert "teacher_rounds is 0, or how often teachers are asked, got 2" in done.stderr
