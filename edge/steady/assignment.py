"""Rows to columns, one to one, at the least cost in all: the Hungarian method (Kuhn 1955)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def assign(costs: NDArray[np.float64], alone: float) -> list[int | None]:
    """The column of each row, or none for a row that is better left alone.

    Taking the least cost first is not enough: in a line of digits that moved by more than half
    their distance, the first would take its neighbour's place. Shortest augmenting paths take
    rows² · (rows + columns) steps, most of them in NumPy.

    costs: float64 (rows, columns), finite; `alone`: what a row without a column costs, so that no
    pair costs more than that.
    """
    rows, columns = costs.shape
    padded = np.hstack([costs, np.full((rows, rows), alone)])
    taken = np.full(columns + rows, -1)
    of_row, of_column = np.zeros(rows), np.zeros(columns + rows)
    for row in range(rows):
        _augment(row, padded, taken, of_row, of_column)
    found: list[int | None] = [None] * rows
    for column in np.flatnonzero(taken[:columns] >= 0):
        found[taken[column]] = int(column)
    return found


def _augment(
    row: int,
    costs: NDArray[np.float64],
    taken: NDArray[np.int_],
    of_row: NDArray[np.float64],
    of_column: NDArray[np.float64],
) -> None:
    """Gives one more row a column: the shortest path to a free one, then all on it move up.

    taken: the row of each column, -1 where it is free. of_row, of_column: the potentials; costs
    less both are never negative, and zero where a row has its column. All three are changed.
    """
    least = np.full(len(taken), np.inf)
    came_from = np.full(len(taken), -1)
    is_done = np.zeros(len(taken), bool)
    at, length, last = row, 0.0, -1
    while True:
        lengths = length + costs[at] - of_row[at] - of_column
        is_shorter = ~is_done & (lengths < least)
        least[is_shorter], came_from[is_shorter] = lengths[is_shorter], last
        last = int(np.where(is_done, np.inf, least).argmin())
        length, is_done[last] = float(least[last]), True
        if taken[last] < 0:
            break
        at = int(taken[last])
    of_row[row] += length
    is_inner = is_done & (taken >= 0)
    of_row[taken[is_inner]] += length - least[is_inner]
    of_column[is_done] -= length - least[is_done]
    while last >= 0:
        before = int(came_from[last])
        taken[last] = taken[before] if before >= 0 else row
        last = before
