"""Letters and digits: from fonts, and written by hand from strokes."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from train.samples import Samples

ALONE = "ACEFHKLMNPRTUVWXYadefhkmnprtuvwx"
"""Letters that stand alone in a frame where no digit is to be seen: none that a person may read as
one, as O I l S Z B G q b g and J."""
WORDS = (
    "TOTAL", "METER", "NAME", "DATE", "PAPER", "WATER", "HELLO", "MARKET", "THANKS", "KITCHEN",
    "FRIDAY", "TEXT", "MILK", "TEA", "VALUE", "UNIT", "HOUSE", "LAMP",
)  # fmt: skip
FONTS = (
    "DejaVuSans.ttf", "DejaVuSans-Oblique.ttf", "DejaVuSans-Bold.ttf", "DejaVuSerif.ttf",
    "DejaVuSansMono.ttf", "STIXGeneral.ttf", "STIXGeneralItalic.ttf", "STIXGeneralBol.ttf",
)  # fmt: skip
"""Of those that matplotlib brings along; Pillow's own is the one more."""

Stroke = list[tuple[float, float]]
_ARCH: Stroke = [(0.1, 0.35), (0.35, 0.05), (0.6, 0.1), (0.65, 0.4), (0.65, 1.0)]
STROKES: dict[str, list[Stroke]] = {
    "A": [[(0.0, 1.0), (0.4, 0.0), (0.8, 1.0)], [(0.15, 0.65), (0.68, 0.62)]],
    "C": [[(0.7, 0.15), (0.4, 0.0), (0.05, 0.3), (0.05, 0.7), (0.4, 1.0), (0.75, 0.85)]],
    "D": [[(0.05, 0.0), (0.05, 1.0)], [(0.0, 0.0), (0.6, 0.1), (0.75, 0.5), (0.6, 0.9),
           (0.0, 1.0)]],
    "E": [[(0.6, 0.0), (0.0, 0.0), (0.0, 0.0), (0.0, 1.0), (0.0, 1.0), (0.65, 1.0)],
          [(0.0, 0.48), (0.5, 0.46)]],
    "F": [[(0.65, 0.0), (0.0, 0.02), (0.0, 0.02), (0.02, 1.0)], [(0.0, 0.46), (0.5, 0.44)]],
    "H": [[(0.0, 0.0), (0.0, 1.0)], [(0.7, 0.0), (0.68, 1.0)], [(0.0, 0.5), (0.7, 0.46)]],
    "I": [[(0.1, 0.0), (0.1, 1.0)]],
    "K": [[(0.0, 0.0), (0.0, 1.0)], [(0.6, 0.0), (0.03, 0.55), (0.03, 0.55), (0.65, 1.0)]],
    "L": [[(0.0, 0.0), (0.0, 1.0), (0.0, 1.0), (0.6, 0.98)]],
    "M": [[(0.0, 1.0), (0.05, 0.0), (0.05, 0.0), (0.45, 0.7), (0.45, 0.7), (0.85, 0.0),
           (0.85, 0.0), (0.9, 1.0)]],
    "N": [[(0.0, 1.0), (0.02, 0.0), (0.02, 0.0), (0.7, 1.0), (0.7, 1.0), (0.72, 0.0)]],
    "O": [[(0.4, 0.0), (0.05, 0.25), (0.05, 0.75), (0.4, 1.0), (0.75, 0.75), (0.75, 0.25),
           (0.4, 0.0)]],
    "P": [[(0.0, 0.0), (0.0, 1.0)], [(0.0, 0.05), (0.5, 0.0), (0.65, 0.25), (0.5, 0.5),
           (0.02, 0.52)]],
    "R": [[(0.0, 0.0), (0.0, 1.0)], [(0.0, 0.05), (0.5, 0.0), (0.62, 0.25), (0.45, 0.48),
           (0.03, 0.5),
           (0.03, 0.5), (0.68, 1.0)]],
    "S": [[(0.65, 0.12), (0.3, 0.0), (0.05, 0.25), (0.6, 0.65), (0.5, 0.95), (0.0, 0.9)]],
    "T": [[(0.0, 0.02), (0.8, 0.0)], [(0.4, 0.0), (0.4, 1.0)]],
    "U": [[(0.0, 0.0), (0.0, 0.6), (0.15, 1.0), (0.55, 1.0), (0.68, 0.6), (0.7, 0.0)]],
    "V": [[(0.0, 0.0), (0.36, 1.0), (0.36, 1.0), (0.72, 0.0)]],
    "W": [[(0.0, 0.0), (0.22, 1.0), (0.22, 1.0), (0.45, 0.3), (0.45, 0.3), (0.68, 1.0),
           (0.68, 1.0), (0.92, 0.0)]],
    "X": [[(0.0, 0.0), (0.7, 1.0)], [(0.7, 0.0), (0.0, 1.0)]],
    "Y": [[(0.0, 0.0), (0.36, 0.5)], [(0.74, 0.0), (0.36, 0.5), (0.34, 1.0)]],
    "d": [[(0.6, 0.5), (0.3, 0.42), (0.02, 0.65), (0.15, 0.98), (0.45, 0.95), (0.6, 0.6)],
          [(0.62, 0.0), (0.62, 1.0)]],
    "e": [[(0.05, 0.55), (0.65, 0.5), (0.5, 0.08), (0.15, 0.15), (0.0, 0.6), (0.25, 1.0),
           (0.7, 0.85)]],
    "f": [[(0.6, 0.08), (0.4, 0.0), (0.25, 0.2), (0.25, 1.0)], [(0.0, 0.42), (0.55, 0.4)]],
    "h": [[(0.05, 0.0), (0.05, 1.0)], [(0.05, 0.7), (0.3, 0.42), (0.55, 0.5), (0.58, 1.0)]],
    "k": [[(0.0, 0.0), (0.0, 1.0)], [(0.5, 0.4), (0.03, 0.72), (0.03, 0.72), (0.55, 1.0)]],
    "m": [[(0.0, 0.0), (0.02, 1.0)], [(0.02, 0.4), (0.3, 0.0), (0.48, 0.2), (0.5, 1.0)],
          [(0.5, 0.4), (0.78, 0.0), (0.98, 0.2), (1.0, 1.0)]],
    "n": [[(0.05, 0.0), (0.08, 1.0)], _ARCH],
    "p": [[(0.02, 0.0), (0.05, 1.0)], [(0.03, 0.2), (0.35, 0.0), (0.6, 0.25), (0.4, 0.6),
           (0.04, 0.52)]],
    "t": [[(0.3, 0.0), (0.3, 0.8), (0.45, 1.0), (0.65, 0.9)], [(0.0, 0.32), (0.6, 0.3)]],
    "w": [[(0.0, 0.0), (0.2, 1.0), (0.45, 0.3), (0.45, 0.3), (0.7, 1.0), (0.92, 0.0)]],
    "x": [[(0.0, 0.0), (0.65, 1.0)], [(0.65, 0.0), (0.0, 1.0)]],
    "0": [[(0.35, 0.0), (0.05, 0.2), (0.0, 0.7), (0.3, 1.0), (0.6, 0.75), (0.65, 0.25),
           (0.35, 0.0)]],
    "1": [[(0.2, 0.0), (0.18, 1.0)]],
    "2": [[(0.03, 0.25), (0.25, 0.0), (0.6, 0.1), (0.55, 0.45), (0.05, 0.95), (0.05, 0.95),
           (0.7, 0.97)]],
    "3": [[(0.05, 0.1), (0.4, 0.0), (0.6, 0.2), (0.45, 0.45), (0.25, 0.47), (0.25, 0.47),
           (0.55, 0.55),
           (0.65, 0.8), (0.35, 1.0), (0.0, 0.9)]],
    "4": [[(0.2, 0.0), (0.02, 0.6), (0.02, 0.6), (0.7, 0.58)], [(0.5, 0.05), (0.48, 1.0)]],
    "5": [[(0.6, 0.0), (0.12, 0.02), (0.12, 0.02), (0.08, 0.42), (0.08, 0.42), (0.5, 0.42),
           (0.62, 0.7), (0.4, 1.0), (0.0, 0.92)]],
    "6": [[(0.45, 0.0), (0.12, 0.35), (0.0, 0.75), (0.3, 1.0), (0.58, 0.8), (0.45, 0.52),
           (0.05, 0.7)]],
    "7": [[(0.0, 0.04), (0.62, 0.02), (0.62, 0.02), (0.25, 1.0)]],
    "8": [[(0.55, 0.12), (0.3, 0.0), (0.05, 0.2), (0.5, 0.6), (0.5, 0.95), (0.2, 1.0), (0.02, 0.75),
           (0.5, 0.3), (0.55, 0.12)]],
    "9": [[(0.55, 0.15), (0.25, 0.0), (0.02, 0.25), (0.25, 0.5), (0.55, 0.2), (0.55, 0.2),
           (0.45, 1.0)]],
}  # fmt: skip
"""Letters and digits as polylines, x to the right, y down, height 1; a point twice is a corner."""


def print_letter(letter: str, rng: np.random.Generator) -> NDArray[np.uint8]:
    """uint8 (112, 112), white on black: from a font."""
    choice = int(rng.integers(len(FONTS) + 1))
    font = _font(FONTS[choice]) if choice < len(FONTS) else _font("")
    picture = Image.new("L", (112, 112))
    ImageDraw.Draw(picture).text((56, 56), letter, fill=255, font=font, anchor="mm")
    return np.asarray(picture)


def write_character(character: str, rng: np.random.Generator) -> NDArray[np.uint8]:
    """uint8 (112, 112), white on black: by hand, never twice the same."""
    picture = Image.new("L", (112, 112))
    pen = ImageDraw.Draw(picture)
    slant, wide = float(rng.normal(0.1, 0.12)), float(rng.uniform(0.8, 1.15))
    width = int(rng.integers(7, 13))
    for stroke in STROKES[character]:
        points = _round(np.array(stroke) + rng.normal(0, 0.03, (len(stroke), 2)))
        x = 20 + 72 * (points[:, 0] * wide + slant * (1 - points[:, 1]))
        y = 18 + 76 * points[:, 1]
        pen.line([*zip(x.tolist(), y.tolist(), strict=True)], fill=255, width=width, joint="curve")
        for end in (0, -1):
            pen.circle((float(x[end]), float(y[end])), width / 2, fill=255)
    return np.asarray(picture)


def drawn_digits(count: int, seed: int) -> Samples:
    """Digits written by hand from strokes, for where no data set may be needed."""
    rng = np.random.default_rng((seed, 11))
    frames = [write_character(str(index % 10), rng) for index in range(count)]
    return Samples(np.stack(frames), np.arange(count, dtype=np.int64) % 10)


def _round(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The polyline with its corners cut three times (Chaikin, 1974); its ends stay."""
    for _ in range(3):
        before, after = points[:-1], points[1:]
        cut = np.stack([0.75 * before + 0.25 * after, 0.25 * before + 0.75 * after], axis=1)
        points = np.concatenate([points[:1], cut.reshape(-1, 2), points[-1:]])
    return points


@cache
def _font(name: str) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    if not name:
        return ImageFont.load_default(90)
    import matplotlib

    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name), 90)
