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
        return self.cut(chosen, (0, 0, self.shape[1], self.shape[0]))

    def cut(self, chosen: NDArray[np.bool_], box: tuple[int, int, int, int]) -> NDArray[np.bool_]:
        """bool (h, w) of the chosen ones, which lie within left, top, right and bottom."""
        left, top, right, bottom = box
        keep = chosen[self.labels]
        rows = self.rows[keep] - top
        edges = np.zeros((bottom - top, right - left + 1), np.int8)
        edges[rows, self.starts[keep] - left] = 1
        # Runs of one row never touch, so a start and an end never share a place.
        edges[rows, self.ends[keep] - left] = -1
        return np.cumsum(edges[:, :-1], axis=1, dtype=np.int8).view(np.bool_)

    def pixels(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Place in the raveled mask and component of each of its pixels, in row-major order."""
        lengths = self.ends - self.starts
        firsts = self.rows * self.shape[1] + self.starts
        before = np.cumsum(lengths) - lengths
        places = np.repeat(firsts - before, lengths)
        places += np.arange(len(places))
        return places, np.repeat(self.labels, lengths)


def find_components(mask: NDArray[np.bool_]) -> Components:
    """Labels the 8-connected components of a bool (H, W) mask, by each one's first run."""
    height, width = mask.shape
    padded = np.zeros((height, width + 2), np.bool_)
    padded[:, 1:-1] = mask
    # Where a row's pixels change: a start, an end, a start... One pass for both, and over bools.
    steps = np.flatnonzero(padded[:, 1:] != padded[:, :-1])
    rows = steps[::2] // (width + 1)
    offsets = rows * (width + 1)
    starts, ends = steps[::2] - offsets, steps[1::2] - offsets
    labels, firsts = _join_runs(rows, starts, ends, width)
    count = len(firsts)
    boxes = np.zeros((count, 4), np.int64)
    boxes[:, 0] = width
    boxes[:, 1] = rows[firsts]
    np.minimum.at(boxes[:, 0], labels, starts)
    np.maximum.at(boxes[:, 2], labels, ends)
    np.maximum.at(boxes[:, 3], labels, rows + 1)
    areas = np.bincount(labels, weights=ends - starts, minlength=count).astype(np.int64)
    return Components((height, width), rows, starts, ends, labels, areas, boxes)


def _join_runs(
    rows: NDArray[np.int64], starts: NDArray[np.int64], ends: NDArray[np.int64], width: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Component of each run, (runs,), and first run of each component, (n,).

    Runs of neighbouring rows that touch are one (union-find).
    """
    stride = width + 2  # wider than a row, so that runs of other rows never come between
    first, last = rows * stride + starts, rows * stride + ends
    low = np.searchsorted(last, first + stride, side="left").tolist()
    high = np.searchsorted(first, last + stride, side="right").tolist()
    parent = list(range(len(low)))  # never a later run: so a root is its component's first
    for run, begin in enumerate(low):
        root = run
        while parent[root] != root:
            root = parent[root]
        for below in range(begin, high[run]):
            other = parent[below]
            while parent[other] != other:
                other = parent[other]
            if other < root:
                parent[root] = root = other
            else:
                parent[other] = root
    roots = np.array(parent, np.int64)
    while (nearer := roots[roots]).tobytes() != roots.tobytes():
        roots = nearer
    firsts = np.flatnonzero(roots == np.arange(len(roots)))
    return np.searchsorted(firsts, roots), firsts
