"""Recipes as data: each TOML file beside this one says how a network is built and fitted."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import Literal

from edge.errors import UsageError
from edge.strict import Mismatch, from_dict
from train.toml import parse_toml


@dataclass(frozen=True)
class Recipe:
    """Everything that shapes a training but the data and the seed."""

    network: Literal["mlp", "cnn"]
    widths: tuple[int, ...]
    """Units of each hidden layer (mlp), or filters of each convolution (cnn)."""
    dropout: float
    """Fraction of features dropped before the last layer, 0 to 1."""
    optimizer: Literal["sgd", "adam"]
    learning_rate: float
    schedule: Literal["constant", "cosine"]
    """`cosine` falls to 0 over the whole training (Loshchilov and Hutter 2017)."""
    batch_size: int
    epochs: int
    min_steps: int
    """Small data sets get more epochs, until this many batches were seen."""
    shift_pixels: int
    """Each training picture is moved by up to this many pixels both ways; 0: not at all."""
    validation_fraction: float
    """Part of the training data held out to choose the best epoch."""

    def __post_init__(self) -> None:
        if not self.widths or min(self.widths) < 1:
            raise ValueError(f"widths must be positive, got {list(self.widths)}")
        if min(self.batch_size, self.epochs) < 1 or min(self.min_steps, self.shift_pixels) < 0:
            raise ValueError("batch_size and epochs start at 1, min_steps and shift_pixels at 0")
        if not 0 < self.validation_fraction < 1 or not 0 <= self.dropout < 1:
            raise ValueError("validation_fraction and dropout are fractions below 1")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be above 0, got {self.learning_rate}")


def recipe_names() -> list[str]:
    """Names of the recipes that come with edgeproof."""
    found = (file.name for file in files(__name__).iterdir())
    return sorted(name.removesuffix(".toml") for name in found if name.endswith(".toml"))


def load_recipe(name: str, **overrides: object) -> Recipe:
    """Loads a recipe by name; overrides replace its keys, `None` leaves one as it is.

    Raises:
        UsageError: no such recipe, or a key or value that does not fit.
    """
    if name not in recipe_names():
        raise UsageError(f"unknown recipe {name!r}: expected {', '.join(recipe_names())}")
    text = files(__name__).joinpath(f"{name}.toml").read_text(encoding="utf-8")
    given = {key: value for key, value in overrides.items() if value is not None}
    try:
        return from_dict(Recipe, {**parse_toml(text), **given}, f"recipe {name}")
    except Mismatch as error:
        raise UsageError(str(error)) from None
