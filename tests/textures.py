"""Surfaces without a motif: paper's grain, clouds, wood, cloth, marble, brick."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

TILE = (900, 1500)
"""Rows and columns of the cached tiles: room for any cut of 1280x720."""


def cut(
    tile: NDArray[np.float32], shape: tuple[int, int], rng: np.random.Generator
) -> NDArray[np.float32]:
    """float32 `shape`: a part of the tile from anywhere in it, perhaps mirrored."""
    top, left = (
        int(rng.integers(0, have - want + 1)) for have, want in zip(tile.shape, shape, strict=True)
    )
    part = tile[top : top + shape[0], left : left + shape[1]]
    return part[:: rng.choice([-1, 1]), :: rng.choice([-1, 1])]


def clouds(
    shape: tuple[int, int], rng: np.random.Generator, coarsest: int = 4, fall: float = 0.6
) -> NDArray[np.float32]:
    """float32 `shape`, mean 0, deviation 1: noise of all sizes, from `coarsest` cells a side on.

    fall: how much weaker each halving of the size is; 0.5 is smooth, 1 is rough.
    """
    total = np.zeros(shape, np.float32)
    cells, strength = coarsest, 1.0
    while cells < max(shape):
        size = (max(2, cells * shape[0] // max(shape)), max(2, cells * shape[1] // max(shape)))
        total += strength * enlarge(rng.standard_normal(size, np.float32), shape)
        cells, strength = cells * 2, strength * fall
    return (total - total.mean()) / total.std()


def enlarge(small: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """float32 `shape`, smoothly in between."""
    picture = Image.fromarray(np.ascontiguousarray(small, np.float32))
    return np.asarray(picture.resize(shape[::-1], Image.Resampling.BICUBIC))


@cache
def paper_grain() -> NDArray[np.float32]:
    """Fibres and blotches, mean 0, deviation 1."""
    rng = np.random.default_rng(51)
    fine = enlarge(rng.standard_normal((TILE[0] // 2, TILE[1] // 2), np.float32), TILE)
    mixed = fine + 0.5 * clouds(TILE, rng, 24, 0.8)
    return mixed / mixed.std()


@cache
def tooth() -> NDArray[np.float32]:
    """0 to 1: where pencil and chalk take, at the scale of a pixel or two."""
    rng = np.random.default_rng(52)
    rough = enlarge(rng.standard_normal((TILE[0] * 2 // 3, TILE[1] * 2 // 3), np.float32), TILE)
    return np.clip(0.5 + 0.5 * rough, 0, 1)


@cache
def wood() -> NDArray[np.float32]:
    """Rings that run along the rows, mean 0, deviation about 1."""
    rng = np.random.default_rng(53)
    bend = 14 * clouds(TILE, rng, 3, 0.5)
    rows = np.arange(TILE[0], dtype=np.float32)[:, np.newaxis] + bend
    rings = np.sin(rows / 9) + 0.6 * np.sin(rows / 3.7 + 1)
    streaks = enlarge(rng.standard_normal((TILE[0], 12), np.float32), TILE)
    return (rings + 0.7 * streaks).astype(np.float32) / np.float32(1.2)


@cache
def cloth() -> NDArray[np.float32]:
    """A weave with folds, mean 0, deviation about 1."""
    rng = np.random.default_rng(54)
    rows, columns = np.indices(TILE, np.float32)
    weave = np.sin(rows * 1.3) * np.sin(columns * 1.3)
    return (0.8 * weave + 0.8 * clouds(TILE, rng, 5, 0.4)).astype(np.float32)


@cache
def marble() -> NDArray[np.float32]:
    """Dark veins in a light stone, mean about 0."""
    rng = np.random.default_rng(55)
    veins = np.abs(clouds(TILE, rng, 6, 0.55))
    return (0.5 - 2.0 * np.exp(-10 * veins) + 0.3 * clouds(TILE, rng, 4, 0.5)).astype(np.float32)


def brick(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """float32 `shape`: courses of bricks with mortar between, mean about 0."""
    high = int(rng.integers(30, 110))
    wide = int(high * rng.uniform(2.0, 3.2))
    rows, columns = np.indices(shape)
    course = rows // high
    along = columns + (course % 2) * (wide // 2)
    joint = max(3, high // 9)
    mortar = (rows % high < joint) | (along % wide < joint)
    shades = rng.normal(0, 0.8, (course.max() + 1, along.max() // wide + 1))
    bricks = shades[course, along // wide] + 0.4 * clouds(shape, rng, 30, 0.8)
    return np.where(mortar, 2.0, bricks - 0.3).astype(np.float32)
