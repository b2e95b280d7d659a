"""Published networks: published.toml, where each figure has its source."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cards.errors import CannotTell
from edge.strict import Mismatch, from_dict
from train.toml import parse_toml

FILE = Path(__file__).parent / "published.toml"


@dataclass(frozen=True)
class Published:
    """One [[network]] of published.toml."""

    name: str
    source: str
    """Who says so, and where in it."""
    read: Literal["source", "quoted", "given"]
    """`source`: its text or code was read; `quoted`: two texts or more, independent of each other,
    that quote it were; `given`: by the notebook that this project grew from."""
    mnist: float | None = None
    """Accuracy on MNIST's test pictures, in percent, as published."""
    fashion: float | None = None
    """The same on Fashion-MNIST's."""
    parameters: str | None = None
    """Numbers learnt: a number as published, or a sum of products over its published layers."""
    size_bytes: int | None = None
    """As published; none: four bytes for each parameter."""
    multiply_adds: str | None = None
    """Like `parameters`; none: neither published nor to be had from what is."""
    note: str = ""
    """What makes it differ from the others."""

    def __post_init__(self) -> None:
        if self.mnist is None and self.fashion is None:
            raise ValueError(f"{self.name}: expected an accuracy, got none")
        if self.parameters is None and self.size_bytes is None:
            raise ValueError(f"{self.name}: expected parameters or size_bytes, got neither")


def read_published(path: Path = FILE) -> tuple[Published, ...]:
    """
    Raises:
        CannotTell: the file does not fit.
    """
    try:
        table = parse_toml(path.read_text(encoding="utf-8"))
        return from_dict(_File, table, path.name).network
    except (OSError, Mismatch, ValueError) as error:
        raise CannotTell(f"{path}: {error}") from None


def total(text: str) -> int:
    """A sum of products, such as `28*28*6*25 + 400*120`.

    Raises:
        ValueError: it is something else.
    """
    return sum(math.prod(int(factor) for factor in term.split("*")) for term in text.split("+"))


@dataclass(frozen=True)
class _File:
    network: tuple[Published, ...]
