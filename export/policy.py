"""The gate's policy: what a candidate must meet, from a committed TOML file."""

from __future__ import annotations

from dataclasses import dataclass, fields
from importlib.resources import files
from pathlib import Path

from edge.errors import UsageError
from edge.strict import Mismatch, from_dict
from train.toml import parse_toml


@dataclass(frozen=True)
class Policy:
    """Limits for one model; gate.toml says what each means and is their only home."""

    min_test_pictures: int
    min_accuracy: float
    max_drop_points: float
    drop_confidence: float
    max_class_recall_drop_points: float
    min_agreement: float
    min_sqnr_db: float
    max_calibration_error_rise: float
    max_nll_rise: float
    max_unknown_rise_points: float
    hard_pictures: int
    max_corrupted_drop_points: float
    min_kernel_agreement: float
    max_regression_points: float
    max_class_regression_points: float
    max_size_bytes: int
    max_bundle_bytes: int
    max_multiply_adds: int

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            is_part = field.name in ("min_accuracy", "min_agreement", "min_kernel_agreement")
            if is_part and not 0 <= value <= 1:
                raise ValueError(f"{field.name} is a fraction from 0 to 1, got {value}")
        if min(self.min_test_pictures, self.hard_pictures) < 1:
            raise ValueError("min_test_pictures and hard_pictures start at 1")
        if self.drop_confidence != 0 and not 0.5 < self.drop_confidence < 1:
            raise ValueError(
                "drop_confidence is a fraction above 0.5 and below 1, or 0 for the drop as it was "
                f"measured, got {self.drop_confidence}"
            )


def load_policy(model: str, path: Path | None = None) -> Policy:
    """The policy of a model: its own table over [default]; what both leave out, built in.

    path: a policy file; none takes the one that comes with edgeproof.

    Raises:
        UsageError: not readable, not TOML, or a key that does not fit.
    """
    where = str(path or "gate.toml")
    try:
        built_in = parse_toml(files("export").joinpath("gate.toml").read_text(encoding="utf-8"))
        tables = parse_toml(path.read_text(encoding="utf-8")) if path else built_in
        loose = sorted(key for key, value in tables.items() if not isinstance(value, dict))
        if loose:
            raise ValueError(f"key {loose[0]!r} stands outside a table; write [default] above it")
        merged = {**built_in["default"], **tables.get("default", {}), **tables.get(model, {})}
        return from_dict(Policy, merged, f"{where} [{model if model in tables else 'default'}]")
    except Mismatch as error:
        raise UsageError(str(error)) from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{where}: expected a policy in TOML: {error}") from None
