"""The networks: contract's input in, logits out."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from edge.contract import Input
from train.recipes import Recipe

PHOTO_SIDE = 32
"""Inputs wider than this many pixels are photos to the convolutional network."""
MAX_FEATURE_SIDE = 8
"""Larger inputs get more pooling, until the last feature map is at most this wide."""


def build_network(recipe: Recipe, spec: Input, classes: int) -> Any:
    """A fresh, uncompiled Keras model.

    Returns:
        keras.Model: float32 (n, height, width, channels) -> float32 (n, classes), logits.
    """
    picture = keras.Input(spec.shape, name="picture")
    features = _dense(picture, recipe) if recipe.network == "mlp" else _convolve(picture, recipe)
    if recipe.dropout:
        features = layers.Dropout(recipe.dropout)(features)
    return keras.Model(picture, layers.Dense(classes, name="logits")(features))


def _dense(picture: Any, recipe: Recipe) -> Any:
    features = layers.Flatten()(picture)
    for units in recipe.widths:
        features = layers.Dense(units, activation="relu")(features)
    return features


def _convolve(picture: Any, recipe: Recipe) -> Any:
    """3x3 convolutions with a pooling between each two; batch norm folds away when converted.

    A photo is larger and its thing may be anywhere: a first stride quarters the cost, and only
    the average of each feature over the picture counts. A 28x28 field is centred, and where
    its strokes are matters.
    """
    is_photo = max(picture.shape[1:3]) > PHOTO_SIDE
    features = _convolution(picture, recipe.widths[0], strides=2 if is_photo else 1)
    for filters in recipe.widths[1:]:
        features = _convolution(layers.MaxPooling2D()(features), filters)
    while max(features.shape[1:3]) > MAX_FEATURE_SIDE:
        features = _convolution(layers.MaxPooling2D()(features), recipe.widths[-1])
    return layers.GlobalAveragePooling2D()(features) if is_photo else layers.Flatten()(features)


def _convolution(features: Any, filters: int, strides: int = 1) -> Any:
    convolution = layers.Conv2D(filters, 3, strides, padding="same", use_bias=False)
    features = convolution(features)
    return layers.ReLU()(layers.BatchNormalization()(features))
