"""JAX's devices: one, or several in a machine, by keras.distribution."""

from __future__ import annotations

import os
from contextlib import nullcontext
from typing import Any

import jax
import keras

from edge.errors import EnvironmentFault
from train.devices import Machine, choose_precision

PROCESSES = "KERAS_DISTRIBUTION_NUM_PROCESSES"
"""Keras's own variable for several processes."""


def start(precision: str) -> Machine:
    """Finds the devices; several of them share each batch.

    Raises:
        EnvironmentFault: several processes are asked for.
    """
    if int(os.environ.get(PROCESSES, "1")) > 1:
        raise EnvironmentFault(
            f"{PROCESSES}: under JAX a training is one process, with all devices of its machine; "
            "several machines train together under KERAS_BACKEND=tensorflow, by TF_CONFIG"
        )
    devices = jax.devices()
    if len(devices) > 1:
        keras.distribution.set_distribution(keras.distribution.DataParallel())
    accelerators = [one for one in devices if one.platform != "cpu"]
    capability = [float(getattr(one, "compute_capability", 8.0)) for one in accelerators]
    return Machine(
        backend="jax",
        devices=tuple(one.device_kind for one in accelerators),
        worker=0,
        workers=1,
        replicas=len(devices),
        precision=choose_precision(precision, bool(capability) and min(capability) >= 8),
        compiles=True,
        scope=nullcontext,
        make_model=keras.Model,
        feed=_as_it_is,
    )


def _as_it_is(batches: Any) -> Any:
    return batches
