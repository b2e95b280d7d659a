"""Printed signs that are no digits, and words, from the fonts that come with matplotlib."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

LATIN = "ACDEFGHJKLMNPQRTUVWXYacdefhjkmnprtuvwxy"
"""Without those that are drawn like a digit: O o I l i, S s (5), Z z (2), B (8), b (6), g q (9)."""
ALPHABETS = (
    LATIN,
    LATIN,
    LATIN,  # what is met most often
    "ΓΔΛΞΠΣΦΨΩΥαγεηκλμνπρτυφχψω",  # without beta, theta, iota, zeta, omicron, xi, delta, sigma
    "ГДЖИЙКЛМНПРУФШЩЮЯЄЉЊаежийкмнпртуфхшщюя",  # without be, ve, ze, o, tse, che, e, soft sign
    "אהחמעצקשת" + "بتثسشصضطظك",
    "←→↑↓↔↕↖↗↘↙⇐⇒⇔⇑⇓",
    "+×÷±=≠≈<>∑∏√∞∇∈∉∋∩∪⊂⊃∧∨⊥∀∃¬∠∥∝≡-~^",  # noqa: RUF001
    "&%#@?!*€£¥¶†‡:;+<>=~^",
    '&%#@?!*€£¥¶†‡:;"…•■▲●◆★☆♥♦♣♠☺☎✓✗♪♫☂',
)
"""No single stroke that could be a 1, no ring that could be a 0."""
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
COMPUTER_MODERN = ("cmr10", "cmss10", "cmtt10", "cmti10", "cmb10", "cmmi10")
"""Their letters stand where other fonts have them, their other signs do not."""
SIZE = 56
"""Of the font, in pixels."""


@lru_cache(maxsize=1)
def text_fonts() -> tuple[Path, ...]:
    import matplotlib

    found = sorted((Path(matplotlib.get_data_path()) / "fonts" / "ttf").glob("*.ttf"))
    text = ("DejaVuSans", "DejaVuSerif", "STIXGeneral", *COMPUTER_MODERN)
    return tuple(one for one in found if one.stem.startswith(text) and "Display" not in one.stem)


@lru_cache(maxsize=64)
def _font(path: Path) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, SIZE, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=64)
def _has(path: Path) -> frozenset[str]:
    """The characters for which a font has a glyph; it draws a box for all others."""
    from matplotlib.ft2font import FT2Font

    return frozenset(map(chr, FT2Font(str(path)).get_charmap()))


def draw_glyph(rng: np.random.Generator) -> NDArray[np.uint8]:
    """uint8 (H, W), one sign in a random font, light on black."""
    fonts = text_fonts()
    while True:
        path = fonts[rng.integers(len(fonts))]
        alphabet = ALPHABETS[rng.integers(len(ALPHABETS))]
        if path.stem in COMPUTER_MODERN:
            alphabet = LATIN
        sign = alphabet[rng.integers(len(alphabet))]
        if sign in _has(path):
            return draw_text(sign, path)


def draw_word(rng: np.random.Generator) -> NDArray[np.uint8]:
    """uint8 (H, W), two to five letters in a row, or a number, light on black."""
    fonts = text_fonts()
    alphabet = LETTERS if rng.random() < 0.7 else "0123456789"
    chosen = rng.integers(len(alphabet), size=rng.integers(2, 6))
    text = "".join(alphabet[index] for index in chosen)
    return draw_text(text, fonts[rng.integers(len(fonts))])


def draw_text(text: str, path: Path) -> NDArray[np.uint8]:
    """uint8 (H, W), cropped to the text's box."""
    font = _font(path)
    left, top, right, bottom = font.getbbox(text)
    size = (max(1, int(right - left) + 2), max(1, int(bottom - top) + 2))
    picture = Image.new("L", size)
    ImageDraw.Draw(picture).text((1 - left, 1 - top), text, fill=255, font=font)
    return np.asarray(picture)
