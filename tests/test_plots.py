"""The pictures of a run: what they count is right, and each file shows something."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edge.classifier import Classifier
from edge.cli import run
from edge.contract import Input, Preprocess
from edge.errors import UsageError
from tests.conftest import Edgeproof, Exported
from train.datasets import load_dataset
from train.plots import figures, pictures
from train.plots.answers import Answers, balanced, confident_mistakes, confusion, recall, softmax
from train.plots.collection import prediction_figures, run_figures
from train.plots.page import page_data, write_page
from train.plots.parts import Part, part_of
from train.runs import Confidence, Run, Split, find_run, write_record, write_split
from train.samples import PictureFiles, Samples

Capture = pytest.CaptureFixture[str]

TEMPERATURE = 2.0
LABELS = ("<b>cat</b>", "dog & 'co' $x$", "elk")
RGB_20 = Input(20, 20, "rgb", Preprocess("photo", (0.0,) * 3, (255.0,) * 3, fit="stretch"))


@pytest.fixture(scope="module")
def calibrated(exported: Exported, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the small run that holds a temperature."""
    folder = tmp_path_factory.mktemp("plots") / "tiny"
    shutil.copytree(exported.run, folder)
    record = find_run(str(folder)).record
    write_record(folder, replace(record, confidence=Confidence(TEMPERATURE, 0.5)))
    return folder


@pytest.fixture(scope="module")
def logits(exported: Exported) -> NDArray[np.float64]:
    """(450, 10): what the same network says of the test pictures on the edge's own runtime."""
    with Classifier(exported.bundle("float32")) as classifier:
        frames = load_dataset("optdigits").test
        return np.stack([classifier.logits(frame) for frame in frames]).astype(np.float64)


@pytest.fixture
def elsewhere(exported: Exported) -> tuple[Part, Answers]:
    """Answers of a model without a history, of three classes; one picture holds nothing."""
    record = replace(
        find_run(str(exported.run)).record,
        name="mine",
        dataset="/home/somebody/pets",
        labels=LABELS,
        input=RGB_20,
        recipe=None,
        epochs=0,
        best_epoch=0,
        history={},
    )
    rng = np.random.default_rng(1)
    frames = rng.integers(0, 256, (4, 20, 20, 3), dtype=np.uint8)
    samples = Samples(frames, np.array([0, 1, 1, 2]))
    chances = np.array([[0.5, 0.3, 0.2], [0.7, 0.2, 0.1], [0.9, 0.1, 0.0], [0.0, 0.0, 0.0]])
    part = Part(Run(exported.run, record), "test", samples)
    return part, Answers(LABELS, samples.targets, chances, threshold=0.6)


def look(path: Path) -> NDArray[np.uint8]:
    """The pixels of a PNG, checked to be of a sane size and not blank."""
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        pixels = np.asarray(picture.convert("RGB"))
    assert 200 < min(pixels.shape[:2]) <= max(pixels.shape[:2]) < 3000, path
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20, path
    return pixels


def test_pictures_of_a_run_are_written_and_its_counts_are_right(
    edgeproof: Edgeproof, calibrated: Path, logits: NDArray[np.float64]
) -> None:
    done = edgeproof("plots", calibrated, "--format", "json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    folder = calibrated / "plots"
    names = ["samples", "curves", "predictions", "confusion", "mistakes"]
    assert told["written"] == [
        *(str(folder / f"{name}.png") for name in names),
        str(folder / "index.html"),
    ]
    for name in names:
        look(folder / f"{name}.png")
    targets, called = load_dataset("optdigits").test.targets, logits.argmax(axis=1)
    assert told["accuracy"] == pytest.approx(np.mean(called == targets))
    counts = [[int(((targets == t) & (called == c)).sum()) for c in range(10)] for t in range(10)]
    assert told["confusion"]["counts"] == [[*row, 0] for row in counts]
    assert told["recall"]["3"] == pytest.approx(counts[3][3] / sum(counts[3]))
    scores = [one["score"] for one in told["mistakes"]]
    assert scores == sorted(scores, reverse=True)
    assert {one["index"] for one in told["mistakes"]} == set(np.flatnonzero(called != targets))


def test_probabilities_of_one_picture_are_the_models_own(
    edgeproof: Edgeproof, calibrated: Path, logits: NDArray[np.float64], tmp_path: Path
) -> None:
    asked = ("--index", "12", "--index", "449")
    done = edgeproof("plots", calibrated, *asked, "--out", tmp_path, "--format", "json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [one["index"] for one in told["predictions"]] == [12, 449]
    for one in told["predictions"]:
        powers = np.exp(logits[one["index"]] / TEMPERATURE)
        chances = list(one["probabilities"].values())
        assert sum(chances) == pytest.approx(1)
        assert chances == pytest.approx(powers / powers.sum(), abs=1e-4)
        assert one["is_unknown"] == (max(chances) < 0.5)
        look(tmp_path / f"prediction-{one['index']}.png")
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--index", "99999"], 2, "no test picture 99999: expected 0 to 449, tiny has 450"),
        (["--index", "-1"], 2, "no test picture -1: expected 0 to 449"),
        (["--split", "validation", "--index", "300"], 2, "no validation picture 300"),
        (["--show"], 4, "--show expected a display and a toolkit for windows"),
    ],
)
def test_what_cannot_be_shown_is_said_in_one_line(
    exported: Exported, capsys: Capture, arguments: list[str], code: int, message: str
) -> None:
    assert run(["plots", str(exported.run), *arguments]) == code
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (exported.run / "plots").exists()


def test_data_that_changed_since_the_training_is_refused(
    exported: Exported, tmp_path: Path, capsys: Capture
) -> None:
    shutil.copytree(exported.run, tmp_path / "tiny")
    record = find_run(str(tmp_path / "tiny")).record
    write_record(tmp_path / "tiny", replace(record, test_sha256="0" * 64))
    assert run(["plots", str(tmp_path / "tiny")]) == 2
    assert "is not the data that" in capsys.readouterr().err


def test_a_run_that_kept_no_validation_pictures_says_so(exported: Exported, tmp_path: Path) -> None:
    shutil.copytree(exported.run, tmp_path / "tiny")
    split = Split(np.arange(1347), np.array([], np.int64))
    write_split(tmp_path / "tiny", split)
    before = find_run(str(tmp_path / "tiny"))
    kept = replace(before, record=replace(before.record, split_sha256=split.fingerprint()))
    dataset = load_dataset("optdigits")
    assert len(part_of(kept, dataset, "train").samples) == 1347
    with pytest.raises(UsageError, match="has no validation pictures"):
        part_of(kept, dataset, "validation")


def test_a_model_from_elsewhere_has_all_pictures_but_curves(
    elsewhere: tuple[Part, Answers], tmp_path: Path
) -> None:
    part, answers = elsewhere
    drawn = run_figures(part, answers, part.samples)
    drawn |= prediction_figures(part, answers, [0, 1, 2, 3])
    assert "curves.png" not in drawn
    for name, draw in drawn.items():
        look(figures.save(tmp_path / name, draw))
    text = write_page(tmp_path / "index.html", part, answers, part.samples).read_text()
    assert 'id="charts"' not in text
    assert "/home/somebody" not in text


def test_page_needs_nothing_from_elsewhere_and_escapes_labels(
    elsewhere: tuple[Part, Answers], tmp_path: Path
) -> None:
    part, answers = elsewhere
    text = write_page(tmp_path / "index.html", part, answers, part.samples).read_text()
    assert not re.search(r"https?:|//[a-z]|@import|<link|src=", re.sub('base64,[^"]*', "", text))
    assert "<b>cat" not in text
    assert "&lt;b&gt;cat&lt;/b&gt;" in text
    assert "\\u003cb\\u003ecat" in text  # in the data of the script


def test_page_holds_each_picture_in_its_cell(elsewhere: tuple[Part, Answers]) -> None:
    part, answers = elsewhere
    data = page_data(part, answers, part.samples)
    assert data["numbers"] == [2, 1, 3, 0]  # mistakes, surest first, then what is right
    assert data["called"] == [0, 0, -1, 0]
    chances = np.frombuffer(base64.b64decode(data["chances"]), "<u2").reshape(4, 3) / 65535
    assert chances == pytest.approx(answers.probabilities[[2, 1, 3, 0]], abs=1e-5)
    sprite = np.asarray(Image.open(_content(data["sprite"]["uri"])), int)
    height, width = data["sprite"]["cell"]
    for place, number in enumerate(data["numbers"]):
        top = place // data["sprite"]["columns"] * height
        left = place % data["sprite"]["columns"] * width
        cell = sprite[top : top + 20, left : left + 20]
        errors = [np.abs(cell - np.asarray(other, int)).mean() for other in part.samples]
        assert int(np.argmin(errors)) == number


def test_page_names_pictures_that_are_files(
    elsewhere: tuple[Part, Answers], tmp_path: Path
) -> None:
    part, answers = elsewhere
    paths = tuple(tmp_path / "pets" / f"{number}.png" for number in range(4))
    (tmp_path / "pets").mkdir()
    for path, frame in zip(paths, part.samples, strict=True):
        Image.fromarray(frame).save(path)
    samples = Samples(PictureFiles(paths), part.samples.targets)
    data = page_data(replace(part, samples=samples), answers, samples)
    assert data["names"] == ["pets/2.png", "pets/1.png", "pets/3.png", "pets/0.png"]


def test_a_sprite_that_would_be_too_large_holds_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (100, 28, 28, 1), dtype=np.uint8)
    assert pictures.make_sprite(noise)[1] == 100
    monkeypatch.setattr(pictures, "MAX_SPRITE_BYTES", 20_000)
    sprite, count = pictures.make_sprite(noise)
    assert 10 < count < 30
    assert len(sprite.uri) < 20_000 * 4 / 3 + 100


def test_counts_and_ranking_know_what_was_not_found(elsewhere: tuple[Part, Answers]) -> None:
    _, answers = elsewhere
    counts = confusion(answers)
    assert counts.tolist() == [[1, 0, 0, 0], [2, 0, 0, 0], [0, 0, 0, 1]]
    assert recall(counts) == [1.0, 0.0, 0.0]
    assert recall(np.zeros((2, 3), np.int64)) == [None, None]
    assert confident_mistakes(answers).tolist() == [2, 1, 3]
    assert [answers.is_unknown(index) for index in range(4)] == [True, False, False, True]


def test_balanced_takes_alike_of_each_class() -> None:
    targets = np.repeat(np.arange(3), (50, 5, 1))
    chosen = balanced(targets, 9, seed=1)
    assert np.bincount(targets[chosen]).tolist() == [4, 4, 1]
    assert len(set(chosen)) == 9
    assert balanced(targets, 999, seed=1).size == 56


def test_softmax_stands_large_logits_and_a_temperature() -> None:
    chances = softmax(np.array([[1000.0, 1000.0], [0.0, np.log(9) * 2]]), 2.0)
    assert chances == pytest.approx(np.array([[0.5, 0.5], [0.1, 0.9]]))


def _content(uri: str) -> io.BytesIO:
    return io.BytesIO(base64.b64decode(uri.partition("base64,")[2]))
