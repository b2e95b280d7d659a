"""The `[search]` table of a recipe: the values that a tuning tries, and for how many epochs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

from edge.errors import UsageError
from edge.strict import Mismatch, from_dict
from train.recipes import Recipe

FIXED = ("validation_fraction", "side", "epochs", "min_steps", "patience", "min_delta", "refit")
"""Not for a search: trials are compared on the same pictures, and Hyperband gives the epochs."""


@dataclass(frozen=True)
class Range:
    """Numbers from `min` to `max`, both included."""

    min: float
    max: float
    step: float

    def __post_init__(self) -> None:
        if not (self.step > 0 and self.max >= self.min):
            raise ValueError(f"expected min <= max and a step above 0, got {asdict(self)}")

    def values(self) -> tuple[int | float, ...]:
        """Whole numbers stay whole."""
        count = math.floor((self.max - self.min) / self.step + 1e-9) + 1
        numbers = [round(self.min + i * self.step, 12) for i in range(count)]
        whole = all(float(number).is_integer() for number in (self.min, self.step))
        return tuple(int(number) if whole else number for number in numbers)


@dataclass(frozen=True)
class Round:
    """Trials that Hyperband runs for as long as each other before it keeps the best."""

    bracket: int
    number: int
    """Counted from 0 within the bracket."""
    trials: int
    first_epoch: int
    """Epochs that their predecessors have behind them."""
    last_epoch: int


@dataclass(frozen=True)
class Search:
    """What to try, and for how long; Hyperband, Li et al. 2018."""

    max_epochs: int
    """Of the longest trials."""
    factor: int
    """One in so many trials goes on for so many times the epochs."""
    space: dict[str, Any]
    """Recipe key -> every value that it may take; `augment.shift` is a key too."""

    def __post_init__(self) -> None:
        if self.max_epochs < 1 or self.factor < 2:
            raise ValueError(
                f"max_epochs starts at 1 and factor at 2, got {self.max_epochs} and {self.factor}"
            )
        if not self.space:
            raise ValueError("space: expected at least one key of the recipe")

    def combinations(self) -> int:
        """How many different trials the space holds."""
        return math.prod(len(values) for values in self.space.values())

    def rounds(self) -> list[Round]:
        """Every round of one sweep, the most trials first.

        A bracket draws no more combinations than the brackets before it left.
        """
        largest, epochs = 0, self.max_epochs / self.factor
        while epochs >= 1:
            largest, epochs = largest + 1, epochs / self.factor
        ends = math.ceil(1 + math.log(self.max_epochs, self.factor))
        left, planned = self.combinations(), []
        for bracket in range(largest, -1, -1):
            drawn = min(left, math.ceil(ends / (bracket + 1) * self.factor**bracket))
            left -= drawn
            behind = 0
            for number in range(bracket + 1 if drawn else 0):
                size = math.ceil(ends / (bracket + 1) * self.factor ** (bracket - number))
                until = math.ceil(self.max_epochs / self.factor ** (bracket - number))
                size = min(size, math.ceil(drawn / self.factor**number))
                planned.append(Round(bracket, number, size, behind, until))
                behind = until
        return planned

    def epochs(self) -> int:
        """Of all trials together."""
        return sum(each.trials * (each.last_epoch - each.first_epoch) for each in self.rounds())


def take_search(table: dict[str, Any], name: str) -> Any:
    """Takes the `[search]` table out of a recipe's.

    Raises:
        UsageError: it has none.
    """
    if "search" not in table:
        raise UsageError(
            f"recipe {name}: expected a [search] table, which says what to try: max_epochs and "
            "factor, and under [search.space] keys of the recipe with their values, such as "
            "learning_rate = [0.01, 0.001]; mlp-tuned has one"
        )
    return table.pop("search")


def parse_search(table: object, recipe: Recipe, where: str = "recipe") -> Search:
    """The `[search]` table of a recipe, with every range written out.

    where: the recipe's name for messages, such as `recipe mlp-tuned`.

    Raises:
        UsageError: a key or value that does not fit the table, or that the recipe would refuse.
    """
    where = f"{where}: [search]"
    try:
        search = from_dict(Search, table, where)
        where = f"{where}: space"
        space = {key: _values(given, f"{where}.{key}") for key, given in _flat(search.space)}
        for key, values in space.items():
            if key in FIXED:
                raise Mismatch(f"{where}: {key!r} is the same in every trial")
            for value in values:
                change(recipe, {key: value}, where)
    except Mismatch as error:
        raise UsageError(str(error)) from None
    return Search(search.max_epochs, search.factor, space)


def change(recipe: Recipe, values: Mapping[str, Any], where: str = "recipe") -> Recipe:
    """The recipe with other values.

    Raises:
        Mismatch: a key or value that does not fit.
    """
    table = asdict(recipe)
    for key, value in values.items():
        outer, _, inner = key.partition(".")
        if inner and outer in table:
            table[outer] = {**table[outer], inner: value}
        else:
            table[key] = value
    return from_dict(Recipe, table, where)


def _flat(space: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """In an order of its own; TOML makes a table of a key with a dot."""
    for key, given in sorted(space.items()):
        if isinstance(given, Mapping) and key == "augment":
            yield from ((f"{key}.{inner}", values) for inner, values in sorted(given.items()))
        else:
            yield key, given


def _values(given: object, where: str) -> tuple[Any, ...]:
    """A range, a list of choices, or for a key that is a list: a list of ranges, one a place."""
    if isinstance(given, Mapping):
        return from_dict(Range, given, where).values()
    if not isinstance(given, list | tuple) or not given:
        raise Mismatch(f"{where}: expected {{min, max, step}} or a list of values, got {given!r}")
    if any(isinstance(item, Mapping) for item in given):
        places = [_values(item, f"{where}[{i}]") for i, item in enumerate(given)]
        return tuple(list(one) for one in product(*places))
    if any(given[i] in given[:i] for i in range(len(given))):
        raise Mismatch(f"{where}: a value is there twice in {list(given)}")
    return tuple(given)
