"""How fast `edgeproof train` fits, against a plain Keras script and against its own two halves.

    python -m tests.train_speed digits --data FOLDER [--rounds 3] [--epochs 15]

Fits the notebook's network by both ways, each in a process of its own, turn and turn about, and
prints the medians and their ratio in this run. Then, of the recipes mlp and cnn: the batches alone,
the step alone (one batch again and again), and both together.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

FRACTION, SEED = 0.1, 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--only", choices=["plain", "ours", "halves"])
    asked = parser.parse_args()
    if asked.only:
        ways = {"plain": fit_plainly, "ours": fit_ours, "halves": time_halves}
        print(json.dumps(ways[asked.only](asked.dataset, asked.data, asked.epochs)))
        return
    found: dict[str, list[dict[str, float]]] = {"plain": [], "ours": []}
    for _ in range(asked.rounds):
        for way, results in found.items():
            results.append(in_a_process(way))
            print(way, results[-1], file=sys.stderr, flush=True)
    rates = {way: statistics.median(one["rate"] for one in all) for way, all in found.items()}
    for way, results in found.items():
        accuracy = statistics.median(one["accuracy"] for one in results)
        print(f"{way}: {rates[way]:.0f} pictures/s, {100 * accuracy:.2f} % of the test pictures")
    print(f"ours / plain: {rates['ours'] / rates['plain']:.2f}")
    for name, parts in in_a_process("halves").items():
        print(f"{name}: " + ", ".join(f"{what} {rate:.0f}/s" for what, rate in parts.items()))


def in_a_process(way: str) -> Any:
    command = [sys.executable, "-m", "tests.train_speed", *sys.argv[1:], "--only", way]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def fit_plainly(dataset: str, data: Path | None, epochs: int) -> dict[str, float]:
    """As a notebook does it: float arrays, SGD 0.01, batches of 32, Keras's defaults."""
    from train.datasets import load_dataset

    loaded = load_dataset(dataset, data)
    import keras

    keras.utils.set_random_seed(SEED)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input(loaded.input.shape),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(10),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.01), loss, metrics=["accuracy"])
    x, y = loaded.train.tensors(loaded.input), loaded.train.targets
    clock = EpochClock()
    model.fit(
        x, y, epochs=epochs, validation_split=FRACTION, verbose=0, callbacks=[clock.callback()]
    )
    logits = model.predict(loaded.test.tensors(loaded.input), verbose=0)
    return {
        "rate": len(y) * (1 - FRACTION) / clock.usual_s(),
        "accuracy": float((logits.argmax(axis=1) == loaded.test.targets).mean()),
    }


def fit_ours(dataset: str, data: Path | None, epochs: int) -> dict[str, float]:
    """The recipe mlp: the same network, dropout and batches."""
    from train.pixels import prepare_all

    job, trainer = make_ours(dataset, data, "mlp", epochs)
    clock = EpochClock()
    trainer.fit(epochs, 0, [clock.callback()])
    test = job.dataset.test
    pixels = prepare_all(test, job.dataset.input, Path("unused"))
    logits = trainer.answer(trainer.kept_weights(), pixels)
    return {
        "rate": len(job.indices.train) / clock.usual_s(),
        "accuracy": float((logits.argmax(axis=1) == test.targets).mean()),
    }


def time_halves(dataset: str, data: Path | None, epochs: int) -> dict[str, dict[str, float]]:
    """Pictures a second of batches alone, step alone, and both, for two recipes."""
    return {name: halves_of(*make_ours(dataset, data, name, 3)) for name in ("mlp", "cnn")}


def halves_of(job: Any, trainer: Any) -> dict[str, float]:
    import keras

    batches, steps = trainer.batches, min(len(trainer.batches), 300)
    pictures = steps * batches.batch_size

    class Some(keras.utils.PyDataset):  # type: ignore[misc]
        def __init__(self, is_same: bool) -> None:
            super().__init__()
            self.first = batches[0] if is_same else None
            self.is_resident = batches.is_resident

        def __len__(self) -> int:
            return steps

        def __getitem__(self, index: int) -> Any:
            return self.first or batches[index]

    def rate(some: Some) -> float:
        clock = EpochClock()
        fed = trainer.machine.feed(some)
        trainer.model.fit(fed, epochs=4, verbose=0, shuffle=False, callbacks=[clock.callback()])
        return pictures / clock.usual_s()

    began_s = time.perf_counter()
    for _ in trainer.machine.feed(Some(False)):
        pass
    alone = pictures / (time.perf_counter() - began_s)
    return {"batches alone": alone, "step alone": rate(Some(True)), "both": rate(Some(False))}


def make_ours(dataset: str, data: Path | None, name: str, epochs: int) -> tuple[Any, Any]:
    from train.datasets import load_dataset
    from train.devices import find_machine
    from train.recipes import load_recipe

    loaded = load_dataset(dataset, data)
    recipe = load_recipe(name, loaded.input.preprocess.kind)
    recipe = replace(recipe, epochs=epochs, min_steps=0, validation_fraction=FRACTION)
    machine = find_machine()
    from train.checkpoint import Checkpoint, Progress
    from train.fit import Job, make_trainer
    from train.mixture import make_batches
    from train.pixels import prepare_all
    from train.runs import Split
    from train.samples import split

    indices = Split(*split(loaded.train.targets, FRACTION, SEED))
    job = Job(loaded, dataset, recipe, SEED, Path("unused"), machine, indices, "speed")
    pixels = prepare_all(loaded.train, loaded.input, Path("unused"))
    batches = make_batches(job, pixels, indices.train)
    return job, make_trainer(job, batches, Checkpoint(Progress("speed"), [], []))


class EpochClock:
    """Seconds that epochs take between their begin and their last step."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def callback(self) -> Any:
        import keras

        began: list[float] = []
        last: list[float] = []
        return keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda *_, **__: began.append(time.perf_counter()),
            on_train_batch_end=lambda *_, **__: last.append(time.perf_counter()),
            on_epoch_end=lambda *_, **__: self.seconds.append(last[-1] - began[-1]),
        )

    def usual_s(self) -> float:
        """The median, without the first, which compiles."""
        return statistics.median(self.seconds[1:])


if __name__ == "__main__":
    main()
