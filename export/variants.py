"""The quantised variants of a model, and the effect that each must have in the flatbuffer."""

from __future__ import annotations

from dataclasses import dataclass

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
