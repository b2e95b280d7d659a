"""The shipped run `digits` -> float32 .tflite, the same with RGB input, and its bare weights.

    python -m benchmarks.conversions.from_keras OUT

Runs where TensorFlow is. No gate: these models are measured, never shipped.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from edge.bundle import write_bundle
from edge.zoo import find_model
from export.convert import convert
from export.flatbuffer import read_structure
from export.pack import make_candidate
from export.source import load_keras
from export.variants import VARIANTS
from train.runs import find_run

RUN = Path("models/digits")


def main() -> None:
    out = Path(sys.argv[1])
    record = find_run(str(RUN)).record
    model = load_keras(RUN / "model.keras", record.input, len(record.labels))
    pictures = np.zeros((1, *record.input.shape), np.float32)  # float32 is not calibrated
    plain = convert(model, VARIANTS["float32"], pictures)
    candidate = make_candidate(plain, read_structure(plain), "float32", record, None, "")
    write_bundle(out / "digits-float32.tflite", candidate)
    (out / "digits-int8.tflite").write_bytes(find_model("digits").read_bytes())
    wide = np.zeros((1, *record.input.shape[:2], 3), np.float32)
    (out / "digits-rgb.tflite").write_bytes(convert(take_rgb(model), VARIANTS["float32"], wide))
    np.savez(out / "digits-weights.npz", **weights_of(model))


def take_rgb(model: Any) -> Any:
    """The model behind a 1x1 convolution that means three equal channels, with a softmax."""
    import keras

    height, width, _ = model.input_shape[1:]
    inputs = keras.Input((height, width, 3))
    mean = keras.layers.Conv2D(1, 1, use_bias=False, kernel_initializer=keras.initializers.Ones())
    gray = keras.layers.Rescaling(1 / 3)(mean(inputs))
    return keras.Model(inputs, keras.layers.Softmax()(model(gray)))


def weights_of(model: Any) -> dict[str, Any]:
    """Every step in its order, as NUMBER-KIND -> array; normalisation folded into convolutions.

    Kernels are float32 (rows, columns, in, out), and a step `conv-bias` follows each `conv`;
    `pool` holds bottom and right padding, `dense` (in, out) reads rows, columns, channels.
    """
    steps: list[tuple[str, Any]] = []
    for layer in model.layers:
        kind = type(layer).__name__
        if kind == "Conv2D":
            _expect(not layer.use_bias and layer.padding == "same", layer)
            steps.append(("conv", np.asarray(layer.kernel)))
        elif kind == "BatchNormalization":
            gamma, beta, mean, variance = layer.get_weights()
            factor = gamma / np.sqrt(variance + layer.epsilon)
            _expect(steps[-1][0] == "conv", layer)
            steps[-1] = ("conv", steps[-1][1] * factor)
            steps.append(("conv-bias", beta - mean * factor))
        elif kind == "ReLU":
            steps.append(("relu", np.zeros(0)))
        elif kind == "MaxPooling2D":
            _expect(layer.pool_size == layer.strides == (2, 2), layer)
            steps.append(("pool", np.array(layer.input.shape[1:3]) % 2 * (layer.padding == "same")))
        elif kind == "Dense":
            steps += [("dense", np.asarray(layer.kernel)), ("dense-bias", np.asarray(layer.bias))]
        else:
            _expect(kind in ("InputLayer", "Flatten", "Dropout"), layer)
    return {f"{number:02}-{kind}": array for number, (kind, array) in enumerate(steps)}


def _expect(is_so: bool, layer: Any) -> None:
    if not is_so:
        raise SystemExit(f"from_keras: layer {layer.name} is not of a kind that can be written out")


if __name__ == "__main__":
    main()
