"""The networks: contract's input in, logits out."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from edge.contract import Input
from train.recipes import Recipe

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
    """3x3 convolutions with a pooling between each two; batch norm folds away when converted."""
    features = _convolution(picture, recipe.widths[0])
    for filters in recipe.widths[1:]:
        features = _convolution(layers.MaxPooling2D()(features), filters)
    while max(features.shape[1:3]) > MAX_FEATURE_SIDE:
        features = _convolution(layers.MaxPooling2D()(features), recipe.widths[-1])
    return layers.Flatten()(features)


def _convolution(features: Any, filters: int) -> Any:
    features = layers.Conv2D(filters, 3, padding="same", use_bias=False)(features)
    return layers.ReLU()(layers.BatchNormalization()(features))
