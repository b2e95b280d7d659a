"""Confusion matrices as tables of a page: float, quantised, and their difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from export.report.wording import signed

MOST_CLASSES = 25
"""Above it a matrix cannot be read any more, and the pairs that are confused most are listed."""
MOST_PAIRS = 25
LEVELS = 9
"""Steps of colour."""
FULL_HEAT = 5
"""A single confused picture must not look like a catastrophe: colour is full from here on."""


@dataclass(frozen=True)
class Cell:
    """One number; `good3` or `bad9` say how it is coloured."""

    text: str
    heat: str = ""


@dataclass(frozen=True)
class Matrix:
    """Rows are the true classes, columns the answers."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]

    @property
    def is_narrow(self) -> bool:
        """Whether the columns' names fit above them."""
        return max(map(len, self.columns)) <= 3


@dataclass(frozen=True)
class Pair:
    """One way to be wrong."""

    truth: str
    answer: str
    floats: int
    ours: int
    change: str
    heat: str


def matrices(
    floats: NDArray[np.int64], ours: NDArray[np.int64], labels: Sequence[str], variant: str
) -> tuple[Matrix, ...]:
    """Three tables from two matrices (classes, classes + 1); none for many classes."""
    if len(labels) > MOST_CLASSES:
        return ()
    columns = tuple(labels)
    if floats[:, -1].any() or ours[:, -1].any():
        columns = (*columns, "unknown")
    most = max(_wrong(floats).max(), _wrong(ours).max())

    def table(title: str, matrix: NDArray[np.int64], compared: bool) -> Matrix:
        widest = np.abs(matrix).max() if compared else most
        cell = _change if compared else _count
        rows = (
            (label, tuple(cell(matrix, row, column, widest) for column in range(len(columns))))
            for row, label in enumerate(labels)
        )
        return Matrix(title, columns, tuple(rows))

    return (
        table("Float model", floats, False),
        table(variant, ours, False),
        table(f"{variant} minus float", ours - floats, True),
    )


def confused_pairs(
    floats: NDArray[np.int64], ours: NDArray[np.int64], labels: Sequence[str]
) -> tuple[Pair, ...]:
    """The pairs of classes that one of the two confuses most."""
    answers = (*labels, "unknown")
    worse = np.maximum(_wrong(floats), _wrong(ours))
    widest = int(np.abs(_wrong(ours) - _wrong(floats)).max())
    pairs = []
    for place in np.argsort(-worse, axis=None, kind="stable")[:MOST_PAIRS]:
        row, column = np.unravel_index(place, worse.shape)
        if not worse[row, column]:
            break
        before, after = int(floats[row, column]), int(ours[row, column])
        pairs.append(
            Pair(
                labels[row],
                answers[column],
                before,
                after,
                signed(after - before, 0),
                _heat(before - after, widest),
            )
        )
    return tuple(pairs)


def _wrong(matrix: NDArray[np.int64]) -> NDArray[np.int64]:
    wrong = matrix.copy()
    np.fill_diagonal(wrong, 0)
    return wrong


def _count(matrix: NDArray[np.int64], row: int, column: int, most: int) -> Cell:
    number = int(matrix[row, column])
    if row == column:
        share = number / max(1, int(matrix[row].sum()))
        return Cell(f"{number}", f"good{round(LEVELS * share)}" if number else "")
    return Cell(f"{number}", _heat(-number, most))


def _change(matrix: NDArray[np.int64], row: int, column: int, most: int) -> Cell:
    number = int(matrix[row, column])
    return Cell(signed(number, 0), _heat(number if row == column else -number, most))


def _heat(gain: int, most: int) -> str:
    """More colour for more pictures, by the square root: few must be visible beside many."""
    if not gain:
        return ""
    level = round(LEVELS * (abs(gain) / max(FULL_HEAT, most)) ** 0.5)
    return f"{'good' if gain > 0 else 'bad'}{max(1, min(LEVELS, level))}"
