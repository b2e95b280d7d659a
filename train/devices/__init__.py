"""The machine's part of a training: which devices there are, and how Keras is to use them.

Keras is the same on every backend but for this. Each backend has its own file, imported when it is
the one in use (`KERAS_BACKEND`, TensorFlow unless said otherwise).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from edge.errors import EnvironmentFault, UsageError
from edge.quiet import quiet

PRECISIONS = ("auto", "float32", "bfloat16", "float16")
BACKENDS = ("tensorflow", "jax")


@dataclass(frozen=True)
class Machine:
    """What a training runs on."""

    backend: str
    devices: tuple[str, ...]
    """Each accelerator of this process by its name; empty: none."""
    worker: int
    workers: int
    """Processes that train together, this one's number among them from 0."""
    replicas: int
    """Devices that share each batch, over all workers."""
    precision: str
    """What the network computes in while it is fitted; what is saved is float32."""
    compiles: bool
    """Whether XLA compiles the step: under JAX, always. TensorFlow's deterministic operations
    exclude it, and on CPUs it makes TensorFlow slower."""
    scope: Callable[[], AbstractContextManager[Any]]
    """Where the model's variables are made."""
    make_model: Callable[..., Any]
    """keras.Model, or what stands in for it."""
    feed: Callable[[Any], Any]
    """Batches to what `fit` takes."""

    @property
    def keeps_pictures(self) -> bool:
        """Whether all pictures may be kept on the device: not with TensorFlow's replicas, each
        of which would be sent a copy."""
        return self.replicas == 1 or self.backend == "jax"

    def describe(self) -> str:
        """One line for people."""
        cores = os.cpu_count() or 1
        on = ", ".join(self.devices) or f"{cores} CPU cores, no GPU found"
        with_workers = f", worker {self.worker} of {self.workers}" if self.workers > 1 else ""
        return f"{self.backend} on {on}{with_workers}, {self.precision}"


def start_backend() -> None:
    """Imports Keras and its backend without their announcements; takes seconds."""
    with quiet():
        import keras

        keras.ops.zeros(1)


def find_machine(precision: str = "auto") -> Machine:
    """Starts the backend, finds its devices and joins the other workers; call it first.

    It takes seconds, and TensorFlow's announcements of what a machine lacks are kept quiet.

    precision: one of PRECISIONS; `auto` is bfloat16 where the GPUs have it, else float32.

    Raises:
        UsageError: a precision that is none, or a cluster description that does not fit.
        EnvironmentFault: a backend that is not supported or not installed.
    """
    if precision not in PRECISIONS:
        raise UsageError(f"--precision: expected {', '.join(PRECISIONS)}, got {precision!r}")
    backend = os.environ.get("KERAS_BACKEND", BACKENDS[0])
    if backend not in BACKENDS:
        raise EnvironmentFault(f"KERAS_BACKEND: expected {' or '.join(BACKENDS)}, got {backend!r}")
    with quiet():
        if backend == "tensorflow":
            from train.devices import on_tensorflow as engine
        else:
            from train.devices import on_jax as engine  # type: ignore[no-redef]
        machine: Machine = engine.start(precision)
    return machine


def choose_precision(asked: str, computes_bfloat16: bool) -> str:
    """The precision for `asked`; half of it only where it is faster and as good."""
    if asked != "auto":
        return asked
    return "bfloat16" if computes_bfloat16 else "float32"
