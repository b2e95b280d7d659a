"""Outliers: drawn pictures of what is no digit, in the look that `ink` gives, to be fitted flat.

Outlier exposure (Hendrycks, Mazeika and Dietterich 2019, arXiv:1812.04606): a network that was
shown such pictures with every class as likely as any other answers what it does not know with a
flat softmax, and the contract's threshold does the rest. All are made here; none is of a data set,
but for digits that are put together to what is none.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge.contract import Input
from edge.errors import UsageError
from edge.preprocess.photo import resize
from train.outliers import glyphs, marks, pen, textures
from train.outliers.looks import bend, press, settle

SHARES = {
    "glyph": 0.35,
    "figure": 0.25,
    "row": 0.05,
    "parts": 0.03,
    "crossed": 0.03,
    "word": 0.04,
    "scribble": 0.05,
    "hatching": 0.03,
    "patch": 0.05,
    "solid": 0.03,
    "surface": 0.02,
    "fragment": 0.05,
    "noise": 0.02,
}
"""Of the drawn pictures; letters are what a camera sees most often and a digit is most like."""
IN_PIECES = ("row", "parts", "word")
"""Of these a finder may bring back one piece by itself, which may be a digit."""
OF_DIGITS = {"row": marks.draw_row, "parts": marks.draw_parts, "crossed": marks.draw_crossed}
DRAWN = {
    "glyph": glyphs.draw_glyph,
    "figure": pen.draw_figure,
    "word": glyphs.draw_word,
    "scribble": pen.draw_scribble,
    "hatching": pen.draw_hatching,
    "patch": textures.draw_patch,
    "solid": textures.draw_solid,
    "fragment": textures.draw_fragment,
}
SHAPELESS = ("scribble", "patch", "solid", "fragment")
"""Among these chance draws an upright bar now and then, which is a 1."""
MIN_INK = 8
"""Pixels above half of white, below which a picture shows too little to be anything."""


def check_kind(spec: Input, key: str = "outliers") -> None:
    """Refuses what marks on paper are not drawn for.

    key: of the recipe, that asks for them.

    Raises:
        UsageError: an input of another kind than `ink`.
    """
    if spec.preprocess.kind != "ink":
        raise UsageError(
            f"recipe key {key}: expected handwriting (preprocessing ink), got pictures of kind "
            f"{spec.preprocess.kind}, for which none can be drawn; leave it out or set it to 0"
        )


def draw_outliers(
    count: int,
    spec: Input,
    seed: int,
    digits: NDArray[np.uint8] | None = None,
    without: Sequence[str] = (),
) -> NDArray[np.uint8]:
    """Pictures that show no single digit.

    spec: an input of the kind `ink`.
    digits: uint8 (n, height, width, 1), what several in a row and crossed ones are made of; none:
        printed ones.
    without: kinds of SHARES that are not drawn.

    Returns:
        uint8 (count, height, width, 1), light on black; the same for the same arguments.
    """
    rng = np.random.default_rng((seed, count))
    side = (spec.height, spec.width)
    whole = printed_digits(side) if digits is None else digits[..., 0]
    shares = np.array([0 if kind in without else share for kind, share in SHARES.items()])
    kinds = rng.choice(len(SHARES), count, p=shares / shares.sum())
    drawn = np.empty((count, *spec.shape), np.uint8)
    for index, kind in enumerate(kinds):
        drawn[index, :, :, 0] = draw_one(list(SHARES)[kind], side, whole, rng)
    return drawn


def draw_one(
    kind: str, side: tuple[int, int], digits: NDArray[np.uint8], rng: np.random.Generator
) -> NDArray[np.uint8]:
    """uint8 (height, width), of a kind in SHARES; as `draw_outliers`."""
    while True:
        field = _draw(kind, side, digits, rng)
        ink = field > 127
        if np.count_nonzero(ink) < MIN_INK:
            continue
        if kind not in SHAPELESS or is_wide(ink):
            return field


def is_wide(ink: NDArray[np.bool_]) -> bool:
    """Whether bool (height, width) is ink too wide to be a 1."""
    if not ink.any():
        return True
    height, width = (np.ptp(np.flatnonzero(ink.any(axis=axis))) + 1 for axis in (1, 0))
    return bool(width > 0.45 * height)


def _draw(
    kind: str, side: tuple[int, int], digits: NDArray[np.uint8], rng: np.random.Generator
) -> NDArray[np.uint8]:
    if kind == "noise":
        return textures.draw_noise(rng, side)
    if kind == "surface":  # over the whole field, as a picture that passes unchanged may be
        return resize(textures.draw_surface(rng), *side)
    if kind in OF_DIGITS:
        return settle(bend(OF_DIGITS[kind](digits, rng), rng, 0.5), side, rng)
    mark = bend(DRAWN[kind](rng), rng)
    return settle(press(mark, rng) if kind in ("glyph", "word") else mark, side, rng)


def printed_digits(side: tuple[int, int]) -> NDArray[np.uint8]:
    """uint8 (n, height, width), the digits of every font, placed as `ink` does."""
    rng = np.random.default_rng(0)
    every = [glyphs.draw_text(sign, path) for path in glyphs.text_fonts() for sign in "0123456789"]
    return np.stack([settle(one, side, rng) for one in every])
