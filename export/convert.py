"""Keras to flatbuffer: the one importer of TensorFlow's converter.

A plain conversion is one call. For any other recipe the converter's own two steps are called one by
one: `calibrate` gives a float model that carries each tensor's minimum and maximum, and `quantize`
makes an int8 model of it in milliseconds, with those ranges or others, and with some layers left in
float32. What comes of either way is slim (`export.slim`), so that what is measured is what ships.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from edge.errors import ModelError
from edge.quiet import quiet
from export.graph import read_operators, write_ranges
from export.ranges import SAMPLE, Observed, choose_range, sample
from export.slim import slim
from export.source import brief
from export.variants import MIXED, VARIANTS, Quantization, Variant

PLAIN = Quantization()
T = TypeVar("T")


def convert(
    model: Any,
    variant: Variant,
    calibration: NDArray[np.float32],
    quantization: Quantization = PLAIN,
) -> bytes:
    """Converts with a fixed batch of 1, so that XNNPACK takes the whole graph on old runtimes.

    calibration: float32 (n, height, width, channels); used by calibrated variants.
    quantization: of int8 and mixed; the others know one way only. Plain, it is the converter's own
        minima and maxima over `calibration`, however many pictures the recipe says.

    Raises:
        ValueError: a recipe for another variant.
        ModelError: the converter refuses the model, or a layer to keep in float is not in it.
    """
    if quantization.ranges == "minmax" and not quantization.float_layers and variant != MIXED:
        return slim(
            _refusing(variant.name, lambda: _converter(model, variant, calibration).convert())
        )
    if variant != quantization.variant:
        raise ValueError(f"variant {variant.name} cannot be made with {quantization}")
    calibrated = calibrate(model, calibration)
    seen = {} if quantization.ranges == "minmax" else observe(calibrated, calibration)
    return quantize(calibrated, quantization, find_ranges(calibrated, quantization, seen))


def calibrate(model: Any, pictures: NDArray[np.float32]) -> bytes:
    """The float model with the least and the greatest value of each tensor: a .tflite that runs.

    pictures: float32 (n, height, width, channels).

    Raises:
        ModelError: the converter refuses the model.
    """

    def work() -> bytes:
        converter = _converter(model, VARIANTS["int8"], pictures)
        converter._experimental_calibrate_only = True
        return bytes(converter.convert())

    return _refusing("int8", work)


def observe(calibrated: bytes, pictures: NDArray[np.float32]) -> dict[str, Observed]:
    """What every computed tensor of the float model holds over the pictures, by tensor.

    pictures: float32 (n, height, width, channels). Of each, the same number of values is kept, by
    a fixed seed; see `export.ranges.SAMPLE`.
    """
    import tensorflow as tf

    rng, each = np.random.default_rng(1), max(1, SAMPLE // len(pictures))
    kernels = tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    with quiet():
        interpreter = tf.lite.Interpreter(
            model_content=calibrated,
            # A delegate's inner tensors never reach memory that can be read.
            experimental_op_resolver_type=kernels,
            experimental_preserve_all_tensors=True,
        )
        interpreter.allocate_tensors()
    index = {detail["name"]: detail["index"] for detail in interpreter.get_tensor_details()}
    watched = {o.tensor: index[o.tensor] for o in read_operators(calibrated)}
    parts: dict[str, list[NDArray[np.float32]]] = {name: [] for name in watched}
    ends = dict.fromkeys(watched, (np.inf, -np.inf))
    for picture in pictures:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], picture[np.newaxis])
        interpreter.invoke()
        for name, at in watched.items():
            values = interpreter.get_tensor(at)
            parts[name].append(sample(values, each, rng))
            ends[name] = (
                min(ends[name][0], float(values.min())),
                max(ends[name][1], float(values.max())),
            )
    return {name: Observed(*ends[name], np.concatenate(parts[name])) for name in watched}


def find_ranges(
    calibrated: bytes, quantization: Quantization, seen: Mapping[str, Observed]
) -> dict[str, tuple[float, float]]:
    """(low, high) by tensor, where the recipe wants another than the calibrated one.

    The model's input and output keep all of their range: it costs little, and an output that is
    cut off makes its best labels equal. What passes values on takes its input's range.

    seen: as `observe` gives it. It is true where the calibrated minima and maxima are not: the
        calibrator of TensorFlow 2.21 notes the range of a sum for the summand that an ADD or MUL
        overwrites in place.
    """
    if quantization.ranges == "minmax":
        return {}
    found: dict[str, tuple[float, float]] = {}
    for operator in read_operators(calibrated):
        if operator.is_output:
            continue
        if operator.passes_on and operator.reads[0] in found:
            found[operator.tensor] = found[operator.reads[0]]
        elif not operator.passes_on:
            found[operator.tensor] = choose_range(
                seen[operator.tensor], quantization.ranges, quantization.percentile
            )
    return found


def quantize(
    calibrated: bytes, quantization: Quantization, ranges: Mapping[str, tuple[float, float]]
) -> bytes:
    """An int8 model, input and output included, with the recipe's layers in float32.

    calibrated: as `calibrate` makes it, over as many pictures as the recipe says.
    ranges: as `find_ranges` gives them.

    Raises:
        ModelError: the quantiser refuses the model, or it has no such layer.
    """
    layers = {operator.layer: operator.tensor for operator in read_operators(calibrated)}
    missing = [name for name in quantization.float_layers if name not in layers]
    if missing:
        raise ModelError(f"no layer {missing[0]!r} to keep in float: expected {', '.join(layers)}")
    model = write_ranges(calibrated, ranges) if ranges else calibrated

    def work() -> bytes:
        import tensorflow as tf
        from tensorflow.lite.python.convert import mlir_quantize

        return bytes(
            mlir_quantize(
                model,
                fully_quantize=True,
                input_data_type=tf.int8,
                output_data_type=tf.int8,
                denylisted_nodes=[layers[name] for name in quantization.float_layers],
            )
        )

    return slim(_refusing(quantization.variant.name, work))


def _refusing(name: str, work: Callable[[], T]) -> T:
    try:
        with quiet():
            return work()
    except Exception as error:  # the converter raises its own and MLIR's
        raise ModelError(f"variant {name}: the converter refuses it: {brief(error)}") from None


def _converter(model: Any, variant: Variant, calibration: NDArray[np.float32]) -> Any:
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
    return converter


def _one_by_one(calibration: NDArray[np.float32]) -> Iterator[list[NDArray[np.float32]]]:
    for index in range(len(calibration)):
        yield [calibration[index : index + 1]]
