"""What stands before the network while it is fitted: pictures on the device, augmentation, scale.

The network itself takes the contract's input; these layers make it from stored pixels, a batch at
a time, so that the host sends a few numbers a picture and the arithmetic runs where the network is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from edge.contract import Input
from train.augment import KNOTS, Augment


class Pictures(keras.layers.Layer):  # type: ignore[misc]
    """Pictures on the device: int32 (n,) indices -> uint8 (n, height, width, channels)."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        super().__init__(dtype="float32")
        self.pixels = self.add_weight(
            shape=pixels.shape, initializer="zeros", dtype="uint8", trainable=False, autocast=False
        )
        self.pixels.assign(np.asarray(pixels))

    def call(self, indices: Any) -> Any:
        return ops.take(self.pixels, indices, axis=0)

    def compute_output_spec(self, indices: Any) -> Any:
        return keras.KerasTensor((indices.shape[0], *self.pixels.shape[1:]), dtype="uint8")


class Move(keras.layers.Layer):  # type: ignore[misc]
    """Shifts, turns, zooms and mirrors each picture by its row of `draw_moves`."""

    def __init__(self, fill: str) -> None:
        super().__init__(dtype="float32")
        self.fill = fill

    def call(self, pixels: Any, moves: Any) -> Any:
        return ops.image.affine_transform(
            ops.cast(pixels, "float32"),
            moves,
            interpolation="bilinear",
            fill_mode=self.fill,
            data_format="channels_last",
        )


class Bend(keras.layers.Layer):  # type: ignore[misc]
    """As `Move`, and parts of each picture against the rest by its row of `draw_bends`.

    One look at the pixels for both: a second one between them would blur twice.
    """

    def __init__(self, fill: str) -> None:
        super().__init__(dtype="float32")
        self.fill = fill

    def call(self, pixels: Any, moves: Any, bends: Any) -> Any:
        pixels = ops.cast(pixels, "float32")
        height, width = pixels.shape[1:3]
        bends = ops.image.resize(
            bends, (height, width), interpolation="bicubic", data_format="channels_last"
        )
        a0, a1, a2, b0, b1, b2 = (moves[:, i, None, None] for i in range(6))
        down = ops.arange(height, dtype="float32")[None, :, None]
        across = ops.arange(width, dtype="float32")[None, None, :]
        x = a0 * across + a1 * down + a2 + bends[..., 0]
        y = b0 * across + b1 * down + b2 + bends[..., 1]
        if self.fill == "nearest":
            x, y = ops.clip(x, 0, width - 1), ops.clip(y, 0, height - 1)
        return _between(pixels, x, y)


def _between(pixels: Any, x: Any, y: Any) -> Any:
    """The pixels at (x, y), each (n, height, width), between those around it; outside it is 0."""
    height, width, channels = pixels.shape[1:]
    framed = ops.pad(pixels, ((0, 0), (1, 2), (1, 2), (0, 0)))
    flat = ops.reshape(framed, (-1, (height + 3) * (width + 3), channels))
    x, y = ops.clip(x, -1, width) + 1, ops.clip(y, -1, height) + 1
    left, top = ops.floor(x), ops.floor(y)
    right, down = (x - left)[..., None], (y - top)[..., None]
    first = ops.cast(top * (width + 3) + left, "int32")

    def seen(further: int) -> Any:
        at = ops.reshape(first + further, (-1, height * width, 1))
        return ops.reshape(ops.take_along_axis(flat, at, axis=1), (-1, height, width, channels))

    above = seen(0) + right * (seen(1) - seen(0))
    below = seen(width + 3) + right * (seen(width + 4) - seen(width + 3))
    return above + down * (below - above)


class Pen(keras.layers.Layer):  # type: ignore[misc]
    """Widens, narrows and blurs light strokes of each picture by its row of `draw_pens`.

    Toward the lightest, or darkest, of a pixel and its four neighbours (grayscale dilation and
    erosion); then toward the mean of the nine around it, taken twice.
    """

    def call(self, pixels: Any, pens: Any) -> Any:
        pixels = ops.cast(pixels, "float32")
        widening, blur = (pens[:, i, None, None, None] for i in range(2))
        lightest, darkest = _lightest(pixels), -_lightest(-pixels)
        pixels = (
            pixels
            + ops.relu(widening) * (lightest - pixels)
            + ops.relu(-widening) * (darkest - pixels)
        )
        mean = pixels
        for _ in range(2):
            mean = ops.average_pool(mean, 3, 1, "same", data_format="channels_last")
        return pixels + blur * (mean - pixels)


def _lightest(pixels: Any) -> Any:
    pool = ops.max_pool
    across = pool(pixels, (1, 3), 1, "same", data_format="channels_last")
    return ops.maximum(across, pool(pixels, (3, 1), 1, "same", data_format="channels_last"))


class Light(keras.layers.Layer):  # type: ignore[misc]
    """Changes brightness and contrast of each picture by its row of `draw_lights`."""

    def call(self, pixels: Any, lights: Any) -> Any:
        gain, lift = (lights[:, i, None, None, None] for i in range(2))
        return ops.clip(ops.cast(pixels, "float32") * gain + lift, 0.0, 255.0)


class Erase(keras.layers.Layer):  # type: ignore[misc]
    """Paints over a rectangle of each picture by its row of `draw_erasures`."""

    def call(self, pixels: Any, erasures: Any) -> Any:
        pixels = ops.cast(pixels, "float32")
        top, left, bottom, right, gray = (erasures[:, i, None, None, None] for i in range(5))
        down = ops.arange(pixels.shape[1], dtype="float32")[None, :, None, None]
        across = ops.arange(pixels.shape[2], dtype="float32")[None, None, :, None]
        is_in = (down >= top) & (down < bottom) & (across >= left) & (across < right)
        return ops.where(is_in, gray, pixels)


class Normalize(keras.layers.Layer):  # type: ignore[misc]
    """The contract's last step: pixels 0 to 255 -> (pixel - mean) / std."""

    def __init__(self, spec: Input) -> None:
        super().__init__(dtype="float32")
        self.mean = np.asarray(spec.preprocess.mean, np.float32)
        self.std = np.asarray(spec.preprocess.std, np.float32)

    def call(self, pixels: Any) -> Any:
        return (ops.cast(pixels, "float32") - self.mean) / self.std


class KnownAccuracy(keras.metrics.CategoricalAccuracy):  # type: ignore[misc]
    """The part of the pictures answered rightly, of those that show one of the classes."""

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """An outlier's target is spread over all classes, and nothing is right for it.

        What follows the logits in `y_pred`, where it is wider than the truth, is the teachers'.
        """
        y_pred = y_pred[..., : y_true.shape[-1]]
        is_known = ops.cast(ops.max(y_true, axis=-1) > 0.5, "float32")
        super().update_state(y_true, y_pred, is_known)


class Teachers(keras.layers.Layer):  # type: ignore[misc]
    """Networks that are not fitted: pictures -> the mean of their probabilities (n, classes)."""

    def __init__(self, networks: Sequence[Any]) -> None:
        super().__init__(dtype="float32")
        self.networks = list(networks)
        # Only now does it reach their weights, which the optimizer's decay would shrink.
        self.trainable = False

    def call(self, pictures: Any) -> Any:
        answers = [ops.softmax(network(pictures, training=False)) for network in self.networks]
        return ops.stop_gradient(sum(answers) / len(answers))


class TaughtCrossentropy(keras.losses.CategoricalCrossentropy):  # type: ignore[misc]
    """The truth is in part what the teachers say, who stand behind the logits in `y_pred`."""

    def __init__(self, share: float, label_smoothing: float) -> None:
        super().__init__(True, label_smoothing)
        self.share = share

    def call(self, y_true: Any, y_pred: Any) -> Any:
        logits, taught = ops.split(y_pred, 2, axis=-1)
        return super().call((1 - self.share) * y_true + self.share * taught, logits)


def with_pixels(network: Any, spec: Input) -> Any:
    """keras.Model: uint8 (n, height, width, channels) pixels -> the network's logits."""
    pixels = keras.Input(spec.shape, dtype="uint8", name="pixels")
    return keras.Model(pixels, network(Normalize(spec)(pixels)))


def fitting_layers(
    network: Any,
    spec: Input,
    augment: Augment,
    resident: NDArray[np.uint8] | None,
    teachers: Sequence[Any] = (),
    taught: int = 0,
) -> tuple[dict[str, Any], Any]:
    """Inputs and output of the model that is fitted.

    resident: all pictures, to be kept on the device; none: each batch brings its own.
    teachers: networks that are asked too.
    taught: of so many classes a batch brings what teachers said to it.

    Returns:
        Inputs `index` or `pixels`, and `pens`, `moves`, `bends`, `lights` and `erasures` where
        the augmentation has them, and `taught`; logits, followed by the teachers' probabilities if
        there are any.
    """
    inputs: dict[str, Any] = {}
    if resident is None:
        inputs["pixels"] = pixels = keras.Input(spec.shape, dtype="uint8", name="pixels")
    else:
        inputs["index"] = keras.Input((), dtype="int32", name="index")
        pixels = Pictures(resident)(inputs["index"])
    if augment.draws:  # before a move has blurred them
        inputs["pens"] = keras.Input((2,), name="pens")
        pixels = Pen(dtype="float32")(pixels, inputs["pens"])
    if augment.moves:
        inputs["moves"] = keras.Input((8,), name="moves")
        # Around ink and objects it is black; what a photo continues with is like its border.
        fill = "nearest" if spec.preprocess.kind == "photo" else "constant"
        if augment.bend:
            inputs["bends"] = keras.Input((KNOTS, KNOTS, 2), name="bends")
            pixels = Bend(fill)(pixels, inputs["moves"], inputs["bends"])
        else:
            pixels = Move(fill)(pixels, inputs["moves"])
    if augment.lights:
        inputs["lights"] = keras.Input((2,), name="lights")
        pixels = Light(dtype="float32")(pixels, inputs["lights"])
    if augment.erase:
        inputs["erasures"] = keras.Input((5,), name="erasures")
        pixels = Erase(dtype="float32")(pixels, inputs["erasures"])
    pictures = Normalize(spec)(pixels)
    logits = network(pictures)
    if taught:
        inputs["taught"] = keras.Input((taught,), name="taught")
    if teachers or taught:
        answers = Teachers(teachers)(pictures) if teachers else inputs["taught"]
        logits = keras.layers.Concatenate(dtype="float32")([logits, answers])
    return inputs, logits
