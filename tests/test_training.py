"""Training: a run folder that says how it was made, and an interruption that costs one epoch."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from edge.classifier import Classifier
from edge.errors import ModelError, UsageError
from tests.conftest import Edgeproof, Exported
from train.augment import shift
from train.datasets import load_dataset
from train.recipes import Recipe, load_recipe, recipe_names
from train.runs import find_run


def test_run_folder_tells_how_it_was_made(exported: Exported) -> None:
    run = find_run(str(exported.run))
    record = run.record
    assert {path.name for path in exported.run.iterdir()} == {
        *("model.keras", "run.json", "split.npz", "curves.png")
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


def test_interrupted_training_goes_on_where_it_was(edgeproof: Edgeproof, tmp_path: Path) -> None:
    arguments = ["train", "optdigits", "--recipe", "mlp", "--epochs", "25", "--runs", str(tmp_path)]
    # A job in the background inherits an ignored SIGINT, and Python leaves it so.
    code = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    code += "from edge.cli import main; main(sys.argv[1:])"
    child = subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stderr=subprocess.PIPE, text=True
    )
    state = tmp_path / "optdigits-mlp" / "checkpoint" / "checkpoint.json"
    deadline = time.monotonic() + 120
    while not state.is_file() and time.monotonic() < deadline:
        time.sleep(0.02)
    child.send_signal(signal.SIGINT)
    _, told = child.communicate(timeout=60)
    assert child.returncode == 130, told
    assert "Traceback" not in told
    assert not (tmp_path / "optdigits-mlp" / "model.keras").exists()
    done = edgeproof(*arguments, "--resume")
    assert done.returncode == 0, done.stderr
    assert "resuming optdigits-mlp behind epoch" in done.stderr
    record = find_run(str(tmp_path / "optdigits-mlp")).record
    assert (record.epochs, len(record.history["loss"])) == (25, 25)
    straight = tmp_path / "straight"
    edgeproof(*arguments[:-1], str(straight))
    whole = find_run(str(straight / "optdigits-mlp")).record
    assert record.id == whole.id
    assert record.history["loss"][0] == pytest.approx(whole.history["loss"][0], rel=1e-4)


def test_notebook_recipe_is_the_notebooks(tmp_path: Path) -> None:
    recipe = load_recipe("mlp")
    assert (recipe.widths, recipe.dropout, recipe.optimizer) == ((128,), 0.2, "sgd")
    assert (recipe.batch_size, recipe.epochs, recipe.shift_pixels) == (32, 15, 0)


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_loads(name: str) -> None:
    assert isinstance(load_recipe(name), Recipe)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ({"speed": 2}, "recipe cnn: unknown key 'speed'; known are network, widths"),
        ({"dropout": 1.0}, "fractions below 1"),
        ({"network": "vgg"}, "network: expected one of mlp, cnn, got 'vgg'"),
        ({"widths": [8, "x"]}, r"widths\[1\]: expected int, got str 'x'"),
        ({"epochs": True}, "epochs: expected int, got bool True"),
    ],
)
def test_recipe_refuses_what_does_not_fit(override: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_recipe("cnn", **override)


def test_shift_moves_whole_pictures_and_repeats_the_border() -> None:
    batch = np.arange(2 * 6 * 6, dtype=np.float32).reshape(2, 6, 6, 1)
    moved = shift(batch, 2, np.random.default_rng(0))
    assert moved.shape == batch.shape
    for before, after in zip(batch[..., 0], moved[..., 0], strict=True):
        candidates = [
            np.pad(before, 2, mode="edge")[down : down + 6, right : right + 6]
            for down in range(5)
            for right in range(5)
        ]
        assert any(np.array_equal(after, candidate) for candidate in candidates)
    assert shift(batch, 0, np.random.default_rng(0)) is batch


def test_model_answers_with_logits(exported: Exported) -> None:
    frames = np.asarray(load_dataset("optdigits").test.frames)[:30]
    with Classifier(exported.bundle("float32")) as classifier:
        logits = np.stack([classifier.logits(frame) for frame in frames])
        scores = [classifier.classify(frame, top=10).top for frame in frames]
    assert logits.min() < -1  # a probability would never be
    assert all(sum(one.score for one in top) == pytest.approx(1) for top in scores)
