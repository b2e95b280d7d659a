"""The quantised variants of a model, the effect that each must have, and recipes for int8."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edge.errors import UsageError


@dataclass(frozen=True)
class Variant:
    """One way to store and compute a model."""

    name: str
    weights: str
    """TFLite type of the large constants."""
    activations: str
    """TFLite type of everything computed, input and output included."""
    is_calibrated: bool
    """Whether activation ranges are taken from calibration pictures."""
    summary: str
    keeps_float: bool = False
    """Whether some of the inner activations and weights are float32 all the same."""


VARIANTS = {
    variant.name: variant
    for variant in (
        Variant("float32", "FLOAT32", "FLOAT32", False, "as trained"),
        Variant("float16", "FLOAT16", "FLOAT32", False, "half the size, computed in float32"),
        Variant("dynamic", "INT8", "FLOAT32", False, "int8 weights, ranges found at run time"),
        Variant("int8", "INT8", "INT8", True, "integers throughout, input and output included"),
        Variant("int16x8", "INT8", "INT16", True, "int16 activations where int8 is too coarse"),
    )
}
MIXED = Variant("mixed", "INT8", "INT8", True, "int8 with the worst layers in float32", True)
"""What a repair of int8 may come to; asked for by nobody, so not among VARIANTS."""


@dataclass(frozen=True)
class Quantization:
    """How the ranges of an int8 candidate were chosen, and what of it stayed float."""

    ranges: Literal["minmax", "percentile", "mse"] = "minmax"
    percentile: float | None = None
    """Only of percentile ranges: 99.9 cuts off a thousandth of the values at either end."""
    pictures: int = 500
    """Calibration pictures asked for; a small data set gives what it has."""
    float_layers: tuple[str, ...] = ()
    """Layers kept in float32, in the order they run; named as `export.graph` names them."""

    def __post_init__(self) -> None:
        if (self.ranges == "percentile") != (self.percentile is not None):
            raise ValueError(f"{self.ranges} ranges do not go with percentile {self.percentile}")

    @property
    def variant(self) -> Variant:
        """What a model made so is called."""
        return MIXED if self.float_layers else VARIANTS["int8"]

    def __str__(self) -> str:
        ranges = self.ranges if self.percentile is None else f"{self.percentile:g} % range"
        kept = f", {' + '.join(self.float_layers)} in float32" if self.float_layers else ""
        return f"{ranges} of {self.pictures} pictures{kept}"


def parse_variants(text: str) -> list[Variant]:
    """Variants from `int8,float16` or `all`.

    Raises:
        UsageError: an unknown name.
    """
    if text == "all":
        return list(VARIANTS.values())
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in VARIANTS:
            raise UsageError(f"unknown variant {name!r}: expected all or {', '.join(VARIANTS)}")
    return [VARIANTS[name] for name in dict.fromkeys(names)]
