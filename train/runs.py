"""The run folder: what a training leaves behind, and the only thing that export reads of it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.contract import NAME, Input, fitting_name
from edge.errors import ModelError, UsageError
from edge.files import write_atomic
from edge.strict import Mismatch, from_dict
from train.recipes import Recipe

SCHEMA = 2
RUNS = Path("runs")
SHIPPED = Path("models")
"""Where runs are looked for by name, in this order."""
MODEL, RECORD, SPLIT = "model.keras", "run.json", "split.npz"


@dataclass(frozen=True)
class Split:
    """Which training samples were fitted and which chose the best epoch: sorted indices."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]

    def fingerprint(self) -> str:
        """SHA-256 over both index lists."""
        whole = hashlib.sha256(b"train" + self.train.astype("<i8").tobytes())
        whole.update(b"validation" + self.validation.astype("<i8").tobytes())
        return whole.hexdigest()


@dataclass(frozen=True)
class Confidence:
    """What makes a score mean something; fitted on validation pictures."""

    temperature: float
    """Logits are divided by it before softmax (Guo et al. 2017)."""
    unknown_threshold: float | None
    """A top score below it, 0 to 1, is answered as `unknown`; none: never."""


@dataclass(frozen=True)
class RunRecord:
    """run.json: how a model was made, enough to make it again."""

    schema: int
    id: str
    """Name and a hash over data, recipe, seed and split: the same training has the same id."""
    name: str
    dataset: str
    """A data set's name, or the folder as it was given."""
    labels: tuple[str, ...]
    input: Input
    recipe: dict[str, Any] | None
    """As it was resolved; none: trained elsewhere, see export/adopt.py. What an older recipe said
    stays on record even where today's has other keys."""
    seed: int
    train_sha256: str
    """Fingerprint of the training samples, validation included."""
    test_sha256: str
    """Fingerprint of the test samples: the gate refuses other ones."""
    split_sha256: str
    versions: dict[str, str]
    epochs: int
    """Epochs fitted."""
    best_epoch: int
    """Counted from 1; the weights of this one are kept."""
    history: dict[str, tuple[float, ...]]
    """One number an epoch: loss, accuracy, val_loss, val_accuracy (fractions, 0 to 1)."""
    train_seconds: float
    confidence: Confidence | None = None
    machine: str = ""
    """What it was fitted on, for people."""


@dataclass(frozen=True)
class Run:
    """A run folder on disk."""

    folder: Path
    record: RunRecord

    @property
    def model_path(self) -> Path:
        return self.folder / MODEL

    def split(self) -> Split:
        """The stored split.

        Raises:
            ModelError: missing, unreadable, or not the one that run.json names.
        """
        path = self.folder / SPLIT
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                split = Split(stored["train"], stored["validation"])
        except Exception as error:  # np.load raises many kinds on a damaged archive
            raise ModelError(f"{path}: expected the run's split, cannot read it: {error}") from None
        if split.fingerprint() != self.record.split_sha256:
            raise ModelError(f"{path}: is not the split that {RECORD} names")
        return split


def run_id(name: str, recipe: Recipe, seed: int, *fingerprints: str) -> str:
    """The id of the training that these decide."""
    text = json.dumps([asdict(recipe), seed, *fingerprints], sort_keys=True)
    return f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def default_name(dataset: str, recipe_name: str) -> str:
    """The data set's name, with the recipe's behind it when that is not the default."""
    from train.datasets import NAMES

    base = dataset if dataset in NAMES else Path(dataset).resolve().name
    recipe = Path(recipe_name).stem
    return fitting_name(base if recipe == "cnn" else f"{base}-{recipe}")


def run_name(given: str | None, dataset: str, recipe_name: str) -> str:
    """What a run is called, and its model after it: as the user says, else `default_name`.

    Raises:
        UsageError: no model may be called so.
    """
    if given is None:
        return default_name(dataset, recipe_name)
    if not NAME.fullmatch(Path(given).name):
        raise UsageError(
            "--name: expected 1 to 64 letters, digits, '_', '-' and '.' of ASCII, not a dot first, "
            f"got {given!r}"
        )
    return given


def write_split(folder: Path, split: Split) -> None:
    """Writes split.npz."""
    import io

    buffer = io.BytesIO()
    np.savez_compressed(buffer, train=split.train, validation=split.validation)
    write_atomic(folder / SPLIT, buffer.getvalue())


def write_record(folder: Path, record: RunRecord) -> None:
    """Writes run.json."""
    write_atomic(folder / RECORD, (json.dumps(asdict(record), indent=1) + "\n").encode())


def find_run(name: str) -> Run:
    """A run by folder, or by name under runs/ and models/.

    Raises:
        UsageError: no such run.
        ModelError: run.json does not fit, or the model is missing.
    """
    places = [Path(name), RUNS / name, SHIPPED / name]
    folder = next((place for place in places if (place / RECORD).is_file()), None)
    if folder is None:
        looked = ", ".join(str(place / RECORD) for place in places)
        raise UsageError(f"no run {name!r}: expected one of {looked}; make one: edgeproof train")
    path = folder / RECORD
    try:
        record = from_dict(RunRecord, json.loads(path.read_text(encoding="utf-8")), RECORD)
    except (OSError, ValueError, Mismatch) as error:
        raise ModelError(f"{path}: cannot be used: {error}") from None
    if record.schema != SCHEMA:
        raise ModelError(f"{path}: expected schema {SCHEMA}, got {record.schema}")
    if not (folder / MODEL).is_file():
        raise ModelError(f"{folder}: expected {MODEL} beside {RECORD}, and it is missing")
    return Run(folder, record)
