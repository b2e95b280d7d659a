"""A model that answers with no numbers, or with none that can be scores: a record, never a class.

The models are admitted: to their golden frames, which are black, they answer rightly.
"""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge.bundle import Bundle, write_bundle
from edge.classifier import Classifier
from edge.cli import run
from edge.errors import FrameError, ModelError
from edge.selftest import run_selftest
from tests.tiny import tiny_bundle

Capture = pytest.CaptureFixture[str]
LIGHT = np.full((28, 28), 255, np.uint8)
DARK = np.zeros((28, 28), np.uint8)

BAD: dict[str, tuple[Bundle, str]] = {
    "infinite": (tiny_bundle(weight=1e38), "expected finite numbers, it answers [inf inf inf inf]"),
    "minus infinite": (tiny_bundle(weight=-1e38), "it answers [-inf -inf -inf -inf]"),
    "above 1": (
        tiny_bundle(0.001, (0.1, 0.2, 0.3, 0.4), "probabilities"),
        "expected probabilities from 0 to 1, it answers [0.88",
    ),
    "below 0": (
        tiny_bundle(-0.001, (0.1, 0.2, 0.3, 0.4), "probabilities"),
        "expected probabilities from 0 to 1, it answers [-0.68",
    ),
    "infinite probabilities": (
        tiny_bundle(1e38, (0.1, 0.2, 0.3, 0.4), "probabilities"),
        "expected finite numbers",
    ),
}


@pytest.mark.parametrize("name", list(BAD))
def test_no_class_is_made_of_bad_outputs_in_any_way(name: str) -> None:
    bundle, message = BAD[name]
    with Classifier(bundle) as classifier:
        assert classifier.classify(DARK).label == "dog"
        for ask in (
            classifier.classify,
            classifier.classify_closely,
            classifier.classify_regions,
            classifier.logits,
        ):
            with pytest.raises(FrameError) as caught:
                ask(LIGHT)
            assert caught.value.kind == "bad-output"
            assert message in str(caught.value)
            assert "\n" not in str(caught.value)


def test_nan_is_no_answer_either() -> None:
    with Classifier(tiny_bundle(biases=(0.0, float("nan"), 1.0, 2.0))) as classifier:
        with pytest.raises(FrameError, match=r"it answers \[ 0\. nan 1\. 2\.\]"):
            classifier.classify(DARK)
        with pytest.raises(ModelError, match="model 'tiny' cannot answer its own frames"):
            run_selftest(classifier)


def test_rounding_of_probabilities_is_no_fault() -> None:
    with Classifier(tiny_bundle(biases=(1.004, -0.003, 0.0, 0.0), meaning="probabilities")) as one:
        result = one.classify(DARK)
    assert result.label == "ant"
    assert result.score == pytest.approx(1.004)


@pytest.mark.parametrize("regions", ["whole", "auto"])
@pytest.mark.parametrize("format_name", ["jsonl", "csv", "table"])
@pytest.mark.parametrize("name", ["infinite", "above 1"])
def test_classify_writes_an_error_and_goes_on(
    name: str, format_name: str, regions: str, tmp_path: Path, capsys: Capture
) -> None:
    write_bundle(tmp_path / "tiny.tflite", BAD[name][0])
    for index, frame in enumerate((DARK, LIGHT, DARK)):
        Image.fromarray(frame).save(tmp_path / f"{index}.png")
    arguments = ["--model", str(tmp_path / "tiny.tflite"), "--jobs", "1"]
    arguments += ["--format", format_name, "--regions", regions]
    assert run(["classify", *(str(tmp_path / f"{n}.png") for n in range(3)), *arguments]) == 1
    captured = capsys.readouterr()
    if format_name == "jsonl":
        records = [json.loads(line) for line in captured.out.splitlines()]
        kinds = [record.get("error", {}).get("kind", "") for record in records]
        assert "label" not in records[1]
    elif format_name == "csv":
        kinds = [row["error_kind"] for row in csv.DictReader(io.StringIO(captured.out))]
    else:
        kinds = ["", "bad-output" if "it answers [" in captured.err else "", ""]
        assert "1.png" not in captured.out
    assert kinds == ["", "bad-output", ""]


@pytest.mark.parametrize("regions", ["whole", "auto"])
def test_camera_writes_an_error_and_goes_on(
    regions: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_bundle(tmp_path / "tiny.tflite", BAD["infinite"][0])
    frames = tmp_path / "frames"
    frames.mkdir()
    for index, frame in enumerate((DARK, LIGHT, DARK)):
        Image.fromarray(frame).save(frames / f"{index}.png")
    arguments = ["--all-frames", "--format", "jsonl", "--regions", regions]
    code = run(["camera", str(frames), *arguments, "--model", str(tmp_path / "tiny.tflite")])
    records = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    told = [one for one in records if "label" in one or "error" in one]
    assert [one.get("error", {}).get("kind", "") for one in told] == ["", "bad-output", ""]
    assert code == 1


def test_fault_of_the_runtime_is_an_error_of_the_frame() -> None:
    """An operator that refuses what it is given, which it may find out at any frame."""

    class Refusing:
        def set_tensor(self, index: int, tensor: object) -> None:
            pass

        def invoke(self) -> None:
            raise RuntimeError("gather index out of bounds.\nNode number 3 (GATHER) failed")

    with Classifier(tiny_bundle()) as classifier:
        inner = classifier._interpreter
        inner._interpreter = Refusing()
        with pytest.raises(
            FrameError, match=r"cannot run the model: gather index out of"
        ) as caught:
            classifier.classify(DARK)
        assert caught.value.kind == "bad-output"
        with pytest.raises(ModelError, match=r"cannot answer its own frames: .* cannot run"):
            run_selftest(classifier)


def test_other_number_of_outputs_than_labels_is_no_answer() -> None:
    message = "expected 4 numbers, a label each, it answers 3"
    with Classifier(tiny_bundle()) as classifier, pytest.raises(FrameError, match=message):
        classifier.values(np.zeros(3, np.float32))


def test_logits_as_far_apart_as_can_be_have_a_best_one() -> None:
    with Classifier(tiny_bundle(biases=(3e38, -3e38, 0.0, 1.0))) as classifier:
        assert classifier.classify(DARK).label == "ant"
