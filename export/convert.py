"""Keras to flatbuffer: the one importer of TensorFlow's converter; and the float reference."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.contract import Input
from edge.errors import ModelError
from edge.quiet import quiet
from export.variants import Variant


def load_keras(path: Path, spec: Input, classes: int) -> Any:
    """Loads a .keras and checks that it fits its run.

    Returns:
        keras.Model: float32 (n, height, width, channels) -> (n, classes), logits.

    Raises:
        ModelError: it does not load, or its input or output has another shape.
    """
    try:
        with quiet():
            import keras

            model = keras.models.load_model(path, compile=False)
    except Exception as error:  # Keras raises anything from KeyError to OSError here
        raise ModelError(
            f"{path}: expected a Keras 3 model, it does not load: {_brief(error)}; train it again"
        ) from None
    expected, got = (spec.shape, (classes,)), (model.input_shape[1:], model.output_shape[1:])
    if expected != got:
        raise ModelError(
            f"{path}: expected input {expected[0]} and {classes} labels, got a model with "
            f"input {got[0]} and output {got[1]}"
        )
    return model


def float_logits(model: Any, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """The reference that quantised models are held to: float32 (n, classes)."""
    with quiet():
        logits: NDArray[np.float32] = model.predict(inputs, batch_size=256, verbose=0)
    return logits


def convert(model: Any, variant: Variant, calibration: NDArray[np.float32]) -> bytes:
    """Converts with a fixed batch of 1, so that XNNPACK takes the whole graph on old runtimes.

    calibration: float32 (n, height, width, channels); used by calibrated variants.

    Raises:
        ModelError: the converter refuses the model.
    """
    try:
        with quiet():
            return _convert(model, variant, calibration)
    except Exception as error:  # the converter raises its own and MLIR's
        raise ModelError(
            f"variant {variant.name}: the converter refuses it: {_brief(error)}"
        ) from None


def _convert(model: Any, variant: Variant, calibration: NDArray[np.float32]) -> bytes:
    import keras
    import tensorflow as tf

    picture = keras.Input(batch_shape=(1, *model.input_shape[1:]), name="picture")
    converter = tf.lite.TFLiteConverter.from_keras_model(keras.Model(picture, model(picture)))
    if variant.name != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if variant.name == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if variant.name == "dynamic":
        # Per channel it stamps FULLY_CONNECTED 12, which tflite-runtime 2.14 does not have.
        converter._experimental_disable_per_channel_quantization_for_dense_layers = True
    if variant.is_calibrated:
        ops = tf.lite.OpsSet
        wide = ops.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        is_int8 = variant.name == "int8"
        converter.target_spec.supported_ops = [ops.TFLITE_BUILTINS_INT8 if is_int8 else wide]
        converter.inference_input_type = tf.int8 if is_int8 else tf.int16
        converter.inference_output_type = converter.inference_input_type
        converter.representative_dataset = lambda: _one_by_one(calibration)
    model_bytes: bytes = converter.convert()
    return model_bytes


def _one_by_one(calibration: NDArray[np.float32]) -> Iterator[list[NDArray[np.float32]]]:
    for index in range(len(calibration)):
        yield [calibration[index : index + 1]]


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
