"""Shipped and published networks as points: error by size and by multiply-adds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cards.facts import Card
from cards.pareto.published import Published, read_published, total

DATASETS = {"digits": "MNIST", "fashion": "Fashion-MNIST"}
"""Our name of a data set -> its own."""
FLOAT_BYTES = 4


@dataclass(frozen=True)
class Point:
    """One network on one data set."""

    name: str
    dataset: str
    """A key of DATASETS."""
    error: float
    """Wrong answers, in percent of the test pictures."""
    interval: tuple[float, float] | None
    """The same with 95 % confidence; published ones have none."""
    size_bytes: int
    multiply_adds: int | None
    parameters: int | None
    is_ours: bool
    source: str
    note: str
    has_published_size: bool
    """Otherwise its size is four bytes for each parameter."""


def gather(cards: Sequence[Card]) -> tuple[Point, ...]:
    """All of them: ours first, then the others in the file's order.

    Raises:
        CannotTell: published.toml does not fit.
    """
    published = read_published()
    found = [_shipped(card) for card in cards]
    found += [one for network in published for one in _published(network)]
    return tuple(found)


def frontier(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Of (cost, error) those that no other beats in both, by rising cost."""
    front: list[tuple[float, float]] = []
    for cost, error in sorted(points):
        if not front or error < front[-1][1]:
            front.append((cost, error))
    return front


def _shipped(card: Card) -> Point:
    score = card.shown.score
    low, high = score.interval_95
    return Point(
        card.name,
        card.proof.dataset,
        round(100 * (1 - score.accuracy), 4),
        (round(100 * (1 - high), 4), round(100 * (1 - low), 4)),
        card.size_bytes,
        card.multiply_adds,
        card.network.parameters,
        True,
        f"[its card](models/{card.name}.md)",
        f"int8 on {card.shown.runtime}",
        True,
    )


def _published(network: Published) -> list[Point]:
    parameters = total(network.parameters) if network.parameters else None
    size_bytes = network.size_bytes or FLOAT_BYTES * (parameters or 0)
    told = {"digits": network.mnist, "fashion": network.fashion}
    return [
        Point(
            network.name,
            dataset,
            round(100 - accuracy, 4),
            None,
            size_bytes,
            total(network.multiply_adds) if network.multiply_adds else None,
            parameters,
            False,
            f"{network.source} ({network.read})",
            network.note,
            network.size_bytes is not None,
        )
        for dataset, accuracy in told.items()
        if accuracy is not None
    ]
