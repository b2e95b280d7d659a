"""`edgeproof adopt`: published classifiers answer through a bundle as they do when fed by hand."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edge.admission import trial
from edge.adopt.adoption import adopt
from edge.adopt.labels import fit_labels, read_labels
from edge.adopt.metadata import Metadata, read_metadata
from edge.adopt.pixels import choose_normalization
from edge.adopt.statement import Statement
from edge.bundle import read_bundle, write_bundle
from edge.classifier import Classifier
from edge.cli import run
from edge.contract import Input, Preprocess
from edge.errors import EdgeproofError, ModelError, UsageError
from edge.interpreter import Interpreter
from edge.preprocess import prepare
from edge.quantize import TensorSpec, quantize
from edge.tflite.operators import BUILTIN
from edge.tflite.structure import Tensor, read_structure
from tests.conftest import ROOT, Edgeproof
from tests.published import edited, metadata_of, with_metadata

Capture = pytest.CaptureFixture[str]
Frames = list[NDArray[np.uint8]]
FIVE = ("ant", "bee", "cat", "dog", "elk")
CLASSES = tuple(f"class {index}" for index in range(1000))


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every model of tests/published.py, and label files."""
    folder = tmp_path_factory.mktemp("published")
    command = [sys.executable, "-m", "tests.published", str(folder)]
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
    (folder / "five.txt").write_text("\n".join(FIVE))
    (folder / "digits.txt").write_text("\n".join("0123456789"))
    (folder / "thousand.txt").write_text("\n".join(CLASSES))
    return folder


def pictures(side: int, channels: int, count: int = 12) -> Frames:
    """uint8 (side, side) or (side, side, 3): blocks of chance, of every brightness."""
    rng = np.random.default_rng(11)
    shape = (side // 4, side // 4) if channels == 1 else (side // 4, side // 4, 3)
    noise = [rng.integers(0, 256, shape) * (index + 1) // count for index in range(count)]
    return [one.repeat(4, 0).repeat(4, 1).astype(np.uint8) for one in noise]


def raw_by_hand(model: Path, tensors: list[NDArray[Any]]) -> NDArray[Any]:
    """(n, classes): what the bare model answers to tensors of its own type and shape."""
    interpreter = Interpreter(model.read_bytes())
    return np.stack([interpreter.invoke(one[np.newaxis]).ravel() for one in tensors])


def soft(logits: NDArray[Any]) -> NDArray[np.float64]:
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def as_gray(frames: Frames) -> Frames:
    return [frame[:, :, np.newaxis] for frame in frames]


def to_int8(frames: Frames) -> list[NDArray[np.int8]]:
    """By the model's scale 1/128 and zero point 0: -1..1 becomes -128..127."""
    steps = [(frame / 127.5 - 1) * 128 for frame in frames]
    return [np.clip(np.rint(one), -128, 127).astype(np.int8) for one in steps]


CONVENTIONS: dict[str, tuple[Statement, int, int, Any, Any]] = {
    "mobile-uint8": (Statement(Path("thousand.txt")), 32, 3, lambda f: f, lambda r: r / 256),
    "rgb-int8": (Statement(Path("five.txt")), 24, 3, to_int8, lambda r: (r + 128.0) / 256),
    "rgb-bytes": (Statement(Path("five.txt")), 24, 3, lambda f: f, lambda r: r),
    "rgb-float": (
        Statement(Path("five.txt"), pixels="0..1"),
        *(24, 3),
        lambda frames: [(frame / 255).astype(np.float32) for frame in frames],
        lambda raw: raw,
    ),
    "many-labels": (
        Statement(Path("five.txt"), mean=(10, 20, 30), std=(50,)),
        *(24, 3),
        lambda frames: [((frame - [10, 20, 30]) / 50).astype(np.float32) for frame in frames],
        lambda raw: raw,
    ),
    "gray-logits": (
        Statement(Path("digits.txt"), pixels="0..1"),
        *(28, 1),
        lambda frames: [(frame / 255).astype(np.float32) for frame in as_gray(frames)],
        soft,
    ),
    "convolved": (
        Statement(Path("five.txt"), pixels="0..255"),
        *(16, 3),
        lambda frames: [frame.astype(np.float32) for frame in frames],
        lambda raw: raw,
    ),
}
"""Model -> what must be said; side and channels; pictures to tensors, raw outputs to scores."""


@pytest.mark.parametrize("name", list(CONVENTIONS))
def test_adopted_model_answers_as_when_fed_by_hand(published: Path, name: str) -> None:
    said, side, channels, to_tensors, to_scores = CONVENTIONS[name]
    assert said.labels is not None
    path = published / f"{name}.tflite"
    bundle = adopt(path, replace(said, labels=published / said.labels)).bundle
    frames = pictures(side, channels)
    expected = to_scores(raw_by_hand(path, to_tensors(frames)))
    assert len(np.unique(expected.argmax(axis=1))) > 1
    with Classifier(bundle) as classifier:
        results = [classifier.classify(frame) for frame in frames]
    assert [one.label for one in results] == [bundle.labels[i] for i in expected.argmax(axis=1)]
    got = np.array([one.score for one in results])
    np.testing.assert_allclose(got, expected.max(axis=1), rtol=0, atol=1e-6)
    assert bundle.model == path.read_bytes()


def test_metadata_says_all_and_the_zip_behind_is_replaced(
    published: Path, tmp_path: Path, edgeproof: Edgeproof
) -> None:
    """The whole way by the command line, with no flag at all."""
    plain = with_metadata(
        (published / "rgb-float.tflite").read_bytes(), metadata_of([127.5], [127.5])
    )
    path = tmp_path / "blobs.tflite"
    labels = b"\xef\xbb\xbf" + "\r\n".join(FIVE).encode() + b"\r\n\r\n"
    path.write_bytes(with_metadata(plain, None, {"labels.txt": labels, "readme.md": b"words"}))
    done = edgeproof("adopt", path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert re.search(r"pixels +-1\.\.1  \[metadata\]", done.stdout)
    assert re.search(r"labels +5  \[labels.txt in the model\]", done.stdout)
    assert re.search(r"fit +crop  \[assumed; --fit says otherwise\]", done.stdout)
    assert "UNPROVEN" in done.stdout

    out = tmp_path / "blobs.edgeproof.tflite"
    bundle = read_bundle(out)
    assert bundle.model == plain
    assert out.read_bytes().startswith(plain)
    names = zipfile.ZipFile(out).namelist()
    assert names == ["labels.txt", "contract.json", "golden.npz"]
    assert bundle.labels == FIVE
    origin = bundle.contract.provenance
    assert (origin["adopted"], origin["author"]) == ("blobs.tflite", "A. Nother")
    assert (origin["license"], origin["description"]) == ("CC0", "Tells blobs apart")
    assert origin["taken"]["pixels"] == "-1..1 (metadata)"

    frames = pictures(24, 3, 6)
    for index, frame in enumerate(frames):
        Image.fromarray(frame).save(tmp_path / f"{index}.png")
    done = edgeproof("classify", tmp_path, "--model", out, "--format", "jsonl")
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    bare = tmp_path / "bare"
    bare.write_bytes(plain)
    raw = raw_by_hand(bare, [((one - 127.5) / 127.5).astype(np.float32) for one in frames])
    assert [one["label"] for one in told] == [FIVE[index] for index in raw.argmax(axis=1)]
    np.testing.assert_allclose([one["score"] for one in told], raw.max(axis=1), atol=2e-6)

    done = edgeproof("verify", out)
    assert done.returncode == 0, done.stderr
    assert "ok, UNPROVEN; self-test on" in done.stdout
    assert "8 of 8 golden frames identical" in done.stdout
    done = edgeproof("info", out)
    assert "adopted from blobs.tflite" in done.stdout
    assert "none: this model was never gated" in done.stdout


@pytest.mark.parametrize("fit", ["crop", "stretch"])
def test_photo_of_another_shape_is_fitted_as_said(published: Path, fit: Any) -> None:
    said = Statement(published / "five.txt", pixels="0..1", fit=fit)
    path = published / "rgb-float.tflite"
    bundle = adopt(path, said).bundle
    photo = Image.fromarray(pictures(72, 3, 1)[0].repeat(2, 1))  # twice as wide as high
    cut = photo.crop((36, 0, 108, 72)) if fit == "crop" else photo
    small = np.asarray(cut.resize((24, 24), Image.Resampling.BILINEAR))
    raw = raw_by_hand(path, [(small / 255).astype(np.float32)])[0]
    with Classifier(bundle) as classifier:
        result = classifier.classify(photo)
    assert result.label == FIVE[int(raw.argmax())]
    assert result.score == pytest.approx(float(raw.max()), abs=1e-6)


def test_ink_is_found_for_a_gray_model(published: Path) -> None:
    from tests.drawing import on_paper

    said = Statement(published / "digits.txt", kind="ink", pixels="0..1")
    path = published / "gray-logits.tflite"
    bundle = adopt(path, said).bundle
    assert bundle.contract.input == Input(28, 28, "gray", Preprocess("ink", (0.0,), (255.0,)))
    page = on_paper("4")
    tensor = prepare(page, bundle.contract.input)
    assert tensor.max() > 0.9  # light ink on black, of a dark one on light paper
    with Classifier(bundle) as classifier:
        result = classifier.classify(page)
    assert result.label == bundle.labels[int(raw_by_hand(path, [tensor])[0].argmax())]


@pytest.mark.parametrize(
    ("scale", "zero_point"), [(1 / 128, 128), (2 / 255, 127), (1.0, 0), (0.0186583, 114), (3e-5, 9)]
)
def test_uint8_input_takes_every_pixel_as_it_is(scale: float, zero_point: int) -> None:
    scale = float(np.float32(scale))
    tensor = Tensor("x", "uint8", (1, 16, 16, 3), scale, zero_point)
    found = choose_normalization(tensor, Metadata(), None, "m")
    spec = Input(16, 16, "rgb", Preprocess("photo", found.mean, found.std, "crop"))
    frame = np.arange(256, dtype=np.uint8).reshape(16, 16)[:, :, np.newaxis].repeat(3, 2)
    stated = TensorSpec(0, tensor.shape, np.dtype(np.uint8), scale, zero_point)
    np.testing.assert_array_equal(quantize(prepare(frame, spec), stated), frame)


IMAGENET = ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))


@pytest.mark.parametrize(
    ("dtype", "scale", "zero_point", "metadata", "expected", "source"),
    [
        ("uint8", 1 / 128, 128, ((127.5,), (127.5,)), "as they are", "uint8 input, metadata ag"),
        ("uint8", 1 / 128, 128, ((0.0,), (1.0,)), "as they are", "does not fit the tensor"),
        ("uint8", 0.01866, 114, IMAGENET, "mean 123.675,116.28,103.53, ", "metadata"),
        ("int8", 0.01866, -14, IMAGENET, "mean 123.675,116.28,103.53, ", "metadata"),
        ("int8", 1 / 255, -128, ((), ()), "0..1", "int8 input that holds 0..1"),
        ("int8", 1 / 128, 0, ((), ()), "-1..1", "int8 input that holds -1..0.992"),
        ("int8", 1.0, -128, ((), ()), "0..255", "int8 input that holds 0..255"),
        ("float32", 0, 0, ((0.0,), (255.0,)), "0..1", "metadata"),
    ],
)
def test_pixels_come_from_metadata_or_the_tensor(
    dtype: str, scale: float, zero_point: int, metadata: Any, expected: str, source: str
) -> None:
    tensor = Tensor("x", dtype, (1, 24, 24, 3), scale, zero_point)
    about = Metadata(mean=metadata[0], std=metadata[1])
    found = choose_normalization(tensor, about, None, "m")
    assert found.name.startswith(expected)
    assert source in found.source
    assert len(found.mean) == len(found.std) == 3


LABEL_FILES: dict[str, tuple[str, int, tuple[str, ...] | str]] = {
    "plain": ("a\nb\n", 2, ("a", "b")),
    "windows": ("\ufeffa\r\nb\r\n\r\n", 2, ("a", "b")),
    "numbered": ("0 background\n1 tench\n", 2, ("background", "tench")),
    "numbered-from-1": ("1: tench\n2: great shark\n", 2, ("tench", "great shark")),
    "numbered-wide": ("0  a\n1  b\n", 2, ("a", "b")),
    "synsets": ("n014 tench\nn015 goldfish\n", 2, ("n014 tench", "n015 goldfish")),
    "not-counting": ("1 euro\n5 euro\n", 2, ("1 euro", "5 euro")),
    "coins": ("1 euro\n2 euro\n", 2, ("1 euro", "2 euro")),
    "digits": ("0\n1\n2\n", 3, ("0", "1", "2")),
    "doubles": ("crane\nmaillot\ncrane\n", 3, ("crane (0)", "maillot", "crane (2)")),
    "too-few": ("a\nb\n", 5, "expected 5 labels, one for each output, got 2"),
    "one-short": ("a\nb\n", 3, "expected 3 labels, one for each output, got 2"),
    "gap": ("a\n\nb\n", 3, "line 2 is empty"),
    "nothing": ("\n\n", 3, "expected a label a line, got nothing"),
}


@pytest.mark.parametrize("kind", list(LABEL_FILES))
def test_label_files_are_read_as_people_write_them(kind: str) -> None:
    text, outputs, expected = LABEL_FILES[kind]
    if isinstance(expected, str):
        with pytest.raises(ModelError, match=expected):
            fit_labels(read_labels(text.encode(), "l.txt"), outputs, "l.txt")
        return
    labels, _ = fit_labels(read_labels(text.encode(), "l.txt"), outputs, "l.txt")
    assert labels == expected


def test_background_of_imagenet_comes_and_goes_with_the_outputs() -> None:
    labels, done = fit_labels(CLASSES, 1001, "l.txt")
    assert labels == ("background", *CLASSES)
    assert done == ("'background' put in front",)
    labels, done = fit_labels(("Background", *CLASSES), 1000, "l.txt")
    assert labels == CLASSES
    assert done == ("'Background' left out",)
    with pytest.raises(ModelError, match="expected 1000 labels, one for each output, got 1001"):
        fit_labels((*CLASSES, "one more"), 1000, "l.txt")


def test_of_several_label_files_the_one_without_a_language_is_taken() -> None:
    files = (("values.txt", 3, ""), ("de.txt", 2, "de"), ("en.txt", 2, ""), ("readme.md", 1, ""))
    about = read_metadata(metadata_of([0.0], [1.0], files=files), "m")
    assert about.label_files == ("en.txt", "de.txt", "values.txt")
    assert (about.mean, about.std, about.color) == ((0.0,), (1.0,), "rgb")


def test_operator_names_are_those_of_the_schema() -> None:
    from ai_edge_litert import schema_py_generated as schema

    for name, number in vars(schema.BuiltinOperator).items():
        if not name.startswith("_") and number < len(BUILTIN):
            assert BUILTIN[number] == name
    assert len(BUILTIN) >= 209


def all_versions(number: int) -> Callable[[Any], None]:
    def change(parsed: Any) -> None:
        for code in parsed.operatorCodes:
            code.version = number

    return change


def fill_weights(value: float) -> Callable[[Any], None]:
    def change(parsed: Any) -> None:
        for tensor in parsed.subgraphs[0].tensors:
            buffer = parsed.buffers[tensor.buffer]
            if tensor.type == 0 and buffer.data is not None and len(buffer.data):
                filled = np.full(len(buffer.data) // 4, value, np.float32)
                buffer.data = np.frombuffer(filled.tobytes(), np.uint8)

    return change


def custom_operator(parsed: Any) -> None:
    parsed.operatorCodes[0].customCode = b"edgetpu-custom-op"
    parsed.operatorCodes[0].builtinCode = parsed.operatorCodes[0].deprecatedBuiltinCode = 32


def open_size(parsed: Any) -> None:
    graph = parsed.subgraphs[0]
    graph.tensors[graph.inputs[0]].shapeSignature = np.array([-1, -1, -1, 3], np.int32)


CHANGED: dict[str, tuple[Callable[[Any], None], str]] = {
    "newer-operators": (all_versions(99), r"Didn't find op for builtin opcode '\w+' version '99'"),
    "no-weights": (fill_weights(0), "it gives the same answer to 36 different pictures"),
    "nan-weights": (fill_weights(np.nan), "expected finite numbers, it answers .nan nan"),
    "edge-tpu": (custom_operator, "needs the custom operator 'edgetpu-custom-op', for the Edge"),
    "open-size": (open_size, r"expected an input of fixed height and width, got float32 \(1, -1"),
}


@pytest.mark.parametrize("change", list(CHANGED))
def test_model_that_cannot_answer_is_refused(published: Path, tmp_path: Path, change: str) -> None:
    edit, message = CHANGED[change]
    path = tmp_path / "changed.tflite"
    path.write_bytes(edited((published / "rgb-float.tflite").read_bytes(), edit))
    with pytest.raises(ModelError, match=message):
        adopt(path, Statement(published / "five.txt", pixels="0..1"))


REFUSED: dict[str, tuple[list[str], int, str]] = {
    "no-labels": (["rgb-int8.tflite"], 2, "it carries no labels: say --labels FILE, with 5 lines"),
    "no-pixels": (["rgb-float.tflite", "--labels", "five.txt"], 2, "say --pixels 0..1, -1..1, 0.."),
    "odd-int8": (["odd-int8.tflite", "--labels", "five.txt"], 2, "say --pixels 0..1, -1..1, 0..25"),
    "misfit": (
        ["odd-int8.tflite", "--labels", "five.txt", "--pixels", "0..255"],
        *(4, "pixels 0..255 (--pixels) do not fit its int8 input: 99 % of all pixel values"),
    ),
    "half": (["rgb-float.tflite", "--mean", "1"], 2, "expected --pixels, or --mean and --std tog"),
    "words": (["rgb-float.tflite", "--mean", "a,b"], 2, "expected numbers with commas between"),
    "two-means": (
        ["rgb-float.tflite", "--mean", "1,2", "--std", "1"],
        *(2, "expected --mean and --std with one number or 3"),
    ),
    "nan": (
        ["rgb-float.tflite", "--mean", "nan", "--std", "1"],
        2,
        "with one number or 3, std abo",
    ),
    "count": (["mobile-uint8.tflite", "--labels", "five.txt"], 4, "expected 1001 labels, one for"),
    "ink": (["rgb-int8.tflite", "--preprocess", "ink"], 2, "ink makes gray pictures, its input is"),
    "ink-fit": (
        ["gray-logits.tflite", "--preprocess", "ink", "--fit", "crop"],
        *(2, "--fit belongs to --preprocess photo"),
    ),
    "homemade": (
        ["homemade-softmax.tflite", "--labels", "five.txt", "--pixels", "0..1"],
        *(2, "its answers look like probabilities"),
    ),
    "detector": (["detector.tflite"], 4, "and 2 ((1, 10), (1, 10, 4)): detectors and models with"),
    "flex": (["flex.tflite"], 4, "it needs the custom operator 'FlexCumprod', a part of TensorFl"),
    "channels": (["channels-first.tflite"], 4, "its channels stand first"),
    "sound": (
        ["sound.tflite"],
        4,
        "expected one picture, (1, height, width, 1 or 3), as input, go",
    ),
    "segmenter": (["segmenter.tflite"], 4, "made by SOFTMAX: it is no classifier"),
    "text": (["five.txt"], 4, "expected a TFLite model, got something else"),
    "nothing": (["nothing.tflite"], 4, "nothing.tflite: cannot be read: No such file"),
    "name": (["rgb-int8.tflite", "--name", "../x"], 2, "expected a --name of letters"),
    "no-file": (["rgb-int8.tflite", "--labels", "no.txt"], 2, "no.txt: cannot be read"),
}


@pytest.mark.parametrize("case", list(REFUSED))
def test_what_cannot_be_adopted_is_said_in_one_line(
    published: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture, case: str
) -> None:
    arguments, code, message = REFUSED[case]
    monkeypatch.chdir(published)
    assert run(["adopt", *arguments]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert len(captured.err.splitlines()) == 1
    assert not list(published.glob("*.edgeproof.tflite"))


def test_probabilities_must_be_some(published: Path) -> None:
    said = Statement(published / "digits.txt", pixels="0..255", scores="probabilities")
    with pytest.raises(ModelError, match="expected probabilities from 0 to 1, it answers -"):
        adopt(published / "gray-logits.tflite", said)


def test_scores_of_a_homemade_softmax_are_taken_when_said(published: Path) -> None:
    path = published / "homemade-softmax.tflite"
    said = Statement(published / "five.txt", pixels="0..1", scores="probabilities")
    frame = pictures(24, 3, 1)[0]
    with Classifier(adopt(path, said).bundle) as classifier:
        result = classifier.classify(frame, top=5)
    raw = raw_by_hand(path, [(frame / 255).astype(np.float32)])[0]
    assert result.score == pytest.approx(float(raw.max()), abs=1e-6)
    assert sum(one.score for one in result.top) == pytest.approx(1, abs=1e-5)


def mutants(model: bytes) -> list[bytes]:
    """8 cut short, 22 with 8 bytes of chance in it."""
    rng = np.random.default_rng(5)
    cut = [model[: len(model) * part // 9] for part in range(1, 9)]
    flipped = []
    for _ in range(22):
        damaged = bytearray(model)
        for place in rng.integers(8, len(model), 8):
            damaged[place] = int(rng.integers(256))
        flipped.append(bytes(damaged))
    return cut + flipped


def test_damaged_models_never_take_the_process_with_them(published: Path, tmp_path: Path) -> None:
    """What would kill the runtime is found before it is tried (what is not kills a child, see
    tests/test_admission.py); the others are refused, or still a classifier."""
    path = tmp_path / "mutant.tflite"
    words = []
    for mutant in mutants((published / "convolved.tflite").read_bytes()):
        path.write_bytes(mutant)
        try:
            adopt(path, Statement(published / "five.txt", pixels="0..255"))
        except EdgeproofError as error:
            words.append(str(error))
    assert len(words) >= 15
    assert all(word.startswith(str(path)) for word in words)
    assert any("damaged or cut short" in word for word in words)
    assert not any("died of SIG" in word for word in words)


def test_death_of_the_child_is_one_line_for_the_user(
    published: Path, tmp_path: Path, edgeproof: Edgeproof
) -> None:
    path = tmp_path / "deadly.tflite"
    path.write_bytes(edited((published / "convolved.tflite").read_bytes(), _point_nowhere))
    done = edgeproof("adopt", path, "--labels", published / "five.txt", "--pixels", "0..1")
    assert done.returncode == 4
    assert len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "deadly.edgeproof.tflite").exists()


def _point_nowhere(parsed: Any) -> None:
    """The filter of the first convolution is a buffer of a few bytes, not of its shape."""
    graph = parsed.subgraphs[0]
    operator = graph.operators[0]
    parsed.buffers[graph.tensors[operator.inputs[1]].buffer].data = np.zeros(4, np.uint8)


def test_child_that_takes_too_long_is_ended(
    published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "WALL_S", 0.02)
    with pytest.raises(ModelError, match=r"of its own, and it did not end within 0\.02 s"):
        adopt(published / "rgb-int8.tflite", Statement(published / "five.txt"))


def test_only_its_own_output_is_replaced(published: Path, tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes((published / "rgb-int8.tflite").read_bytes())
    out = tmp_path / "m.edgeproof.tflite"
    arguments = ["adopt", str(path), "--labels", str(published / "five.txt")]
    out.write_text("somebody's notes")
    assert run(arguments) == 2
    assert "it was not adopted from m.tflite: --force replaces it" in capsys.readouterr().err
    assert out.read_text() == "somebody's notes"
    assert run([*arguments, "--force"]) == 0
    first = out.read_bytes()
    assert run(arguments) == 0  # its own
    assert out.read_bytes() == first
    assert run([*arguments, "--out", str(path), "--force"]) == 2
    assert "is the model itself" in capsys.readouterr().err
    assert run([*arguments, "--name", "birds"]) == 0
    assert read_bundle(tmp_path / "birds.edgeproof.tflite").contract.name == "birds"
    assert run(["adopt", str(out)]) == 2
    assert "is a bundle already" in capsys.readouterr().err


def test_gate_says_what_an_adopted_model_lacks(
    published: Path, tmp_path: Path, capsys: Capture
) -> None:
    adopted = adopt(published / "rgb-int8.tflite", Statement(published / "five.txt"))
    out = tmp_path / "five.tflite"
    write_bundle(out, adopted.bundle)
    assert run(["gate", str(out)]) == 2
    error = capsys.readouterr().err
    assert "rgb-int8 was adopted" in error
    assert "edgeproof gate my.keras --data pictures/" in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize("command", [["info"], ["verify"], ["classify", "x.png", "--model"]])
@pytest.mark.parametrize("files", [None, {"labels.txt": b"a\nb\n"}])
def test_bare_model_is_refused_with_the_way_out(
    published: Path, tmp_path: Path, capsys: Capture, command: list[str], files: Any
) -> None:
    path = tmp_path / "bare.tflite"
    path.write_bytes(with_metadata((published / "rgb-int8.tflite").read_bytes(), None, files))
    assert run([*command, str(path)]) == 4
    assert f"edgeproof adopt {path} --labels FILE" in capsys.readouterr().err


def test_converter_that_states_no_runtime_is_told_as_such(
    published: Path, tmp_path: Path, capsys: Capture
) -> None:
    def forget(parsed: Any) -> None:
        parsed.metadata = []

    path = tmp_path / "old.tflite"
    path.write_bytes(edited((published / "rgb-int8.tflite").read_bytes(), forget))
    assert read_structure(path.read_bytes(), "m").min_runtime is None
    write_bundle(path, adopt(path, Statement(published / "five.txt")).bundle)
    assert run(["info", str(path)]) == 0
    assert "needs         a TFLite that its converter did not state" in capsys.readouterr().out
    assert zipfile.is_zipfile(io.BytesIO(path.read_bytes()))


def test_metadata_and_flags_may_not_contradict_the_tensor(published: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    model = (published / "rgb-int8.tflite").read_bytes()
    path.write_bytes(with_metadata(model, metadata_of([0.0], [1.0])))
    with pytest.raises(ModelError, match=r"pixels 0\.\.255 \(metadata\) do not fit its int8 input"):
        adopt(path, Statement(published / "five.txt"))
    path.write_bytes(with_metadata(model, metadata_of([0.0], [1.0], color=2)))
    with pytest.raises(ModelError, match="metadata says gray pictures, its input has 3 channels"):
        adopt(path, Statement(published / "five.txt"))
    with pytest.raises(UsageError, match="three channels"):
        adopt(published / "gray-logits.tflite", Statement(pixels="imagenet"))
