"""The networks: contract's input in, logits out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
from keras import layers

from edge.contract import Input
from edge.errors import DataUnavailable, UsageError
from train.recipes import Recipe

PHOTO_SIDE = 32
"""Inputs wider than this many pixels are photos to the convolutional networks."""
MAX_FEATURE_SIDE = 8
"""Larger inputs get more pooling, until the last feature map is at most this wide."""
MOMENTUM = 0.9
"""Of batch norm's moving averages; Keras's 0.99, and MobileNet's 0.999, lag behind in short
trainings."""


def build_network(recipe: Recipe, spec: Input, classes: int, is_shared: bool = False) -> Any:
    """A fresh, uncompiled Keras model.

    is_shared: replicas share each batch, and batch norm is to see all of it.

    Returns:
        keras.Model: float32 (n, height, width, channels) -> float32 (n, classes), logits.

    Raises:
        UsageError, DataUnavailable: the weights to start from do not fit or cannot be had.
    """
    picture = keras.Input(spec.shape, name="picture")
    features = _FEATURES[recipe.network](picture, recipe)
    if recipe.dropout:
        features = layers.Dropout(recipe.dropout)(features)
    # float32 whatever the rest computes in: low precision loses most in the logits' sums.
    logits = layers.Dense(classes, name="logits", dtype="float32")(features)
    network = keras.Model(picture, logits)
    for layer in network.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum, layer.synchronized = MOMENTUM, is_shared
    return network


def _dense(picture: Any, recipe: Recipe) -> Any:
    features = layers.Flatten()(picture)
    for units in recipe.widths:
        features = layers.Dense(units, activation="relu")(features)
    return features


def _convolve(picture: Any, recipe: Recipe) -> Any:
    return _stack(picture, recipe, _convolution)


def _separate(picture: Any, recipe: Recipe) -> Any:
    return _stack(picture, recipe, _separable)


def _stack(picture: Any, recipe: Recipe, convolution: Any) -> Any:
    """Convolutions with a pooling between each two; the first is always a full one.

    A photo is larger and its thing may be anywhere: a first stride quarters the cost, and only
    the average of each feature over the picture counts. A 28x28 field is centred, and where
    its strokes are matters.
    """
    is_photo = max(picture.shape[1:3]) > PHOTO_SIDE
    first, *others = recipe.widths
    features = _convolution(picture, first, strides=2 if is_photo else 1)
    for _ in range(recipe.depth - 1):
        features = convolution(features, first)
    for filters in others:
        features = layers.MaxPooling2D()(features)
        for _ in range(recipe.depth):
            features = convolution(features, filters)
    while max(features.shape[1:3]) > MAX_FEATURE_SIDE:
        features = convolution(layers.MaxPooling2D()(features), recipe.widths[-1])
    if is_photo or recipe.average_last:
        return layers.GlobalAveragePooling2D()(features)
    if recipe.pool_last:
        features = layers.MaxPooling2D(padding="same")(features)
    return layers.Flatten()(features)


def _residual(picture: Any, recipe: Recipe) -> Any:
    """Blocks of two convolutions that are added to what they were given (He et al. 2016).

    ReLU comes last, so that each batch norm folds into the convolution before it.
    """
    is_photo = max(picture.shape[1:3]) > PHOTO_SIDE
    features = _convolution(picture, recipe.widths[0], 2 if is_photo else 1)
    for stage, filters in enumerate(recipe.widths):
        for block in range(recipe.depth):
            features = _block(features, filters, 2 if stage and not block else 1)
    while max(features.shape[1:3]) > MAX_FEATURE_SIDE:
        features = _block(features, recipe.widths[-1], 2)
    return layers.GlobalAveragePooling2D()(features)


def _block(features: Any, filters: int, strides: int) -> Any:
    change = _convolution(features, filters, strides)
    change = _normalized(layers.Conv2D(filters, 3, padding="same", use_bias=False), change)
    if strides > 1 or features.shape[-1] != filters:
        shortcut = layers.Conv2D(filters, 1, strides, padding="same", use_bias=False)
        features = _normalized(shortcut, features)
    return layers.ReLU()(layers.Add()([features, change]))


def _normalized(convolution: Any, features: Any) -> Any:
    return layers.BatchNormalization()(convolution(features))


def _convolution(features: Any, filters: int, strides: int = 1) -> Any:
    convolution = layers.Conv2D(filters, 3, strides, padding="same", use_bias=False)
    return _activate(convolution(features))


def _separable(features: Any, filters: int) -> Any:
    """Each channel by itself, then each pixel by itself (Howard et al. 2017)."""
    features = _activate(layers.DepthwiseConv2D(3, padding="same", use_bias=False)(features))
    return _activate(layers.Conv2D(filters, 1, use_bias=False)(features))


def _activate(features: Any) -> Any:
    """Batch norm and ReLU; the batch norm folds into the convolution when converted."""
    return layers.ReLU()(layers.BatchNormalization()(features))


def _mobilenet(picture: Any, recipe: Recipe) -> Any:
    """MobileNetV2 up to its pooled features, starting from `recipe.weights`."""
    weights = None if recipe.weights == "none" else recipe.weights
    if weights is not None and picture.shape[3] != 3:
        raise UsageError(
            f"weights {weights!r}: expected colour pictures, got {picture.shape[3]} channel; "
            "use --weights none"
        )
    if weights not in (None, "imagenet") and not Path(str(weights)).is_file():
        raise UsageError(f"--weights: expected none, imagenet or a weights file, got {weights!r}")
    try:
        return keras.applications.MobileNetV2(
            input_tensor=picture,
            alpha=recipe.width_factor,
            include_top=False,
            weights=weights,
            pooling="avg",
        ).output
    except Exception as error:  # Keras downloads and reads here: anything from URLError to OSError
        if weights is None:
            raise UsageError(f"mobilenet: {_brief(error)}") from None
        raise DataUnavailable(
            f"weights {weights!r} cannot be had for {picture.shape[1]}x{picture.shape[2]} pictures "
            f"and width_factor {recipe.width_factor}: {_brief(error)}; without a network: "
            "--weights PATH of Keras's file mobilenet_v2_weights_*_no_top.h5, or --weights none "
            "to start from random ones"
        ) from None


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


_FEATURES = {
    "mlp": _dense,
    "cnn": _convolve,
    "separable": _separate,
    "residual": _residual,
    "mobilenet": _mobilenet,
}
