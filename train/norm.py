"""Batch norm as TensorFlow fits it quickly on CPUs; what is saved has Keras's own."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


class RowNorm(keras.layers.BatchNormalization):  # type: ignore[misc]
    """Keras's batch norm with its sums taken along whole pictures.

    TensorFlow's kernels on CPUs run along the last axis, a few channels long in our networks, and
    take longer over batch norm than over the convolution before it. A picture as one row, with a
    channel's numbers repeated over it, is long: a step of a narrow residual network takes three
    quarters of the time (docs/LOG.md, 2026-11-27).
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if not training or not self.trainable or len(inputs.shape) != 4:
            return super().call(inputs, training=training, mask=mask)
        height, width, channels = inputs.shape[1:]
        # In float32: eight bits of bfloat16 cannot hold such sums.
        rows = ops.cast(ops.reshape(inputs, (-1, height * width * channels)), "float32")
        mean = _of_channels(rows, channels)
        rows -= ops.tile(mean, height * width)
        variance = _of_channels(ops.square(rows), channels)
        self.moving_mean.assign(_moved(self.moving_mean, mean, self.momentum))
        self.moving_variance.assign(_moved(self.moving_variance, variance, self.momentum))
        scale = self.gamma * ops.rsqrt(variance + self.epsilon)
        rows = rows * ops.tile(scale, height * width) + ops.tile(self.beta, height * width)
        return ops.reshape(ops.cast(rows, self.compute_dtype), (-1, height, width, channels))


def with_row_norm(network: Any) -> Any:
    """The same network, its weights too, with RowNorm for batch norm; uncompiled."""

    def quick(layer: Any) -> Any:
        kind = RowNorm if type(layer) is keras.layers.BatchNormalization else type(layer)
        return kind.from_config(layer.get_config())

    clone = keras.models.clone_model(network, clone_function=quick)
    clone.set_weights(network.get_weights())
    return clone


def _of_channels(rows: Any, channels: int) -> Any:
    """The means (channels,) of rows (n, pixels * channels)."""
    return ops.mean(ops.reshape(ops.mean(rows, axis=0), (-1, channels)), axis=0)


def _moved(average: Any, now: Any, momentum: float) -> Any:
    return average * momentum + now * (1.0 - momentum)
