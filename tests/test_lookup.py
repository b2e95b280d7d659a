"""The tables give what the arithmetic gives, to the bit."""

from __future__ import annotations

import numpy as np
import pytest

from edge.classifier import Classifier
from edge.contract import Input, Output, Preprocess
from edge.lookup import BYTES, input_tables, output_table, to_input
from edge.preprocess import scale
from edge.quantize import TensorSpec, dequantize, quantize
from tests.conftest import Exported

GRAY = ((0.0,), (255.0,)), ((127.5,), (127.5,)), ((33.3,), (78.6,)), ((0.0,), (1.0,))
COLOR = (
    ((0.0, 0.0, 0.0), (255.0, 255.0, 255.0)),
    ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
)
TENSORS = [
    ("float32", 0.0, 0),
    ("int8", 1 / 255, -128),
    ("int8", 0.0078431377, -1),
    ("int8", 0.02, 5),
    ("uint8", 1 / 255, 0),
    ("uint8", 0.0173, 114),
    ("int16", 3.0518e-05, 0),
]


@pytest.mark.parametrize(("dtype", "step", "zero_point"), TENSORS)
@pytest.mark.parametrize(("mean", "std"), GRAY + COLOR)
def test_every_pixel_is_what_scaling_and_quantising_make_of_it(
    mean: tuple[float, ...], std: tuple[float, ...], dtype: str, step: float, zero_point: int
) -> None:
    channels = len(mean)
    spec = Input(16, 16, "gray" if channels == 1 else "rgb", Preprocess("photo", mean, std, "crop"))
    tensor = TensorSpec(0, (1, *spec.shape), np.dtype(dtype), step, zero_point)
    rng = np.random.default_rng(0)
    pixels = np.stack([rng.permutation(BYTES).reshape(16, 16) for _ in mean], axis=-1)
    tables = input_tables(spec, tensor)
    assert len(tables) == (3 if len(set(mean)) == 3 else 1)
    expected = quantize(scale(pixels, spec)[np.newaxis], tensor)
    got = to_input(pixels, tables)
    assert (got.dtype, got.shape) == (expected.dtype, expected.shape)
    assert got.tobytes() == expected.tobytes()


@pytest.mark.parametrize(("dtype", "step", "zero_point"), TENSORS)
def test_every_output_byte_is_what_dequantising_makes_of_it(
    dtype: str, step: float, zero_point: int
) -> None:
    tensor = TensorSpec(0, (1, 256), np.dtype(dtype), step, zero_point)
    table = output_table(tensor)
    if dtype not in ("int8", "uint8"):
        assert table is None
        return
    assert table is not None
    raw = BYTES[::-1].view(dtype)
    assert table.take(raw.view(np.uint8)).tobytes() == dequantize(raw, tensor).tobytes()


@pytest.mark.parametrize("variant", ["float32", "int8", "int16x8", "dynamic"])
def test_frame_gets_the_score_that_the_arithmetic_gives(exported: Exported, variant: str) -> None:
    bundle = exported.bundle(variant)
    assert bundle.golden is not None
    with Classifier(bundle) as classifier:
        for frame in bundle.golden.frames:
            result = classifier.classify(frame, top=10)
            pixels = frame[:, :, np.newaxis]
            spec = classifier._interpreter.input
            tensor = quantize(scale(pixels, classifier.contract.input)[np.newaxis], spec)
            raw = classifier._interpreter.invoke(tensor).reshape(-1)
            expected = by_hand(dequantize(raw, classifier.output), classifier.contract.output)
            order = np.argsort(-expected, kind="stable")
            assert [one.label for one in result.top] == [classifier.labels[i] for i in order]
            assert np.abs([one.score for one in result.top] - expected[order]).max() < 1e-12


def by_hand(logits: np.ndarray[tuple[int], np.dtype[np.float32]], output: Output) -> np.ndarray:  # type: ignore[type-arg]
    powers = np.exp(logits.astype(np.float64) / output.temperature)
    return np.asarray(powers / powers.sum())
