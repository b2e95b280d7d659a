"""Tuning: the search a recipe asks for, the one that is run, and several processes for it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge.errors import EnvironmentFault, UsageError
from tests.conftest import Edgeproof
from train.recipes import read_recipe, resolve
from train.runs import find_run
from train.search import Search, parse_search, take_search
from train.trials import SearchRecord, Trial, read_search
from train.workers import own_role, search_in_parallel

TINY = """
network = "mlp"
widths = [16]
dropout = 0.0
optimizer = "adam"
learning_rate = 0.01
schedule = "constant"
batch_size = 32
epochs = 3
validation_fraction = 0.2
augment = "none"

[search]
max_epochs = 2
factor = 2

[search.space]
widths = [{ min = 8, max = 24, step = 8 }]
"""
"""Two trials of one epoch, the better one's second, and one of two: the library would draw four."""


def search_of(**changes: Any) -> Search:
    table = read_recipe("mlp-tuned")
    searched = {**table.pop("search"), **changes}
    return parse_search(searched, resolve(table, "mlp-tuned", "object"), "recipe mlp-tuned")


def test_tuned_recipe_searches_what_the_notebook_did() -> None:
    search = search_of()
    assert search.space == {
        "learning_rate": (0.01, 0.001, 0.0001),
        "widths": tuple([units] for units in range(256, 513, 32)),
    }
    assert search.max_epochs == 10
    given = [(each.trials, each.first_epoch, each.last_epoch) for each in search.rounds()]
    bracket_2 = [(12, 0, 2), (4, 2, 4), (2, 4, 10)]
    assert given == [*bracket_2, (6, 0, 4), (2, 4, 10), (4, 0, 10)]
    assert search.epochs() == 120


def test_small_space_is_searched_to_its_end() -> None:
    search = search_of(space={"dropout": [0.0, 0.1, 0.2, 0.3]})
    given = [(each.trials, each.first_epoch, each.last_epoch) for each in search.rounds()]
    assert given == [(4, 0, 2), (2, 2, 4), (1, 4, 10)]


def test_range_is_written_out() -> None:
    space = {
        "dropout": {"min": 0.1, "max": 0.3, "step": 0.1},
        "widths": [{"min": 8, "max": 16, "step": 8}, [32]],
        "augment": {"shift": [0.0, 0.1]},
    }
    assert search_of(space=space).space == {
        "dropout": (0.1, 0.2, 0.3),
        "widths": ([8, 32], [16, 32]),
        "augment.shift": (0.0, 0.1),
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"speed": 1}, r"recipe mlp-tuned: \[search\]: unknown key 'speed'; known are max_epochs"),
        ({"factor": 1}, "factor at 2"),
        ({"space": {}}, "expected at least one key of the recipe"),
        ({"space": {"speed": [1, 2]}}, r"\[search\]: space: unknown key 'speed'"),
        ({"space": {"dropout": [0.1, 1.5]}}, "fractions below 1"),
        ({"space": {"learning_rate": ["fast"]}}, "learning_rate: expected float, got str 'fast'"),
        ({"space": {"dropout": []}}, "space.dropout: expected {min, max, step} or a list"),
        ({"space": {"dropout": [0.1, 0.1]}}, "a value is there twice"),
        ({"space": {"dropout": {"min": 0, "max": 1}}}, "key 'step' is missing"),
        ({"space": {"dropout": {"min": 1, "max": 0, "step": 1}}}, "expected min <= max"),
        ({"space": {"augment": {"speed": [1]}}}, "augment: unknown key 'speed'"),
        ({"space": {"epochs": [1, 2]}}, "'epochs' is the same in every trial"),
        ({"space": {"validation_fraction": [0.1]}}, "'validation_fraction' is the same"),
    ],
)
def test_search_refuses_what_does_not_fit(changes: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        search_of(**changes)


def test_recipe_without_a_search_says_how_one_looks() -> None:
    with pytest.raises(UsageError, match=r"recipe cnn: expected a \[search\] table.*learning_rate"):
        take_search(read_recipe("cnn"), "cnn")


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "tiny.toml"
    path.write_text(TINY)
    return path


@pytest.fixture(scope="module")
def resumed(
    edgeproof: Edgeproof, recipe: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A run whose search was killed behind the first trial and went on with --resume."""
    runs = tmp_path_factory.mktemp("resumed")
    arguments = ["tune", "optdigits", "--recipe", str(recipe), "--name", "t", "--runs", str(runs)]
    child = subprocess.Popen(
        [sys.executable, "-m", "edge", *arguments], stderr=subprocess.PIPE, text=True
    )
    assert child.stderr
    assert "trial 1 of 4: widths [" in child.stderr.readline()
    child.kill()
    child.communicate()
    assert not (runs / "t" / "search.json").exists()
    done = edgeproof(*arguments, "--resume")
    assert done.returncode == 0, done.stderr
    return runs / "t", done


def record_of(folder: Path) -> SearchRecord:
    record = read_search(folder)
    assert record is not None
    return record


def test_killed_search_goes_on(resumed: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, done = resumed
    told = [line for line in done.stderr.splitlines() if line.startswith("trial ")]
    assert f"resuming the search in {folder}/search" in done.stderr
    numbers = [line.split(":")[0] for line in told]
    assert numbers == [f"trial {n} of 4" for n in range(5 - len(told), 5)]
    assert 1 <= len(told) <= 3
    assert "left" in told[-1]
    assert not (folder / "search").exists()
    for noise in ("retracing", "Reloading", "keras_tuner", "WARNING"):
        assert noise not in done.stdout + done.stderr


def test_search_says_what_it_tried(
    resumed: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, done = resumed
    record = record_of(folder)
    assert sorted(trial.number for trial in record.trials) == [1, 2, 3, 4]
    assert {tuple(trial.values["widths"]) for trial in record.trials} == {(8,), (16,), (24,)}
    best = record.trials[0]
    assert best.val_accuracy == max(trial.val_accuracy for trial in record.trials)
    (second,) = (trial for trial in record.trials if trial.continues)
    (first,) = (trial for trial in record.trials if trial.number == second.continues)
    assert (first.values, first.last_epoch) == (second.values, second.first_epoch)
    assert second.val_loss is not None
    assert first.val_loss is not None
    assert second.val_loss < first.val_loss
    assert done.stdout.splitlines()[0].split() == [
        *("trial", str(best.number), f"{100 * best.val_accuracy:.2f}", "%"),
        *("loss", f"{best.val_loss:.4f}", "epoch", str(best.best_epoch)),
        *("widths", str(best.values["widths"])),
    ]


def test_tuned_run_was_trained_with_the_winner(
    resumed: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, _ = resumed
    winner = record_of(folder).winner()
    assert resolve(read_recipe(str(folder / "recipe.toml")), "found", "object") == winner
    trained = find_run(str(folder)).record
    assert trained.recipe is not None
    assert trained.recipe["widths"] == list(winner.widths)
    assert trained.epochs == 3
    for trial in record_of(folder).trials:
        if trial.values["widths"] == list(winner.widths):  # it was the same training, cut short
            scores = trained.history["val_accuracy"][trial.best_epoch - 1]
            assert trial.val_accuracy == pytest.approx(scores, abs=1e-6)


def test_two_workers_find_what_one_process_finds(
    resumed: tuple[Path, subprocess.CompletedProcess[str]],
    edgeproof: Edgeproof,
    recipe: Path,
    tmp_path: Path,
) -> None:
    arguments = ["tune", "optdigits", "--recipe", str(recipe), "--name", "t"]
    done = edgeproof(*arguments, "--runs", tmp_path, "--workers", "2", "--trials-only")
    assert done.returncode == 0, done.stderr
    assert "trial 4 of 4" in done.stderr
    assert len(done.stdout.splitlines()) == 5
    assert not (tmp_path / "t" / "model.keras").exists()

    def comparable(record: SearchRecord) -> list[Trial]:
        trials = [replace(t, number=0, continues=None, seconds=0.0) for t in record.trials]
        return sorted(trials, key=lambda trial: (trial.values["widths"], trial.last_epoch))

    alone, together = record_of(resumed[0]), record_of(tmp_path / "t")
    assert alone.id == together.id
    for one, other in zip(comparable(alone), comparable(together), strict=True):
        assert one.val_loss == pytest.approx(other.val_loss, rel=1e-4)
        assert replace(one, val_loss=0, loss=0) == replace(other, val_loss=0, loss=0)


def test_worker_that_ends_early_ends_the_search(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(EnvironmentFault, match=r"(chief|worker 1) ended with 2, so the others"):
        search_in_parallel(["tune", "nowhere"], 1)
    assert "nowhere" in capfd.readouterr().err


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL], ids=["interrupt", "kill"])
def test_workers_end_with_their_parent(end: signal.Signals, tmp_path: Path) -> None:
    stub = tmp_path / "python"
    stub.write_text('#!/bin/sh\necho $$ > "$0.$KERASTUNER_TUNER_ID"\nexec sleep 60\n')
    stub.chmod(0o755)
    code = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    code += "from edge.cli import main; sys.executable = sys.argv[1]; "
    code += "main(['tune', 'optdigits', '--runs', sys.argv[1] + '.runs', '--workers', '2'])"
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(stub)], stderr=subprocess.PIPE, text=True
    )
    files = [tmp_path / f"python.{name}" for name in ("chief", "worker 1", "worker 2")]
    wait_until(lambda: all(path.is_file() and path.read_text() for path in files))
    children = [int(path.read_text()) for path in files]
    assert all(is_alive(child) for child in children)
    parent.send_signal(end)
    _, told = parent.communicate(timeout=30)
    if end == signal.SIGINT:
        assert (parent.returncode, told.lstrip()) == (130, "edgeproof: error: interrupted\n")
    wait_until(lambda: not any(is_alive(child) for child in children))


def wait_until(holds: Any) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_alive(process: int) -> bool:
    """Whether it runs; an orphan that nobody waited for does not."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.parametrize(
    ("settings", "workers", "message"),
    [
        ({"KERASTUNER_ORACLE_IP": "10.0.0.1"}, None, "together, got KERASTUNER_ORACLE_IP alone"),
        ({"KERASTUNER_TUNER_ID": "chief"}, 2, "starts its own chief"),
    ],
)
def test_half_a_cluster_is_refused(
    settings: dict[str, str], workers: int | None, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=message):
        own_role(workers)
