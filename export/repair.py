"""When plain int8 is refused: a search for the smallest recipe that the policy takes.

First better ranges, which cost nothing on the device: more pictures, then percentiles and least
squared error. Then layers in float32 on top, the smallest price first, where the price is what the
file grows by. A model is tried only if the error of its output on a few calibration pictures says
that it may help; whether it is good enough is for the caller to say, who has the policy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge.errors import ModelError
from export.convert import calibrate, find_ranges, observe, quantize
from export.graph import Operator, read_operators
from export.layers import BEST_DB, output_errors
from export.slim import slim
from export.variants import Quantization

MORE_PICTURES = 2000
"""Calibration pictures of a repair, where plain int8 takes 500."""
MAX_TRIALS = 16
"""Candidates measured in full; each takes about as long as one variant of an export."""
SCREENED_PICTURES = 32
"""Calibration pictures that say which layers are worth a trial."""
SCREENED_AT_ONCE = 16
"""Models on disk and in the memory of the screening process."""
MIN_GAIN_DB = 1.0
WORTH = 0.25
"""A set of float layers is tried when it gains this share, in dB, of what the best set gains."""
RANGES = (
    Quantization("percentile", 99.99),
    Quantization("percentile", 99.9),
    Quantization("percentile", 99.5),
    Quantization("mse"),
)


@dataclass(frozen=True)
class Trial:
    """What the caller found of one candidate, on pictures that are not the gate's."""

    passed: bool
    sqnr_db: float
    """Of its logits against the float model's: which of two that failed is nearer."""
    summary: str
    """In one line."""


@dataclass(frozen=True)
class Step:
    """One candidate of the search."""

    quantization: Quantization
    trial: Trial
    size_bytes: int


@dataclass(frozen=True)
class Repaired:
    """How the search went; without a flatbuffer nothing was found."""

    steps: tuple[Step, ...]
    """All that were tried, in their order; the last is the winner, if there is one."""
    flatbuffer: bytes | None

    @property
    def quantization(self) -> Quantization | None:
        """The winner's recipe."""
        return self.steps[-1].quantization if self.flatbuffer is not None else None


Ranges = Mapping[str, tuple[float, float]]
"""(low, high) by tensor, as `export.convert.find_ranges` gives them."""


class Screened(NamedTuple):
    """What a candidate comes to on a few calibration pictures."""

    size_bytes: int
    sqnr_db: float
    """Of its output against the float model's."""


TryOut = Callable[[bytes, Quantization], Trial]
"""Measures a flatbuffer on validation pictures, never on the gate's. May raise ModelError."""


class _Search:
    """The calibrated model of one search, and the steps so far."""

    def __init__(self, try_out: TryOut, say: Callable[[str], None]) -> None:
        self.steps: list[Step] = []
        self._try_out, self._say = try_out, say

    def passes(self, flatbuffer: bytes, quantization: Quantization) -> bool:
        """Tries one candidate and records it; a runtime that refuses it is a failure like any."""
        try:
            trial = self._try_out(flatbuffer, quantization)
        except ModelError as error:
            trial = Trial(False, -BEST_DB, str(error))
        self.steps.append(Step(quantization, trial, len(flatbuffer)))
        verdict = "passed" if trial.passed else "failed"
        self._say(f"repair: {quantization}, {len(flatbuffer)} bytes: {verdict}: {trial.summary}")
        return trial.passed


def repair(
    model: Any,
    pictures: NDArray[np.float32],
    try_out: TryOut,
    *,
    runtime: str,
    say: Callable[[str], None] = lambda line: None,
) -> Repaired:
    """Searches for an int8 or mixed model that `try_out` passes.

    model: keras.Model, logits out.
    pictures: float32 (n, height, width, channels), calibration pictures from the fitted ones;
        MORE_PICTURES of them, or what there is.
    runtime: package name of the runtime that the screening runs on.

    Raises:
        ModelError: the converter refuses the model altogether.
    """
    search = _Search(try_out, say)
    calibrated = calibrate(model, pictures)
    plain = Quantization(pictures=MORE_PICTURES)
    made = quantize(calibrated, plain, {})
    if search.passes(made, plain):
        return Repaired(tuple(search.steps), made)
    seen = observe(calibrated, pictures)
    ranges: dict[Quantization, Ranges] = {plain: {}}
    for recipe in (replace(one, pictures=MORE_PICTURES) for one in RANGES):
        ranges[recipe] = find_ranges(calibrated, recipe, seen)
        made = quantize(calibrated, recipe, ranges[recipe])
        if search.passes(made, recipe):
            return Repaired(tuple(search.steps), made)
    nearest = max(search.steps, key=lambda step: step.trial.sqnr_db).quantization
    # Both: what those ranges cut off may be sorely missed once a layer is float.
    bases = {recipe: ranges[recipe] for recipe in (plain, nearest)}
    few = pictures[:: max(1, len(pictures) // SCREENED_PICTURES)][:SCREENED_PICTURES]

    def make(recipe: Quantization) -> bytes:
        return quantize(calibrated, recipe, bases[replace(recipe, float_layers=())])

    def screen(recipes: Sequence[Quantization]) -> dict[Quantization, Screened]:
        found: dict[Quantization, Screened] = {}
        for start in range(0, len(recipes), SCREENED_AT_ONCE):
            some = recipes[start : start + SCREENED_AT_ONCE]
            models = [make(recipe) for recipe in some]
            errors = output_errors(calibrated, models, few, runtime)
            sizes = map(len, models)
            found |= dict(zip(some, map(Screened, sizes, errors), strict=True))
        return found

    operators = read_operators(calibrated)
    for recipe in _worth_a_trial(
        _mixed_recipes(operators, list(bases), screen),
        screen(list(bases)),
        len(slim(calibrated)),
        MAX_TRIALS - len(search.steps),
    ):
        made = make(recipe)
        if search.passes(made, recipe):
            return Repaired(tuple(search.steps), made)
    return Repaired(tuple(search.steps), None)


def _mixed_recipes(
    operators: Sequence[Operator],
    bases: Sequence[Quantization],
    screen: Callable[[Sequence[Quantization]], dict[Quantization, Screened]],
) -> dict[Quantization, Screened]:
    """Sets of layers in float32, and what each comes to.

    Each layer by itself, which mends its weights; each with all that read its output, which keeps
    that activation in float too; and, for faults in several places, the layers that do most harm
    when they alone are int8: the worst one, the worst two, and so on.
    """
    layers = [operator.layer for operator in operators if not operator.passes_on]
    recipes: dict[Quantization, None] = {}
    for base in bases:
        sets = [{layer} for layer in layers]
        sets += [{layer, *_readers(operators, layer)} for layer in layers]
        alone = {layer: _in_float(base, operators, {*layers} - {layer}) for layer in layers}
        harm = screen(list(alone.values()))
        worst = sorted(layers, key=lambda layer: harm[alone[layer]].sqnr_db)
        sets += [set(worst[:count]) for count in range(1, len(layers))]
        recipes |= {_in_float(base, operators, kept): None for kept in sets}
    return screen(list(recipes))


def _worth_a_trial(
    candidates: Mapping[Quantization, Screened],
    without: Mapping[Quantization, Screened],
    float_bytes: int,
    most: int,
) -> list[Quantization]:
    """Smallest first, without those that gain little or no more than a smaller one.

    Of more than `most`, some are passed over at even distances; the best always stays.
    """
    smaller = {recipe: one for recipe, one in candidates.items() if one.size_bytes < float_bytes}
    reached_db = max(one.sqnr_db for one in without.values())
    best_db = max((one.sqnr_db for one in smaller.values()), default=reached_db)
    if best_db < reached_db + MIN_GAIN_DB:
        return []
    beaten_db = reached_db + WORTH * (best_db - reached_db)
    front = []
    for recipe, one in sorted(smaller.items(), key=lambda item: (item[1][0], -item[1][1])):
        if one.sqnr_db > beaten_db:
            front.append(recipe)
            beaten_db = one.sqnr_db
    if len(front) <= most:
        return front
    return [front[-1 - round(at)] for at in np.linspace(0, len(front) - 1, most)][::-1]


def _readers(operators: Sequence[Operator], layer: str) -> set[str]:
    """The layers that read a layer's output, directly or through what only passes values on."""
    found, carried = set(), {one.tensor for one in operators if one.layer == layer}
    for later in operators:  # in the order they run, so one pass follows every path
        if carried & set(later.reads):
            if later.passes_on:
                carried.add(later.tensor)
            else:
                found.add(later.layer)
    return found


def _in_float(base: Quantization, operators: Sequence[Operator], kept: set[str]) -> Quantization:
    """The recipe with these layers in float32, and what passes values on from one to another."""
    ahead, behind = set[str](), set[str]()
    for one in operators:
        if one.layer in kept or (one.passes_on and ahead & set(one.reads)):
            ahead.add(one.tensor)
    for one in reversed(operators):
        if one.layer in kept or (one.passes_on and one.tensor in behind):
            behind.update(one.reads)
    names = [
        one.layer
        for one in operators
        if one.layer in kept or (one.passes_on and one.tensor in ahead & behind)
    ]
    return replace(base, float_layers=tuple(names))
