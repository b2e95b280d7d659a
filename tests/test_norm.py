"""Batch norm taken along rows is Keras's: what it gives, its gradients and its averages."""

from __future__ import annotations

import json
import subprocess
import sys

COMPARE = """
from train.devices import start_backend; start_backend()
import json, sys
import keras, numpy as np, tensorflow as tf
from keras import layers
from train.datasets import OBJECT_28
from train.networks import build_network
from train.norm import with_row_norm
from train.recipes import load_recipe
keras.utils.set_random_seed(1)
keras.config.set_dtype_policy(sys.argv[1])
picture = keras.Input((14, 12, 3))
features = layers.Conv2D(5, 3)(picture)
features = layers.BatchNormalization(momentum=0.8, epsilon=0.01)(features)
features = layers.Conv2D(4, 3, strides=2, padding="same")(features)  # no ReLU: it has two sides
features = layers.Flatten()(layers.BatchNormalization()(features))
plain = keras.Model(picture, layers.BatchNormalization()(layers.Dense(6)(features)))
quick = with_row_norm(plain)
pictures = np.random.default_rng(1).normal(3, 2, (16, 14, 12, 3)).astype(np.float32)
wanted = np.random.default_rng(2).normal(0, 1, (16, 6)).astype(np.float32)
found = {}
for name, network in (("plain", plain), ("quick", quick)):
    before = [np.array(weight) for weight in network.get_weights()]
    with tf.GradientTape() as tape:
        outputs = network(pictures, training=True)
        loss = keras.ops.mean(keras.ops.square(outputs - wanted))
    gradients = tape.gradient(loss, network.trainable_variables)
    found[name] = before, np.array(outputs), [np.array(g) for g in gradients], network.get_weights()

def apart(one, other):
    return float(max(np.abs(a - b).max() / np.abs(a).max().clip(1e-3)
        for a, b in zip(one, other, strict=True)))

residual = build_network(load_recipe("object-tiny", "object"), OBJECT_28, 10)
garments = np.random.default_rng(3).random((4, *OBJECT_28.shape), np.float32)
branches = [np.array(network(garments)) for network in (residual, with_row_norm(residual))]
before, outputs, gradients, after = zip(found["plain"], found["quick"])
print(json.dumps({
    "kinds": sorted({type(layer).__name__ for layer in quick.layers}),
    "before": apart(*before),
    "outputs": apart(*zip(outputs)),
    "gradients": apart(*gradients),
    "after": apart(*after),
    "changed": apart(before[0], after[0]),
    "branches": apart([branches[0]], [branches[1]]),
    "answers": apart([np.array(plain(pictures))], [np.array(quick(pictures))]),
}))
"""


def compare(policy: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", COMPARE, policy], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_rows_are_normalised_as_keras_normalises_channels() -> None:
    found = compare("float32")
    assert "RowNorm" in found.pop("kinds")  # type: ignore[operator]
    assert found.pop("before") == 0  # the same network
    assert found.pop("changed") > 0.1  # its moving averages moved
    assert max(found.values()) < 1e-4, found  # sums in another order


def test_low_precision_keeps_its_sums_in_float32() -> None:
    found = compare("mixed_bfloat16")
    assert found["after"] < 0.02  # averages of what bfloat16 convolutions gave
    assert found["outputs"] < 0.1
