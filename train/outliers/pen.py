"""Marks of a round pen: letters by hand, figures, and scribbles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from train.outliers.looks import CANVAS

Stroke = NDArray[np.float64]
"""float64 (n, 2): points (x, y), 0 to 8 from left to right and from top to bottom."""

FIGURES = {
    "A": "08 40 88|25 65",
    "C": "~72 50 20 03 05 28 58 76",
    "E": "80 00 08 88|04 64",
    "F": "80 00 08|04 64",
    "G": "~72 50 20 03 05 28 58 75|75 45|75 78",
    "H": "00 08|80 88|04 84",
    "J": "20 80|~50 53 56 38 18 06",
    "K": "00 08|80 04 88",
    "L": "00 08 78",
    "M": "08 10 45 70 88",
    "N": "08 00 88 80",
    "P": "08 00|~00 50 72 54 04",
    "R": "08 00|~00 50 72 54 04|34 88",
    "T": "00 80|40 48",
    "U": "~00 03 06 28 58 86 83 80",
    "V": "00 48 80",
    "W": "00 28 43 68 80",
    "X": "00 88|80 08",
    "Y": "00 44 80|44 48",
    "a": "~63 40 21 05 18 48 65|60 ~63 66 78 88",
    "c": "~71 40 11 04 17 48 77",
    "d": "~64 43 14 06 18 48 66|60 68 78",
    "e": "~04 74 72 40 11 05 28 58 77",
    "f": "~71 50 32 35 38|13 63",
    "h": "00 08|~05 24 44 65 68",
    "j": "53 ~53 56 38 18|50 51",
    "k": "00 08|63 06 78",
    "m": "02 08|~04 12 32 45 48|~45 52 72 85 88",
    "n": "02 08|~05 22 52 75 78",
    "p": "00 08|~01 40 63 45 05",
    "r": "02 08|~05 23 52 73",
    "t": "~30 34 37 58 77|13 63",
    "u": "~02 05 17 48 66|62 68 88",
    "v": "02 48 82",
    "w": "~02 06 28 44|~44 68 86 82",
    "x": "~02 33 66 88|82 08",
    "y": "02 45|82 28",
    "&": "88 ~88 21 40 62 04 07 38 84",
    "%": "80 08|~20 01 12 21 20|~66 57 68 77 66",
    "?": "~02 10 40 62 44 35 36|38 38",
    "<": "81 04 87",
    ">": "01 84 07",
    "+": "04 84|40 48",
    "*": "04 84|20 68|60 28",
    "triangle": "40 88 08 40",
    "roof": "04 40 84|14 18 78 74",
    "star": "08 40 88 03 83 08",
    "tick": "04 38 80",
    "arrow": "04 84|51 84 57",
    "fork": "40 48|00 ~00 24 64 80",
    "wave": "~04 21 44 67 84",
    "zigzag": "04 21 37 51 67 84",
    "grid": "30 38|60 68|03 83|06 86",
    "umlaut": "00 01|60 61|~03 06 38 66 63",
    "heart": "48 ~48 03 20 42 60 83 48",
    "infinity": "~44 22 04 26 44 62 84 66 44",
    "steps": "08 05 35 32 62 60 80",
    "bars": "00 08|40 48|80 88",
    "colon": "31 32|37 38",
}
"""Strokes apart by |; a point is a digit each for x and y; from ~ on they are a smooth curve.

Of the letters those are missing that are drawn like a digit: O o Q D (0), I i l (1), S s (5), Z z
(2), B (8), b (6), g q (9)."""


def draw_figure(rng: np.random.Generator) -> NDArray[np.uint8]:
    """uint8 (CANVAS, CANVAS), one of FIGURES as a hand would draw it: no point quite in place."""
    name = list(FIGURES)[rng.integers(len(FIGURES))]
    strokes = [
        _stroke(text, rng.normal(0, 0.35, (len(text.split()), 2)))
        for text in FIGURES[name].split("|")
    ]
    return draw_strokes(strokes, rng.uniform(3, 12))


def draw_scribble(rng: np.random.Generator) -> NDArray[np.uint8]:
    """uint8 (CANVAS, CANVAS), a long curve that crosses itself, or several short ones."""
    width = rng.uniform(2, 9)
    if rng.random() < 0.5:
        return draw_strokes([_curve(rng.uniform(0, 8, (rng.integers(8, 16), 2)))], width)
    count = rng.integers(3, 8)
    starts = rng.uniform(0, 8, (count, 1, 2))
    steps = rng.normal(0, 1.6, (count, 3, 2)).cumsum(axis=1)
    return draw_strokes([_curve(one) for one in np.clip(starts + steps, 0, 8)], width)


def draw_hatching(rng: np.random.Generator) -> NDArray[np.uint8]:
    """uint8 (CANVAS, CANVAS), three to nine lines side by side, perhaps crossed by others."""
    strokes = []
    for _ in range(rng.integers(1, 3)):
        count, tilt, is_flat = rng.integers(3, 10), rng.uniform(-4, 4), rng.random() < 0.5
        for place in np.linspace(0, 8, count):
            ends = np.array([[place - tilt, 0.0], [place + tilt, 8.0]]) + rng.normal(0, 0.3, (2, 2))
            strokes.append(ends[:, ::-1] if is_flat else ends)
    return draw_strokes([np.clip(one, 0, 8) for one in strokes], rng.uniform(2, 5))


def draw_strokes(strokes: list[Stroke], width: float) -> NDArray[np.uint8]:
    """uint8 (CANVAS, CANVAS): a round pen, `width` pixels wide."""
    picture = Image.new("L", (CANVAS, CANVAS))
    pen, half = ImageDraw.Draw(picture), width / 2
    scale, edge = (CANVAS - 1 - width) / 8, half
    for stroke in strokes:
        points = [(float(x), float(y)) for x, y in stroke * scale + edge]
        pen.line(points, fill=255, width=max(1, round(width)), joint="curve")
        for x, y in (points[0], points[-1]):
            pen.ellipse((x - half, y - half, x + half, y + half), fill=255)
    return np.asarray(picture)


def _stroke(text: str, moved: Stroke) -> Stroke:
    """A stroke of FIGURES with each point moved."""
    words = text.split()
    points = np.array([[int(word[-2]), int(word[-1])] for word in words]) + moved
    points = np.clip(points, 0, 8)
    curves = [index for index, word in enumerate(words) if word.startswith("~")]
    if not curves:
        return points
    return np.concatenate([points[: curves[0]], _curve(points[curves[0] :])])


def _curve(points: Stroke) -> Stroke:
    """A smooth curve through the points (Catmull and Rom 1974), eight steps between each two."""
    padded = np.concatenate([points[:1], points, points[-1:]])
    before, start, end, after = (padded[i : len(padded) - 3 + i, None] for i in range(4))
    t = np.linspace(0, 1, 9)[:-1, None]
    bent = start + 0.5 * t * (
        end - before + t * (2 * before - 5 * start + 4 * end - after)
        + t * t * (3 * (start - end) + after - before)
    )  # fmt: skip
    return np.concatenate([bent.reshape(-1, 2), points[-1:]])
