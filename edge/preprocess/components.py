"""Connected components of a mask, by runs: what stands together in a picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Components:
    """The 8-connected components of a mask, each a set of horizontal runs."""

    shape: tuple[int, int]
    rows: NDArray[np.int64]
    """Row of each run."""
    starts: NDArray[np.int64]
    """First column of each run."""
    ends: NDArray[np.int64]
    """Column behind the last of each run."""
    labels: NDArray[np.int64]
    """Component of each run, 0 to n - 1."""
    areas: NDArray[np.int64]
    """(n,) pixels."""
    boxes: NDArray[np.int64]
    """(n, 4): left, top, right, bottom in pixels, the last two behind the last pixel."""

    def mask(self, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """bool (H, W) of the components that `chosen`, bool (n,), names."""
        keep = chosen[self.labels]
        edges = np.zeros((self.shape[0], self.shape[1] + 1), np.int8)
        edges[self.rows[keep], self.starts[keep]] = 1
        # Runs of one row never touch, so a start and an end never share a place.
        edges[self.rows[keep], self.ends[keep]] = -1
        return np.cumsum(edges[:, :-1], axis=1, dtype=np.int8).astype(bool)


def find_components(mask: NDArray[np.bool_]) -> Components:
    """Labels the 8-connected components of a bool (H, W) mask."""
    height, width = mask.shape
    padded = np.zeros((height, width + 2), np.int8)
    padded[:, 1:-1] = mask
    steps = np.diff(padded, axis=1)
    rows, starts = np.nonzero(steps == 1)
    ends = np.nonzero(steps == -1)[1]
    labels = _join_runs(rows, starts, ends, width)
    count = int(labels.max()) + 1 if labels.size else 0
    boxes = np.zeros((count, 4), np.int64)
    boxes[:, :2] = max(height, width)
    np.minimum.at(boxes[:, 0], labels, starts)
    np.minimum.at(boxes[:, 1], labels, rows)
    np.maximum.at(boxes[:, 2], labels, ends)
    np.maximum.at(boxes[:, 3], labels, rows + 1)
    areas = np.bincount(labels, weights=ends - starts, minlength=count).astype(np.int64)
    return Components((height, width), rows, starts, ends, labels, areas, boxes)


def _join_runs(
    rows: NDArray[np.int64], starts: NDArray[np.int64], ends: NDArray[np.int64], width: int
) -> NDArray[np.int64]:
    """Component label of each run: runs of neighbouring rows that touch are one (union-find)."""
    stride = width + 2  # wider than a row, so that runs of other rows never come between
    first, last = rows * stride + starts, rows * stride + ends
    low = np.searchsorted(last, first + stride, side="left")
    high = np.searchsorted(first, last + stride, side="right")
    parent = list(range(len(rows)))

    def root(run: int) -> int:
        while parent[run] != run:
            parent[run] = parent[parent[run]]
            run = parent[run]
        return run

    for run, (begin, end) in enumerate(zip(low.tolist(), high.tolist(), strict=True)):
        for below in range(begin, end):
            parent[root(below)] = root(run)
    roots = np.array([root(run) for run in range(len(rows))], np.int64)
    return np.unique(roots, return_inverse=True)[1].reshape(-1).astype(np.int64)
