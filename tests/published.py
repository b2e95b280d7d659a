"""Makes classifiers in the shapes that people publish: small, untrained, with weights of chance.

python -m tests.published FOLDER     needs TensorFlow, so the tests run it as a child
"""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

SEED = 7


def make_all(folder: Path) -> None:
    """Writes each model as FOLDER/NAME.tflite."""
    import keras

    for name, make in MODELS.items():
        keras.utils.set_random_seed(SEED)
        (folder / f"{name}.tflite").write_bytes(make())


def with_metadata(
    model: bytes, metadata: bytes | None, files: dict[str, bytes] | None = None
) -> bytes:
    """The model with a TFLITE_METADATA buffer, and files in a zip behind it."""
    if metadata is not None:

        def add(parsed: Any) -> None:
            from ai_edge_litert import schema_py_generated as schema

            entry, buffer = schema.MetadataT(), schema.BufferT()
            entry.name, entry.buffer = b"TFLITE_METADATA", len(parsed.buffers)
            buffer.data = np.frombuffer(metadata, np.uint8)
            parsed.metadata = [*(parsed.metadata or []), entry]
            parsed.buffers.append(buffer)

        model = edited(model, add)
    if not files:
        return model
    whole = io.BytesIO(model)
    whole.seek(0, io.SEEK_END)
    with zipfile.ZipFile(whole, "a") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return whole.getvalue()


def edited(model: bytes, change: Callable[[Any], None]) -> bytes:
    """The model with something in its flatbuffer changed."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    parsed = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(model, 0))
    change(parsed)
    builder = flatbuffers.Builder(len(model))
    builder.Finish(parsed.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def metadata_of(
    mean: list[float] | None,
    std: list[float] | None,
    *,
    color: int = 1,
    files: tuple[tuple[str, int, str], ...] = (("labels.txt", 2, ""),),
) -> bytes:
    """A TFLite Metadata buffer, as metadata_schema.fbs says. files: name, type, locale."""
    import flatbuffers

    builder = flatbuffers.Builder(256)
    labelled = [
        table(
            builder,
            [
                (0, "offset", builder.CreateString(name)),
                (2, "b", kind),
                *([(3, "offset", builder.CreateString(locale))] if locale else []),
            ],
        )
        for name, kind, locale in files
    ]
    image = table(builder, [(0, "b", color)])
    content = table(builder, [(0, "B", 2), (1, "offset", image)])
    taken = [(0, "offset", builder.CreateString("picture")), (3, "offset", content)]
    if mean is not None and std is not None:
        numbers = [builder.CreateNumpyVector(np.asarray(one, np.float32)) for one in (mean, std)]
        options = table(builder, [(0, "offset", numbers[0]), (1, "offset", numbers[1])])
        unit = table(builder, [(0, "B", 1), (1, "offset", options)])
        taken.append((4, "offset", vector(builder, [unit])))
    given = [(0, "offset", builder.CreateString("scores"))]
    if labelled:
        given.append((6, "offset", vector(builder, labelled)))
    ends = [vector(builder, [table(builder, fields)]) for fields in (taken, given)]
    graph = table(builder, [(2, "offset", ends[0]), (3, "offset", ends[1])])
    words = [
        builder.CreateString(one) for one in ("Blobs", "Tells blobs apart", "A. Nother", "CC0")
    ]
    top = [
        (0, words[0]),
        (1, words[1]),
        (3, vector(builder, [graph])),
        (4, words[2]),
        (5, words[3]),
    ]
    builder.Finish(table(builder, [(field, "offset", at) for field, at in top]), b"M001")
    return bytes(builder.Output())


def table(builder: Any, fields: list[tuple[int, str, int]]) -> int:
    builder.StartObject(max(field for field, _, _ in fields) + 1)
    slots = {
        "offset": builder.PrependUOffsetTRelativeSlot,
        "b": builder.PrependInt8Slot,
        "B": builder.PrependUint8Slot,
    }
    for field, kind, value in fields:
        slots[kind](field, value, 0)
    return int(builder.EndObject())


def vector(builder: Any, offsets: list[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())


def _mobile() -> Any:
    """Depthwise separable, 1,001 classes, a softmax: what MobileNet and its kin look like."""
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((32, 32, 3), batch_size=1),
            layers.Conv2D(8, 3, strides=2, activation="relu6"),
            layers.DepthwiseConv2D(3, activation="relu6"),
            layers.Conv2D(16, 1, activation="relu6"),
            layers.GlobalAveragePooling2D(),
            # Far-flung weights: even of 1,001 classes one stands out, as after a training.
            layers.Dense(1001, kernel_initializer=keras.initializers.RandomNormal(stddev=12)),
            layers.Softmax(),
        ]
    )


def _small(shape: tuple[int, int, int], classes: int, last: str | None, **options: Any) -> Any:
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input(shape, **options),
            layers.Conv2D(6, 5, strides=3, activation="tanh"),
            layers.Flatten(),
            layers.Dense(
                classes, last, kernel_initializer=keras.initializers.RandomNormal(stddev=0.4)
            ),
        ]
    )


def _float(model: Any) -> bytes:
    return bytes(_converter(model).convert())


def _whole(model: Any, low: float, high: float, kind: str) -> bytes:
    """Fully quantised, calibrated on noise from low to high, input and output of one type."""
    import tensorflow as tf

    converter = _converter(model)
    shape = (1, *model.input_shape[1:])
    rng = np.random.default_rng(SEED)
    pictures = [rng.uniform(low, high, shape).astype(np.float32) for _ in range(20)]
    pictures += [np.full(shape, one, np.float32) for one in (low, high)]
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([one] for one in pictures)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = getattr(tf, kind)
    # A dense layer by channel would need a runtime newer than tflite-runtime's last.
    converter._experimental_disable_per_channel_quantization_for_dense_layers = True
    return bytes(converter.convert())


def _converter(model: Any) -> Any:
    import tensorflow as tf

    return tf.lite.TFLiteConverter.from_keras_model(model)


def _convolved() -> Any:
    """Scores as (1, 1, 1, n): a network that ends with a convolution."""
    import keras
    from keras import layers

    steps = [keras.Input((16, 16, 3)), layers.Conv2D(4, 8, 4), layers.Conv2D(5, 3)]
    return keras.Sequential([*steps, layers.Softmax()])


def _detector() -> Any:
    import keras
    from keras import layers

    picture = keras.Input((24, 24, 3))
    seen = layers.Flatten()(layers.Conv2D(4, 5, 4)(picture))
    boxes = layers.Reshape((10, 4))(layers.Dense(40)(seen))
    return keras.Model(picture, [boxes, layers.Dense(10, "sigmoid")(seen)])


def _scaled_bytes() -> bytes:
    """Takes uint8 pixels without a scale and brings them to its own range itself."""
    import keras
    from keras import layers

    picture = keras.Input((24, 24, 3), dtype="uint8")
    return _float(
        keras.Model(picture, _small((24, 24, 3), 5, "softmax")(layers.Rescaling(1 / 255)(picture)))
    )


def _homemade_softmax() -> bytes:
    """Probabilities that no SOFTMAX makes."""
    import keras

    picture = keras.Input((24, 24, 3))
    parts = _small((24, 24, 3), 5, "relu")(picture) + 1.0
    shares = parts / keras.ops.sum(parts, axis=1, keepdims=True)
    return _float(keras.Model(picture, shares))


def _flex() -> bytes:
    import tensorflow as tf

    def network(picture: Any) -> Any:
        return tf.reshape(tf.raw_ops.Cumprod(x=picture, axis=1), (1, 48))

    spec = tf.TensorSpec((1, 4, 4, 3), tf.float32)
    concrete = tf.function(network).get_concrete_function(spec)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete])
    converter.target_spec.supported_ops = [
        tf.lite.OpsSet.TFLITE_BUILTINS,
        tf.lite.OpsSet.SELECT_TF_OPS,
    ]
    return bytes(converter.convert())


def _channels_first() -> Any:
    import keras
    from keras import layers

    steps = [keras.Input((3, 24, 24)), layers.Permute((2, 3, 1)), _small((24, 24, 3), 5, "softmax")]
    return keras.Sequential(steps)


def _sound() -> Any:
    import keras
    from keras import layers

    return keras.Sequential([keras.Input((400,)), layers.Dense(5, "softmax")])


def _segmenter() -> Any:
    import keras
    from keras import layers

    return keras.Sequential([keras.Input((24, 24, 3)), layers.Conv2D(5, 3, activation="softmax")])


MODELS: dict[str, Callable[[], bytes]] = {
    "mobile-uint8": lambda: _whole(_mobile(), -1, 1, "uint8"),
    # Its scale is 1/128; with 2/255 every pixel would come to half a step, and fall either way.
    "rgb-int8": lambda: _whole(_small((24, 24, 3), 5, "softmax"), -1, 127 / 128, "int8"),
    "odd-int8": lambda: _whole(_small((24, 24, 3), 5, "softmax"), -2.1, 2.6, "int8"),
    "rgb-float": lambda: _float(_small((24, 24, 3), 5, "softmax")),
    "rgb-bytes": _scaled_bytes,
    "gray-logits": lambda: _float(_small((28, 28, 1), 10, None)),
    "many-labels": lambda: _float(_small((24, 24, 3), 5, "sigmoid")),
    "convolved": lambda: _float(_convolved()),
    "homemade-softmax": _homemade_softmax,
    "detector": lambda: _float(_detector()),
    "flex": _flex,
    "channels-first": lambda: _float(_channels_first()),
    "sound": lambda: _float(_sound()),
    "segmenter": lambda: _float(_segmenter()),
}

if __name__ == "__main__":
    make_all(Path(sys.argv[1]))
