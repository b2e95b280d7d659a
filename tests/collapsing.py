"""Models that plain int8 ruins, made of one that it does not, and their rescue.

Both compute what they were made of, to rounding; only how the numbers are spread is different.

    python -m tests.collapsing RUN BUNDLE OUT

makes the runs OUT/unequal and OUT/outlier of RUN, converts them plainly, repairs them, and leaves
float32.tflite, plain.tflite, repaired.tflite and steps.json in each. A process of its own, for
TensorFlow is in it. BUNDLE is any bundle of RUN: a contract to put around candidates.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.bundle import Bundle, read_bundle
from edge.interpreter import installed_runtimes
from edge.strict import from_dict
from export.calibration import choose_calibration
from export.controls import with_model
from export.convert import convert
from export.graph import read_operators
from export.measure import Questions, measure
from export.repair import Trial, repair
from export.source import float_logits, load_keras
from export.variants import VARIANTS, Quantization
from train.datasets import load_dataset
from train.runs import MODEL, SPLIT, Run, find_run, write_record

PLAIN, MORE = 300, 600
"""Calibration pictures: fewer than an export takes, for the tests' sake."""
MIN_AGREEMENT = 0.97


def unequal_channels(model: Any, run: Run, pictures: NDArray[np.float32]) -> tuple[Any, Run]:
    """The first hidden activation's channels scaled by 10 to the -2.5 up to the 2.5.

    ReLU and maximum are positively homogeneous, so the next layer's weights undo it: cross-layer
    equalisation (Nagel et al. 2019, arXiv:1906.04721) backwards. One range for all channels
    leaves most of them a single step, and the next weights are as unequal: a float island.
    """
    norm, after = _kind(model, "BatchNormalization")[0], _kind(model, "Conv2D")[1]
    gamma, beta, mean, variance = norm.get_weights()
    factors = 10 ** np.random.default_rng(1).uniform(-2.5, 2.5, len(gamma)).astype(np.float32)
    norm.set_weights([gamma * factors, beta * factors, mean, variance])
    (kernel,) = after.get_weights()
    after.set_weights([kernel / factors[:, np.newaxis]])
    return model, run


def outlier(model: Any, run: Run, pictures: NDArray[np.float32]) -> tuple[Any, Run]:
    """One channel more, silent but for a few strokes of one picture in thirty, and then huge.

    The next layer's weights for it are zero. Its few values stretch the range of all others to
    where they are a step or two: a range that cuts it off loses nothing.
    """
    import keras

    from train.networks import build_network
    from train.recipes import Recipe

    record = run.record
    assert record.recipe is not None
    recipe = from_dict(Recipe, record.recipe, "recipe")
    first, *others = recipe.widths
    recipe = replace(recipe, widths=(first + 1, *others))
    wider = build_network(recipe, record.input, len(record.labels))
    kernel = np.random.default_rng(1).normal(size=(3, 3, 1, 1)).astype(np.float32)
    response = keras.ops.convert_to_numpy(keras.ops.conv(pictures, kernel, padding="same"))
    threshold = np.quantile(response.max(axis=(1, 2, 3)), 1 - 1 / 30)
    gain = 6000 / (response.max() - threshold)
    shown = {"gamma": gain, "beta": -gain * threshold, "moving_mean": 0, "moving_variance": 1}
    for old, new in zip(model.layers, wider.layers, strict=True):
        for source, target in zip(old.weights, new.weights, strict=True):
            values, room = np.asarray(source), np.zeros(target.shape, np.float32)
            room[tuple(slice(side) for side in values.shape)] = values
            if room.shape[-1] == first + 1:
                room[..., -1] = shown[source.name] if source.name in shown else kernel[..., 0]
            target.assign(room)
    return wider, replace(run, record=replace(record, recipe=asdict(recipe)))


KINDS: dict[str, Callable[[Any, Run, NDArray[np.float32]], tuple[Any, Run]]] = {
    "unequal": unequal_channels,
    "outlier": outlier,
}


def make(kind: str, made_of: Run, shell: Bundle, folder: Path) -> None:
    """One of KINDS, spoilt, converted and repaired; all of it written to `folder`."""
    record, split = made_of.record, made_of.split()
    data = load_dataset(record.dataset)
    fitted, held_out = data.train.take(split.train), data.train.take(split.validation)
    model = load_keras(made_of.model_path, record.input, len(record.labels))
    inputs = held_out.tensors(record.input)
    before = float_logits(model, inputs)
    model, run = KINDS[kind](model, made_of, fitted.tensors(record.input))
    folder.mkdir(parents=True)
    model.save(folder / MODEL)
    shutil.copy(made_of.folder / SPLIT, folder / SPLIT)
    write_record(folder, replace(run.record, id=f"{record.id}-{kind}", name=f"tiny-{kind}"))

    run = find_run(str(folder))
    model = load_keras(run.model_path, record.input, len(record.labels))
    expected = float_logits(model, inputs)
    assert np.abs(expected - before).max() < 1e-3 * np.abs(before).max()

    def pick(count: int) -> NDArray[np.float32]:
        chosen = choose_calibration(data.train.targets, split.train, count, record.seed)
        return data.train.take(chosen).tensors(record.input)

    (folder / "plain.tflite").write_bytes(convert(model, VARIANTS["int8"], pick(PLAIN)))
    (folder / "float32.tflite").write_bytes(convert(model, VARIANTS["float32"], pick(1)))

    def try_out(flatbuffer: bytes, quantization: Quantization) -> Trial:
        worst, noise_db = 1.0, np.inf
        frames = np.asarray(held_out.frames)
        for runtime in installed_runtimes():
            logits = measure(with_model(shell, flatbuffer), Questions(frames), runtime).logits
            worst = min(worst, float(np.mean(logits.argmax(1) == expected.argmax(1))))
            error = np.sum((logits.astype(np.float64) - expected) ** 2)
            noise_db = min(noise_db, float(10 * np.log10(np.sum(expected**2) / error)))
        text = f"agreement {100 * worst:.1f} %, {noise_db:.1f} dB"
        return Trial(worst >= MIN_AGREEMENT, noise_db, text)

    found = repair(
        model,
        pick(MORE),
        try_out,
        runtime=installed_runtimes()[0],
        say=lambda line: print(line, file=sys.stderr, flush=True),
    )
    steps = [asdict(step) for step in found.steps]
    (folder / "steps.json").write_text(json.dumps(steps, indent=1))
    if found.flatbuffer is not None and found.quantization is not None:
        again = convert(model, found.quantization.variant, pick(MORE), found.quantization)
        assert steps_of(again) == steps_of(found.flatbuffer), "the recipe makes another model"
        (folder / "repaired.tflite").write_bytes(found.flatbuffer)


def steps_of(model: bytes) -> list[tuple[str, float, int]]:
    """What decides a model's numbers, and not the names that each conversion gives anew."""
    return [(one.layer, one.scale, one.zero_point) for one in read_operators(model)]


def _kind(model: Any, name: str) -> list[Any]:
    return [layer for layer in model.layers if type(layer).__name__ == name]


if __name__ == "__main__":
    run_name, bundle, out = sys.argv[1:]
    for kind in KINDS:
        make(kind, find_run(run_name), read_bundle(Path(bundle)), Path(out) / kind)
