"""Starts Keras and its backend without their announcements."""

from __future__ import annotations

from edge.quiet import quiet


def start_backend() -> None:
    """Imports Keras and lets it find its devices; takes seconds.

    TensorFlow tells at length, past Python, that a machine has no GPU. What fails raises.
    """
    with quiet():
        import keras

        keras.ops.zeros(1)
