"""Recipes as data: each TOML file beside this one says how a network is built and fitted."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from edge.errors import UsageError
from edge.strict import Mismatch, from_dict
from train.augment import BY_KIND, Augment
from train.toml import parse_toml


@dataclass(frozen=True)
class Recipe:
    """Everything that shapes a training but the data and the seed."""

    network: Literal["mlp", "cnn", "separable", "residual", "mobilenet"]
    widths: tuple[int, ...]
    """Units of each hidden layer (mlp), or filters of each convolution (the others)."""
    dropout: float
    """Fraction of features dropped before the last layer, 0 to 1."""
    optimizer: Literal["sgd", "adam"]
    learning_rate: float
    schedule: Literal["constant", "cosine"]
    """`cosine` falls to 0 over the whole training (Loshchilov and Hutter 2017)."""
    batch_size: int
    epochs: int
    """At most, where `patience` ends a training earlier."""
    validation_fraction: float
    """Part of the training data held out to choose the best epoch."""
    augment: Augment
    """In a recipe file also "kind", what suits the data's preprocessing, or "none"."""
    min_steps: int = 0
    """Small data sets get more epochs, until this many batches were seen."""
    depth: int = 1
    """Convolutions of `cnn` and `separable` at each width, before the next pooling; blocks of two
    of `residual`."""
    pool_last: bool = False
    """One more pooling after the last convolution: about a third of the weights to the logits, and
    more for convolutions. Of `cnn` and `separable` on small pictures."""
    average_last: bool = False
    """Only the average of each feature over the picture goes to the logits: the fewest weights. Of
    `cnn` and `separable` on small pictures; `residual` and `mobilenet` do so always."""
    side: int = 64
    """Height and width that photos are brought to; other kinds have a size of their own."""
    width_factor: float = 1.0
    """Scales the filters of `mobilenet`: the paper's alpha (Sandler et al. 2018)."""
    weights: str = "none"
    """Where `mobilenet` starts: "none", "imagenet", or the path of a Keras weights file."""
    momentum: float = 0.0
    """Of `sgd`: Nesterov's."""
    weight_decay: float = 0.0
    """Part of each weight, biases and batch norm left out, that a step takes away for a rate of 1
    (Loshchilov and Hutter 2019)."""
    label_smoothing: float = 0.0
    """Part of the truth that is spread over all classes (Szegedy et al. 2016), 0 to 1."""
    ema: float = 0.0
    """Momentum of the averaged weights that are validated and kept; 0: the last step's are."""
    outliers: float = 0.0
    """Drawn pictures of what is no digit for each training picture, fitted to be every class alike
    (Hendrycks et al. 2019), so that what is unknown is answered so. Handwriting only."""
    on_paper: float = 0.0
    """Part of an epoch's pictures, outliers too, that are seen as a camera's frames will be: drawn
    on paper and found there (train/paper.py). Handwriting only."""
    teachers: tuple[str, ...] = ()
    """Runs on the same data and split whose averaged answers to the same varied pictures are fitted
    as well (Hinton et al. 2015; Beyer et al. 2022)."""
    teacher_share: float = 0.5
    """Part of the truth that is what the teachers say."""
    teacher_rounds: int = 0
    """0: they are asked about each picture while it is fitted. Else so many epochs' pictures are
    varied, and then come again: the teachers are asked once, which is quicker without a GPU."""
    class_weights: bool = False
    """Each class counts the same however many pictures it has."""
    patience: int = 0
    """Epochs that the validation loss may fail to fall before the training ends; 0: it may."""
    min_delta: float = 0.0
    """By how much it must fall to count."""
    refit: bool = False
    """Train anew on all training pictures, validation included, for as many epochs as the best
    one took."""

    def __post_init__(self) -> None:
        if self.network != "mobilenet" and not self.widths:
            raise ValueError(f"widths: {self.network} needs at least one")
        if min(self.widths, default=1) < 1 or self.depth < 1:
            raise ValueError(
                f"widths and depth must be positive, got {list(self.widths)} and {self.depth}"
            )
        if self.network != "mobilenet" and self.weights != "none":
            raise ValueError(
                f"weights: only mobilenet starts from given ones, {self.network} got "
                f"{self.weights!r}"
            )
        if min(self.batch_size, self.epochs) < 1 or min(self.min_steps, self.patience) < 0:
            raise ValueError("batch_size and epochs start at 1, min_steps and patience at 0")
        if not 0 < self.validation_fraction < 1 or not 0 <= self.dropout < 1:
            raise ValueError("validation_fraction and dropout are fractions below 1")
        if not 0 <= self.label_smoothing < 1 or not 0 <= self.ema < 1:
            raise ValueError("label_smoothing and ema are fractions below 1")
        for name in ("outliers", "on_paper", "teacher_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a fraction up to 1, got {getattr(self, name)}")
        if self.teacher_rounds < 0 or (self.teacher_rounds and not self.teachers):
            raise ValueError(
                f"teacher_rounds is 0, or how often teachers are asked, got {self.teacher_rounds} "
                f"and teachers {list(self.teachers)}"
            )
        if not 0 <= self.momentum < 1 or not 0 <= self.weight_decay < 1:
            raise ValueError("momentum and weight_decay are fractions below 1")
        if not self.learning_rate > 0 or not self.width_factor > 0:
            raise ValueError("learning_rate and width_factor must be above 0")
        if not 8 <= self.side <= 1024:
            raise ValueError(f"side is 8 to 1024 pixels, got {self.side}")


def recipe_names() -> list[str]:
    """Names of the recipes that come with edgeproof."""
    found = (file.name for file in files(__name__).iterdir())
    return sorted(name.removesuffix(".toml") for name in found if name.endswith(".toml"))


def load_recipe(name: str, kind: str, changes: Iterable[tuple[str, object]] = ()) -> Recipe:
    """Loads a recipe by its name, or by the path of a TOML file.

    kind: the data's kind of preprocessing, which decides what `augment = "kind"` means.
    changes: keys and the values that replace the recipe's; `augment.shift` is a key too.

    Raises:
        UsageError: no such recipe, or a key or value that does not fit.
    """
    table = read_recipe(name)
    table.pop("search", None)
    return resolve(table, name, kind, changes)


def read_recipe(name: str) -> dict[str, Any]:
    """A recipe file's table, as it stands.

    Raises:
        UsageError: no such recipe, or not TOML.
    """
    if name in recipe_names():
        return parse_toml(files(__name__).joinpath(f"{name}.toml").read_text(encoding="utf-8"))
    path = Path(name)
    if not path.is_file():
        raise UsageError(
            f"unknown recipe {name!r}: expected {', '.join(recipe_names())}, or a TOML file"
        )
    try:
        return parse_toml(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{path}: expected a recipe in TOML: {error}") from None


def resolve(
    table: dict[str, Any], name: str, kind: str, changes: Iterable[tuple[str, object]] = ()
) -> Recipe:
    """A recipe with nothing left open; as `load_recipe`."""
    table = {**table, "augment": _augment(table.get("augment"), kind)}
    for key, value in changes:
        if key == "augment":
            table["augment"] = _augment(value, kind)
        elif key.startswith("augment."):
            table["augment"] = {**table["augment"], key.removeprefix("augment."): value}
        else:
            table[key] = value
    try:
        return from_dict(Recipe, table, f"recipe {name}")
    except Mismatch as error:
        raise UsageError(str(error)) from None


def _augment(said: object, kind: str) -> Any:
    if said == "kind":
        return asdict(BY_KIND[kind])
    return asdict(Augment()) if said in ("none", None) else said


def parse_change(text: str) -> tuple[str, object]:
    """`key=value` of the command line; the value is TOML, or a word without its quotes.

    Raises:
        UsageError: no key, or no value.
    """
    key, equals, value = text.partition("=")
    if not (key and equals and value):
        raise UsageError(f"--set: expected key=value, such as epochs=5, got {text!r}")
    try:
        return key.strip(), parse_toml(f"value = {value}")["value"]
    except ValueError:
        return key.strip(), value.strip()


def to_toml(recipe: Recipe) -> str:
    """A recipe as the file that `load_recipe` takes."""
    table = asdict(recipe)
    augment = table.pop("augment")
    lines = [f"{key} = {json.dumps(value)}" for key, value in table.items()]
    lines += ["", "[augment]", *(f"{key} = {json.dumps(value)}" for key, value in augment.items())]
    return "\n".join(lines) + "\n"
