"""What somebody may write into a contract.json: other values, other keys, no JSON at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def _set(*keys: str, to: Any) -> Callable[[dict[str, Any]], None]:
    def edit(contract: dict[str, Any]) -> None:
        table = contract
        for key in keys[:-1]:
            table = table[key]
        table[keys[-1]] = to

    return edit


CONTRACT_EDITS: tuple[Callable[[dict[str, Any]], None], ...] = (
    _set("schema", to=2),
    _set("name", to="other"),
    _set("name", to="../../etc"),
    _set("variant", to="float32"),
    _set("variant", to="int16x8"),
    _set("variant", to="none"),
    _set("input", "height", to=27),
    _set("input", "height", to=4097),
    _set("input", "width", to=56),
    _set("input", "color", to="rgb"),
    _set("input", "preprocess", "kind", to="object"),
    _set("input", "preprocess", "mean", to=[100.0]),
    _set("input", "preprocess", "mean", to=[1e300]),
    _set("input", "preprocess", "std", to=[1.0]),
    _set("input", "preprocess", "std", to=[-1.0]),
    _set("input", "preprocess", "std", to=[1e-300]),
    _set("input", "preprocess", "std", to=[1.0, 1.0, 1.0]),
    _set("input", "preprocess", "fit", to="crop"),
    _set("output", "meaning", to="probabilities"),
    _set("output", "temperature", to=0.01),
    _set("output", "temperature", to=50.0),
    _set("output", "temperature", to=1e-300),
    _set("output", "temperature", to=0),
    _set("output", "unknown_threshold", to=0.0),
    _set("output", "unknown_threshold", to=0.999),
    _set("output", "unknown_threshold", to=2),
    _set("model", "sha256", to="0" * 64),
    _set("model", "size_bytes", to=100),
    _set("model", "operators", to={}),
    _set("model", "operators", "CONV_2D", to=9),
    _set("model", "operators", "WHILE", to=1),
    _set("model", "min_runtime", to="9.9.9"),
    _set("provenance", to={}),
    _set("provenance", "run", to="another"),
    _set("more", to=1),
    _set("output", to=None),
    _set("labels", to=[]),
    lambda contract: contract.pop("model"),
    lambda contract: contract["input"].pop("color"),
)
TEXTS = (
    b"", b"{", b"[]", b"null", b'{"schema": NaN}', b'{"schema": 1e999}', b"[" * 100_000,
    b"\xff\xfe{}", b'{"schema": 1, "schema": 2}', b'{"schema": ' + b"9" * 6000 + b"}",
)  # fmt: skip
