"""The gate's policy: what a candidate must meet, from a committed TOML file."""

from __future__ import annotations

from dataclasses import dataclass
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
    max_class_recall_drop_points: float
    min_agreement: float
    max_size_bytes: int

    def __post_init__(self) -> None:
        for name in ("min_accuracy", "min_agreement"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a fraction from 0 to 1, got {getattr(self, name)}")
        if self.min_test_pictures < 1:
            raise ValueError("min_test_pictures starts at 1")


def load_policy(model: str, path: Path | None = None) -> Policy:
    """The policy of a model: its own table over [default].

    path: a policy file; none takes the one that comes with edgeproof.

    Raises:
        UsageError: not readable, not TOML, or a key that does not fit.
    """
    where = str(path or "gate.toml")
    try:
        packaged = files("export").joinpath("gate.toml")
        tables = parse_toml((path or packaged).read_text(encoding="utf-8"))
        merged = {**tables.get("default", {}), **tables.get(model, {})}
        return from_dict(Policy, merged, f"{where} [{model if model in tables else 'default'}]")
    except Mismatch as error:
        raise UsageError(str(error)) from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{where}: expected a policy in TOML: {error}") from None
