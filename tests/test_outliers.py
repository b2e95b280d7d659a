"""Outliers look as `ink` leaves a picture, come out the same, and teach a model to say unknown."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.contract import Input, Preprocess
from edge.errors import UsageError
from tests.conftest import Edgeproof
from tests.shapes import make_shapes
from train.datasets import INK_28, OBJECT_28
from train.outliers import IN_PIECES, SHARES, check_kind, draw_one, draw_outliers, printed_digits
from train.outliers.glyphs import ALPHABETS, draw_text, text_fonts
from train.outliers.looks import FAINT, settle
from train.outliers.pen import FIGURES, draw_figure
from train.runs import find_run

WHOLE = {"noise", "surface"}
"""Kinds that fill the field; all others are placed as a digit is."""


@pytest.fixture(scope="module")
def digits() -> NDArray[np.uint8]:
    return printed_digits((28, 28))


def test_outliers_are_drawn_as_the_model_takes_pictures() -> None:
    drawn = draw_outliers(60, INK_28, seed=1)
    assert drawn.shape == (60, 28, 28, 1)
    assert drawn.dtype == np.uint8
    assert len({picture.tobytes() for picture in drawn}) == 60
    large = Input(40, 36, "gray", Preprocess("ink", (0.0,), (255.0,)))
    assert draw_outliers(4, large, seed=1).shape == (4, 40, 36, 1)


def test_same_seed_draws_the_same(digits: NDArray[np.uint8]) -> None:
    first, again, other = (draw_outliers(50, INK_28, seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    of_digits = draw_outliers(50, INK_28, 1, digits[:3, ..., None])
    assert not np.array_equal(first, of_digits)


@pytest.mark.parametrize("kind", SHARES)
def test_every_kind_shows_something(kind: str, digits: NDArray[np.uint8]) -> None:
    rng = np.random.default_rng(3)
    for _ in range(30):
        field = draw_one(kind, (28, 28), digits, rng)
        assert np.count_nonzero(field > 127) >= 8


@pytest.mark.parametrize("kind", sorted(set(SHARES) - WHOLE))
def test_marks_are_placed_as_mnist_places_digits(kind: str, digits: NDArray[np.uint8]) -> None:
    """Longer side 20 pixels, centre of mass centred, light on black, soft at the edge."""
    rng, soft = np.random.default_rng(4), 0
    for _ in range(30):
        field = draw_one(kind, (28, 28), digits, rng).astype(float)
        rows, columns = np.nonzero(field > FAINT)
        assert 15 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= 22
        down, right = np.indices(field.shape)
        middle = [(field * at).sum() / field.sum() + 0.5 for at in (down, right)]
        # A lopsided mark is held within the field.
        assert np.abs(np.array(middle) - 14).max() < 5
        assert np.median([field[0, 0], field[0, -1], field[-1, 0], field[-1, -1]]) < 128
        soft += bool(((field > 20) & (field < 235)).any())
    assert soft > 20


@pytest.mark.parametrize("kind", ["scribble", "patch", "solid", "fragment"])
def test_nothing_shapeless_could_be_a_one(kind: str, digits: NDArray[np.uint8]) -> None:
    rng = np.random.default_rng(5)
    for _ in range(100):
        rows, columns = np.nonzero(draw_one(kind, (28, 28), digits, rng) > 127)
        assert np.ptp(columns) + 1 > 0.45 * (np.ptp(rows) + 1)


def test_signs_that_are_drawn_like_a_digit_are_left_out() -> None:
    every = set("".join(ALPHABETS)) | set(FIGURES)
    assert not every & set("0123456789OoIl|SsZzBbgqi/()")
    assert {"A", "T", "Y", "G", "E", "H", "K"} <= set(ALPHABETS[0])


def test_no_font_draws_its_box_for_what_it_lacks() -> None:
    """Hebrew is in one family; in the others it would be a picture of the missing glyph."""
    from train.outliers.glyphs import _has

    able = {path.stem for path in text_fonts() if "א" in _has(path)}
    assert "DejaVuSans" in able
    assert "cmr10" not in able
    box = next(draw_text("א", path) for path in text_fonts() if path.stem == "cmr10")
    assert not np.array_equal(box, draw_text("A", text_fonts()[0]))


def test_a_figure_is_never_twice_the_same() -> None:
    rng = np.random.default_rng(6)
    assert len({draw_figure(rng).tobytes() for _ in range(60)}) == 60


def test_settling_keeps_the_shape_and_forgets_place_and_size() -> None:
    small, large = np.zeros((64, 64), np.uint8), np.zeros((64, 64), np.uint8)
    small[5:25, 40:50] = 255
    large[10:50, 20:40] = 255
    fields = [settle(one, (28, 28), np.random.default_rng(0)) for one in (small, large)]
    assert np.abs(fields[0].astype(int) - fields[1]).max() < 40
    assert (fields[0][14, 9:19] == 255).sum() in (9, 10)
    assert not settle(np.zeros((64, 64), np.uint8), (28, 28), np.random.default_rng(0)).any()


def test_each_epoch_sees_all_digits_and_other_outliers() -> None:
    code = """
from train.devices import start_backend; start_backend()
import json
import numpy as np
from train.augment import Augment
from train.batches import Batches
batches = Batches(
    np.zeros((50, 2, 2, 1), np.uint8), np.arange(20), np.zeros((50, 2), np.float32),
    batch_size=10, augment=Augment(), seed=1, others=np.arange(20, 50), others_each=10,
)
seen = []
for epoch in (0, 1, 2, 0):
    batches.begin(epoch)
    seen.append([int(row) for index in range(len(batches)) for row in batches[index][0]["index"]])
print(json.dumps(seen))
"""
    epochs = json.loads(in_child(code))
    outliers = [{row for row in rows if row >= 20} for rows in epochs]
    for rows, others in zip(epochs, outliers, strict=True):
        assert sorted(rows) == [*range(20), *sorted(others)]
        assert len(others) == 10
    assert outliers[0] != outliers[1] != outliers[2]
    assert epochs[3] == epochs[0]


def test_half_of_an_epoch_is_seen_on_paper_and_none_twice() -> None:
    code = """
from train.devices import start_backend; start_backend()
import json
import numpy as np
from train.augment import Augment
from train.batches import Batches
twins = np.concatenate([np.arange(200, 400), np.arange(200, 400)])
batches = Batches(
    np.zeros((400, 2, 2, 1), np.uint8), np.arange(200), np.zeros((400, 2), np.float32),
    batch_size=50, augment=Augment(), seed=1, twins=twins, twin_share=0.5,
)
seen = []
for epoch in (0, 1, 0):
    batches.begin(epoch)
    seen.append([int(row) for index in range(len(batches)) for row in batches[index][0]["index"]])
print(json.dumps(seen))
"""
    epochs = json.loads(in_child(code))
    for rows in epochs:
        assert sorted(row % 200 for row in rows) == list(range(200))
        assert 70 < sum(row >= 200 for row in rows) < 130
    assert {row for row in epochs[0] if row >= 200} != {row for row in epochs[1] if row >= 200}
    assert epochs[0] == epochs[2]


def test_kinds_can_be_left_out(digits: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []

    def note(kind: str, side: tuple[int, int], *_: object) -> NDArray[np.uint8]:
        drawn.append(kind)
        return np.zeros(side, np.uint8)

    monkeypatch.setattr("train.outliers.draw_one", note)
    draw_outliers(600, INK_28, 1, digits[..., None], IN_PIECES)
    assert set(drawn) == set(SHARES) - set(IN_PIECES)


def test_no_outlier_comes_off_the_paper_as_an_upright_bar(tmp_path: Path) -> None:
    """Of an N whose hair line is lost a stem is left; to a camera that is a 1."""
    code = """
from train.devices import start_backend; start_backend()
from pathlib import Path
from types import SimpleNamespace as Such
import numpy as np
from train import mixture, outliers
from train.datasets import INK_28
outliers.SHARES = {"glyph": 1.0}
job = Such(
    recipe=Such(on_paper=1.0), dataset=Such(input=INK_28), seed=1
)
digits = outliers.printed_digits((28, 28))[..., None]
seen = mixture._outliers(job, 150, 1, digits)
drawn = outliers.draw_outliers(150, INK_28, 1, digits)
bars = [not outliers.is_wide(one[:, :, 0] > 127) for one in seen]
found = [not outliers.is_wide(one[:, :, 0] > 127) for one in mixture.find_on_paper(drawn, 1)]
same = [bool((one == other).all()) for one, other in zip(seen, drawn)]
print(json.dumps([bars, found, same]))
"""
    bars, found, same = json.loads(in_child("import json" + code))
    assert sum(found) > 1
    assert all(is_same for is_bar, is_same in zip(found, same, strict=True) if is_bar)
    assert all(is_same for is_bar, is_same in zip(bars, same, strict=True) if is_bar)


@pytest.mark.parametrize("spec", [OBJECT_28])
def test_outliers_are_for_handwriting(spec: Input) -> None:
    check_kind(INK_28)
    with pytest.raises(UsageError, match=r"outliers: expected handwriting .* got .* kind object"):
        check_kind(spec)


def test_photos_with_outliers_are_refused_before_they_are_prepared(
    edgeproof: Edgeproof, tmp_path: Path
) -> None:
    make_shapes(tmp_path / "shapes", per_class=12)
    done = edgeproof(
        *("train", tmp_path / "shapes", "--recipe", "ink", "--runs", tmp_path / "runs")
    )
    assert done.returncode == 2
    assert "outliers: expected handwriting" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "runs").exists()


def test_a_training_with_outliers_answers_others_with_unknown(
    edgeproof: Edgeproof, tmp_path: Path
) -> None:
    """The plain recipe calls most of them a digit; both are asked at their own threshold."""
    answered = {}
    for share in (0.0, 0.5):
        done = edgeproof(
            *("train", "optdigits", "--recipe", "ink", "--runs", tmp_path, "--name", f"run{share}"),
            *("--epochs", "12", "--set", "widths=[16,16]", "--set", "ema=0.9"),
            *("--set", f"outliers={share}"),
        )
        assert done.returncode == 0, done.stderr
        record = find_run(str(tmp_path / f"run{share}")).record
        assert record.confidence is not None
        assert record.confidence.unknown_threshold is not None
        assert record.history["val_accuracy"][record.best_epoch - 1] > 0.93
        assert record.history["accuracy"][-1] > 0.8  # of digits: outliers have no right answer
        scores = scores_of(tmp_path / f"run{share}", record.confidence.temperature)
        answered[share] = float((scores >= record.confidence.unknown_threshold).mean())
    assert answered[0.5] < 0.5 * answered[0.0]


def scores_of(run: Path, temperature: float) -> NDArray[np.float64]:
    """Top scores of the run's float model on outliers that no training has drawn."""
    code = f"""
from train.devices import start_backend; start_backend()
import keras, numpy as np
from train.datasets import INK_28
from train.outliers import draw_outliers
drawn = draw_outliers(400, INK_28, seed=77).astype("float32") / 255
logits = np.asarray(keras.saving.load_model({str(run / "model.keras")!r})(drawn)) / {temperature}
chances = np.exp(logits - logits.max(1, keepdims=True))
np.save({str(run / "scores.npy")!r}, (chances / chances.sum(1, keepdims=True)).max(1))
"""
    in_child(code)
    scores: NDArray[np.float64] = np.load(run / "scores.npy")
    return scores


def in_child(code: str) -> str:
    """What the code prints; TensorFlow must never enter this process."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
