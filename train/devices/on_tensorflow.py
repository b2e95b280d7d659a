"""TensorFlow's devices: one, several in a machine, or several machines, by tf.distribute."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from edge.errors import UsageError
from train.devices import Machine, choose_precision
from train.devices.memory import keep_freed_memory

BFLOAT16_SINCE = (8, 0)
"""Compute capability of the first GPUs with bfloat16 units (NVIDIA Ampere)."""
SEVERAL = 32
"""Batches that are made at a time, where each is a few numbers a picture."""


def start(precision: str) -> Machine:
    """Finds the GPUs; several of them, or several workers by TF_CONFIG, share each batch."""
    keep_freed_memory()
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:  # without, TensorFlow takes all of a GPU's memory at once
        tf.config.experimental.set_memory_growth(gpu, True)
    worker, workers = _place_in_cluster()
    strategy = None
    if workers > 1:  # before anything else runs, or it refuses
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    tf.config.experimental.enable_op_determinism()
    if workers == 1 and len(gpus) > 1:
        strategy = tf.distribute.MirroredStrategy()
    details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
    capable = [one.get("compute_capability", (0, 0)) >= BFLOAT16_SINCE for one in details]
    return Machine(
        backend="tensorflow",
        devices=tuple(one.get("device_name", "GPU") for one in details),
        worker=worker,
        workers=workers,
        replicas=strategy.num_replicas_in_sync if strategy else 1,
        precision=choose_precision(precision, bool(capable) and all(capable)),
        compiles=False,  # Keras leaves XLA out where determinism is asked for
        scope=strategy.scope if strategy else nullcontext,
        make_model=_WorkersModel if workers > 1 else keras.Model,
        feed=(lambda batches: _distribute(batches, strategy)) if workers > 1 else _stream,
    )


def _place_in_cluster() -> tuple[int, int]:
    """This process's number and how many there are, from TF_CONFIG."""
    text = os.environ.get("TF_CONFIG")
    if not text:
        return 0, 1
    try:
        config = json.loads(text)
        workers, task = config["cluster"]["worker"], config["task"]
        index = int(task["index"])
        if task["type"] != "worker" or not 0 <= index < len(workers):
            raise ValueError(f"task {task}")
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(
            'TF_CONFIG: expected {"cluster": {"worker": ["HOST:PORT", ...]}, "task": '
            f'{{"type": "worker", "index": 0}}}}, cannot use it: {error!r}'
        ) from None
    return index, len(workers)


def _stream(batches: Any) -> Any:
    """An epoch of batches, made several at a time: asked for each one by itself, Python is slower
    than a small network's step."""
    steps = len(batches)
    several = SEVERAL if batches.is_resident else 1

    def epoch() -> Iterator[Any]:
        for start in range(0, steps, several):
            some = [batches[index] for index in range(start, min(start + several, steps))]
            yield tf.nest.map_structure(lambda *arrays: np.stack(arrays), *some)

    def signature(array: Any) -> Any:
        return tf.TensorSpec((None, *array.shape), array.dtype)

    stream = tf.data.Dataset.from_generator(
        epoch, output_signature=tf.nest.map_structure(signature, batches[0])
    )
    one_by_one = stream.flat_map(lambda *some: tf.data.Dataset.from_tensor_slices(some))
    return one_by_one.prefetch(several).apply(tf.data.experimental.assert_cardinality(steps))


def _distribute(batches: Any, strategy: Any) -> Any:
    """This worker's part of every batch, epoch after epoch, as the strategy wants it."""

    def forever() -> Iterator[Any]:
        while True:
            yield from (batches[index] for index in range(len(batches)))
            batches.begin(batches.epoch + 1)

    def signature(array: Any) -> Any:
        return tf.TensorSpec((None, *array.shape[1:]), array.dtype)

    signatures = tf.nest.map_structure(signature, batches[0])
    return strategy.distribute_datasets_from_function(
        lambda _: tf.data.Dataset.from_generator(forever, output_signature=signatures).prefetch(2)
    )


class _WorkersModel(keras.Model):  # type: ignore[misc]
    """A Keras model that MultiWorkerMirroredStrategy can fit.

    Keras 3 builds its metrics from a reduced batch and reduces the step's scalars along an axis
    that they lack (keras-team/keras issue 20585). Here everything is built beforehand, and the
    metrics, which sum over the replicas by themselves, are read behind the steps.
    """

    def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        return

    train_function: Any

    def make_train_function(self, force: bool = False) -> Any:
        if self.train_function is None or force:
            strategy, steps = self.distribute_strategy, self.steps_per_execution

            @tf.function  # type: ignore[untyped-decorator]
            def train(iterator: Any) -> None:
                for _ in tf.range(steps):
                    strategy.run(self.train_step, args=(next(iterator),))

            def train_and_tell(iterator: Any) -> dict[str, Any]:
                train(iterator)
                return dict(self.get_metrics_result())

            self.train_function = train_and_tell
        return self.train_function
