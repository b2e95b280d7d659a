"""What teachers say to the varied pictures of a few epochs, asked once and used again and again.

A teacher that is asked while its pupil is fitted takes most of the time where there is no GPU.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from edge.contract import Input
from edge.files import write_atomic
from train.batches import Batches
from train.devices import Machine
from train.layers import Teachers, fitting_layers
from train.progress import say
from train.recipes import Recipe
from train.teachers import load_teacher
from train.trainer import policy_of


def ask_teachers(
    recipe: Recipe, spec: Input, machine: Machine, batches: Batches, stem: Path
) -> NDArray[np.float16]:
    """The teachers' averaged probabilities for `teacher_rounds` epochs of batches.

    stem: what the files that keep each epoch's begin with; a training that goes on asks for what
        is missing.

    Returns:
        float16 (teacher_rounds, batches, pictures in this worker's part of one, classes).
    """
    names = [f"{stem.name}-{len(batches.chosen)}-{at}.npy" for at in range(batches.rounds)]
    paths = [stem.with_name(name) for name in names]
    missing = [at for at, path in enumerate(paths) if not path.is_file()]
    if missing:
        keras.config.set_dtype_policy(policy_of(machine.precision))
        resident = batches.pixels if batches.is_resident else None
        teachers = Teachers([load_teacher(name) for name in recipe.teachers])
        model = keras.Model(*fitting_layers(teachers, spec, recipe.augment, resident))
        keras.config.set_dtype_policy("float32")
    for at in missing:
        say(f"asking {', '.join(recipe.teachers)}: epoch {at + 1} of {batches.rounds}")
        batches.begin(at)
        steps = tqdm(range(len(batches)), leave=False, disable=not sys.stderr.isatty())
        said = [np.asarray(model.predict_on_batch(batches[step][0]), np.float16) for step in steps]
        _write(paths[at], np.stack(said))
    return np.stack([np.load(path) for path in paths])


def _write(path: Path, said: NDArray[np.float16]) -> None:
    packed = io.BytesIO()
    np.save(packed, said)
    write_atomic(path, packed.getvalue())
