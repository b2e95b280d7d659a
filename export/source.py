"""The Keras model that candidates are made from and held against."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.contract import Input
from edge.errors import ModelError
from edge.quiet import quiet


def open_keras(path: Path) -> Any:
    """Loads a .keras file.

    Returns:
        keras.Model, not compiled.

    Raises:
        ModelError: it does not load.
    """
    if not zipfile.is_zipfile(path):  # told at once, without the seconds that TensorFlow takes
        raise ModelError(f"{path}: expected a Keras 3 model, a .keras archive; it is none")
    try:
        with quiet():
            import keras

            # Keras numbers the models of a process, and the number gets into the .tflite: the
            # second one of a process would not come out as it does by itself.
            keras.backend.clear_session()
            return keras.models.load_model(path, compile=False)
    except ModuleNotFoundError:
        raise
    except Exception as error:  # Keras raises anything from KeyError to OSError here
        raise ModelError(
            f"{path}: expected a Keras 3 model, it does not load: {brief(error)}"
        ) from None


def load_keras(path: Path, spec: Input, classes: int) -> Any:
    """The model of a run, checked to fit its record.

    Returns:
        keras.Model: float32 (n, height, width, channels) -> (n, classes), logits.

    Raises:
        ModelError: it does not load, or its input or output has another shape.
    """
    model = open_keras(path)
    expected, got = (spec.shape, (classes,)), (model.input_shape[1:], model.output_shape[1:])
    if expected != got:
        raise ModelError(
            f"{path}: expected input {expected[0]} and {classes} labels, got a model with "
            f"input {got[0]} and output {got[1]}"
        )
    return model


def without_softmax(model: Any, path: Path) -> Any:
    """The model up to its logits: what quantises well, and what a contract speaks of.

    path: for messages.

    Raises:
        ModelError: not one input and one output (n, classes), or a last layer that is neither
            linear nor a softmax.
    """
    import keras

    if len(model.inputs) != 1 or len(model.outputs) != 1 or len(model.output_shape) != 2:
        raise ModelError(
            f"{path}: expected one input and one output (n, classes), got {len(model.inputs)} "
            f"inputs and output {model.output_shape}"
        )
    if model.output_shape[1] < 2:
        raise ModelError(f"{path}: expected one output a class, got {model.output_shape[1]}")
    last = model.layers[-1]
    activation = getattr(getattr(last, "activation", None), "__name__", "linear")
    if isinstance(last, keras.layers.Softmax) or (
        isinstance(last, keras.layers.Activation) and activation == "softmax"
    ):
        return keras.Model(model.inputs, last.input)
    if activation == "softmax":
        plain = type(last).from_config({**last.get_config(), "activation": "linear"})
        logits = plain(last.input)
        plain.set_weights(last.get_weights())
        return keras.Model(model.inputs, logits)
    if activation != "linear":
        raise ModelError(
            f"{path}: expected logits or a softmax at the end, got activation {activation!r}"
        )
    return model


def float_logits(model: Any, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """The reference that quantised models are held to: float32 (n, classes)."""
    with quiet():
        logits: NDArray[np.float32] = model.predict(inputs, batch_size=256, verbose=0)
    return logits


def brief(error: Exception) -> str:
    """An error of a library in at most 200 characters of one line."""
    return " ".join(str(error).split())[:200] or type(error).__name__
