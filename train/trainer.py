"""A network and everything around it while it is fitted, whose whole state can be put aside."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from edge.contract import Input
from train.batches import Batches
from train.checkpoint import Arrays
from train.devices import Machine
from train.interruption import Interruption
from train.layers import (
    KnownAccuracy,
    Pictures,
    TaughtCrossentropy,
    Teachers,
    fitting_layers,
    with_pixels,
)
from train.networks import build_network
from train.norm import with_row_norm
from train.recipes import Recipe
from train.teachers import load_teacher

RESIDENT_BYTES = 512 * 1024 * 1024
"""Pictures up to this much are kept on the device; MNIST has 47 MB."""
STEPS_AT_ONCE = 16
"""Steps that the device takes before Python is asked again. It costs a millisecond, as much as a
small network's step; a step that takes longer is left alone, for the sake of progress bars."""


class Trainer:
    """Fits one network; made anew for each phase of a training."""

    def __init__(
        self,
        recipe: Recipe,
        spec: Input,
        classes: int,
        machine: Machine,
        batches: Batches,
        seed: int,
    ) -> None:
        self.machine, self.batches, self.recipe = machine, batches, recipe
        keras.utils.set_random_seed(seed)
        with machine.scope():
            keras.config.set_dtype_policy(policy_of(machine.precision))
            is_shared = machine.replicas > 1 and machine.backend == "tensorflow"
            self.network = build_network(recipe, spec, classes, is_shared)
            if machine.backend == "tensorflow" and not machine.devices and not is_shared:
                self.network = with_row_norm(self.network)
            resident = batches.pixels if batches.is_resident else None
            asked = () if recipe.teacher_rounds else recipe.teachers
            teachers = [load_teacher(name) for name in asked]
            inputs, logits = fitting_layers(
                self.network,
                spec,
                recipe.augment,
                resident,
                teachers,
                classes if recipe.teachers and not asked else 0,
            )
            self.model = machine.make_model(inputs, logits)
            self._compile(_optimizer(recipe, len(batches)))
        keras.config.set_dtype_policy("float32")
        # What is validated and saved is a plain network: no replicas, no low precision.
        self.plain = build_network(recipe_of_random_weights(recipe), spec, classes)
        self._answering = with_pixels(self.plain, spec)

    def _compile(self, optimizer: Any) -> None:
        steps = len(self.batches)
        is_quick = bool(self.machine.devices) or self.recipe.network == "mlp"
        at_once = STEPS_AT_ONCE if is_quick else 1
        if self.machine.workers > 1:  # they would overrun the epoch's end
            at_once = max(n for n in range(1, at_once + 1) if steps % n == 0)
        self.model.compile(
            optimizer,
            _loss(self.recipe),
            metrics=[KnownAccuracy(name="accuracy")],
            steps_per_execution=min(at_once, steps),
            jit_compile=self.machine.compiles,
        )
        self.optimizer = self.model.optimizer  # in float16 Keras wraps it, to scale the loss
        self.optimizer.build(self.model.trainable_variables)

    def fit(self, epochs: int, first: int, callbacks: list[Any]) -> None:
        """Goes on from epoch `first`, counted from 0, to `epochs`, unless a callback stops it."""
        feeds_itself = self.machine.workers > 1  # from epoch to epoch, ahead of the steps
        self.batches.begin(first)
        begin = keras.callbacks.LambdaCallback(on_epoch_begin=lambda at, _: self.batches.begin(at))
        with Interruption() as interruption:
            self.model.fit(
                self.machine.feed(self.batches),
                epochs=epochs,
                initial_epoch=first,
                steps_per_epoch=len(self.batches) if feeds_itself else None,
                shuffle=False,  # Batches shuffles, in an order that a restart can repeat
                verbose=0,
                callbacks=[interruption, *([] if feeds_itself else [begin]), *callbacks],
            )

    def state(self) -> Arrays:
        """Weights, optimizer and random state."""
        return [_to_numpy(variable) for variable in self._variables()]

    def restore(self, state: Arrays) -> None:
        """Puts a state back that `state` gave."""
        for variable, value in zip(self._variables(), state, strict=True):
            variable.assign(value)

    def kept_weights(self) -> Arrays:
        """Weights of the network that would be kept now: averaged ones, when the recipe says so."""
        if not self.recipe.ema:
            return self._weights()
        trained = self.model.trainable_variables
        before = [_to_numpy(variable) for variable in trained]
        self.optimizer.finalize_variable_values(trained)
        kept = self._weights()
        for variable, value in zip(trained, before, strict=True):
            variable.assign(value)
        return kept

    def answer(self, weights: Arrays, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Logits (n, classes) of a network with these weights; a batch in memory at a time."""
        self.plain.set_weights(weights)
        size = 256
        parts = [
            self._answering.predict_on_batch(_padded(pixels[start : start + size], size))
            for start in range(0, len(pixels), size)
        ]
        logits: NDArray[np.float32] = np.concatenate([np.asarray(one) for one in parts])
        return logits[: len(pixels)]

    def _weights(self) -> Arrays:
        return [_to_numpy(variable) for variable in self.network.weights]

    def _variables(self) -> list[Any]:
        given = [
            variable.path
            for layer in self.model.layers
            if isinstance(layer, Pictures | Teachers)
            for variable in layer.variables
        ]
        everything = [*self.model.variables, *self.optimizer.variables]
        return [variable for variable in everything if variable.path not in given]


def recipe_of_random_weights(recipe: Recipe) -> Recipe:
    """The recipe of the same network without weights to load."""
    return replace(recipe, weights="none")


def planned_epochs(recipe: Recipe, steps: int) -> int:
    """Epochs to fit at most: enough to see the recipe's least number of batches.

    steps: batches in an epoch.
    """
    return max(recipe.epochs, math.ceil(recipe.min_steps / steps))


def _optimizer(recipe: Recipe, steps: int) -> Any:
    rate: Any = recipe.learning_rate
    if recipe.schedule == "cosine":
        planned = planned_epochs(recipe, steps) * steps
        rate = keras.optimizers.schedules.CosineDecay(recipe.learning_rate, planned)
    optimizers = {"sgd": keras.optimizers.SGD, "adam": keras.optimizers.Adam}
    averaging = {"use_ema": True, "ema_momentum": recipe.ema} if recipe.ema else {}
    nesterov = {"momentum": recipe.momentum, "nesterov": bool(recipe.momentum)}
    further = nesterov if recipe.optimizer == "sgd" else {}
    decay = recipe.weight_decay or None
    optimizer = optimizers[recipe.optimizer](rate, weight_decay=decay, **further, **averaging)
    if decay:
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def _loss(recipe: Recipe) -> Any:
    if recipe.teachers:
        return TaughtCrossentropy(recipe.teacher_share, recipe.label_smoothing)
    return keras.losses.CategoricalCrossentropy(True, recipe.label_smoothing)


def policy_of(precision: str) -> str:
    """Keras's name for it."""
    return precision if precision == "float32" else f"mixed_{precision}"


def _to_numpy(variable: Any) -> NDArray[Any]:
    return np.array(keras.ops.convert_to_numpy(variable))


def _padded(pixels: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Batches of one size, so that nothing is compiled twice."""
    missing = size - len(pixels)
    return np.concatenate([pixels, np.repeat(pixels[-1:], missing, axis=0)]) if missing else pixels
