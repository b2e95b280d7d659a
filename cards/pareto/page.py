"""docs/pareto.md: the plot, what it does and does not say, and every point with its source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cards.pareto.points import DATASETS, Point
from cards.templates import fill


@dataclass(frozen=True)
class Standing:
    """One of ours, and who is better at no higher cost."""

    point: Point
    title: str
    """Of the data set."""
    smaller: tuple[Point, ...]
    """More accurate and no larger."""
    lighter: tuple[Point, ...]
    """More accurate with no more multiply-adds, of those where they are known."""


def to_markdown(points: Sequence[Point]) -> str:
    """The text of the page; the same points give the same text."""
    tables = {
        title: sorted((p for p in points if p.dataset == dataset), key=lambda p: p.error)
        for dataset, title in DATASETS.items()
    }
    standings = [standing(point, points) for point in points if point.is_ours]
    template = Path(__file__).parent / "pareto.md.j2"
    return fill(template, tables=tables, standings=standings)


def standing(mine: Point, points: Sequence[Point]) -> Standing:
    """Where one of ours is beaten."""
    better = [p for p in points if p.dataset == mine.dataset and p.error < mine.error]
    work = mine.multiply_adds or 0
    return Standing(
        mine,
        DATASETS[mine.dataset],
        tuple(p for p in better if p.size_bytes <= mine.size_bytes),
        tuple(p for p in better if p.multiply_adds is not None and p.multiply_adds <= work),
    )
