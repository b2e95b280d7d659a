"""The parts of a sheet: pictures, bars and a table, each with a title and of a cell's size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge.classifier import Result, Score
from edge.contract import Output
from edge.drawing.annotate import enlarge
from edge.drawing.canvas import BLACK, WHITE, Color, drawable, font, look_of, shorten
from edge.preprocess.ink import MARGIN
from edge.preprocess.photo import to_rgb
from edge.preprocess.region import Box

if TYPE_CHECKING:
    from PIL.Image import Image

CELL = (326, 244)
"""Width and height in pixels of a panel's picture."""
WORDS = 15
"""Height of the typeface within a panel, in pixels."""
BARS = 10
"""So many classes are shown; of more, the best ones."""
PALE: Color = (170, 170, 170)
WORST: Color = (230, 159, 0)
POOR = 0.7
"""A part of the merit that is lower is pointed out."""
SMALL, ROW = 14, 19
"""Heights in pixels of a table's typeface and rows."""
INDENT, COLUMN = 22, 64
"""Widths in pixels of a table's first column, and at most of the others."""
PAIR_GAP = 8


@dataclass(frozen=True)
class Panel:
    """One step of a frame's way."""

    title: str
    """In plain words, on one line."""
    picture: Image
    """RGB, no larger than its place."""


def fit(picture: Image, size: tuple[int, int] = CELL) -> Image:
    """As large as it fits, with a thin frame; enlarged pixels stay squares."""
    from PIL import Image, ImageDraw

    scale = min(size[0] / picture.width, size[1] / picture.height)
    new = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    how = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BOX
    fitted = picture.convert("RGB").resize(new, how)
    ImageDraw.Draw(fitted).rectangle((0, 0, new[0] - 1, new[1] - 1), outline=PALE)
    return fitted


def cut_out(frame: NDArray[np.uint8], box: Box | None) -> Image:
    """What is looked at more closely: the box with a margin; none: the whole frame."""
    from PIL import Image

    if box is None:
        return Image.fromarray(np.ascontiguousarray(to_rgb(frame)))
    x, y, width, height = box
    margin = round(MARGIN * max(width, height))
    rows = slice(max(0, y - margin), y + height + margin)
    columns = slice(max(0, x - margin), x + width + margin)
    return Image.fromarray(np.ascontiguousarray(to_rgb(frame)[rows, columns]))


def answer_panels(frame: NDArray[np.uint8], result: Result, output: Output) -> list[Panel]:
    """The last steps of one result, each in a cell of its own."""
    panels = [Panel("Cut out around it", fit(cut_out(frame, result.box)))] if result.box else []
    if result.seen is not None:
        panels.append(Panel("What the model saw", _framed(enlarge(result.seen, CELL[1] - 2))))
    return [*panels, Panel(_bars_title(output), draw_bars(result, output))]


def paired_panels(
    frame: NDArray[np.uint8], result: Result, output: Output, number: int
) -> list[Panel]:
    """The same of one result among several, in two cells."""
    from PIL import Image

    half = ((CELL[0] - PAIR_GAP) // 2, CELL[1])
    pair = Image.new("RGB", (CELL[0], half[0]), WHITE)
    around = fit(cut_out(frame, result.box), (half[0], half[0]))
    pair.paste(around, (0, 0))
    if result.seen is not None:
        pair.paste(_framed(enlarge(result.seen, half[0] - 2)), (half[0] + PAIR_GAP, 0))
    best = f"{result.top[0].label} at {result.score:.3f}" if result.top else "nothing"
    is_told = not result.top or result.label == result.top[0].label
    title = f"{number}: {best}" + ("" if is_told else f": {result.label}")
    bars = Panel("", draw_bars(result, output))
    return [Panel(title, pair), bars]


def _bars_title(output: Output) -> str:
    least = output.unknown_threshold
    return "How sure the model is" + ("" if least is None else f"; threshold {least:.3f}")


def draw_bars(result: Result, output: Output) -> Image:
    """Each class's probability as a bar, the best one in the answer's colour, and the threshold."""
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", CELL, WHITE)
    pen = ImageDraw.Draw(picture)
    scores = list(result.top[:BARS])
    if len(result.top) <= BARS:
        scores.sort(key=_in_order)
    names = [shorten(drawable(one.label), font(WORDS), CELL[0] // 3) for one in scores]
    left = round(max((font(WORDS).getlength(name) for name in names), default=0)) + 8
    right = CELL[0] - 52
    step = CELL[1] / max(len(scores), 5)
    for row, (one, name) in enumerate(zip(scores, names, strict=True)):
        middle = round((row + 0.5) * step)
        is_best = one == result.top[0]
        color = look_of(result).color if is_best else PALE
        end = left + round(one.score * (right - left))
        half = round(0.36 * step)
        pen.rectangle((left, middle - half, max(left, end), middle + half), fill=color)
        pen.text((left - 6, middle), name, BLACK, font(WORDS), anchor="rm")
        if is_best or one.score >= 0.005:
            pen.text((end + 6, middle), f"{one.score:.3f}", BLACK, font(WORDS), anchor="lm")
    pen.line((left, 0, left, round(len(scores) * step)), fill=BLACK)
    if output.unknown_threshold is not None:
        x = left + round(output.unknown_threshold * (right - left))
        for top in range(0, round(len(scores) * step), 8):
            pen.line((x, top, x, top + 4), fill=BLACK, width=2)
    return picture


def _in_order(score: Score) -> tuple[bool, float, str]:
    """Digits as numbers, before words."""
    is_number = score.label.isdecimal()
    return not is_number, float(score.label) if is_number else 0.0, score.label


def draw_table(rows: Sequence[tuple[str, dict[str, float]]], meanings: Mapping[str, str]) -> Image:
    """Names with their merits and the parts of them, each 0 to 1; poor ones are pointed out.

    meanings: what each part says, for people.
    """
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", CELL, WHITE)
    pen = ImageDraw.Draw(picture)
    # What is 1 for all decides nothing.
    columns = [name for name in meanings if any(parts[name] < 0.995 for _, parts in rows)]
    step = min(COLUMN, (CELL[0] - INDENT) // (1 + len(columns)))
    for at, column in enumerate(["merit", *columns]):
        right = INDENT + (at + 1) * step
        pen.text((right, 0), column, BLACK, font(SMALL), anchor="ra")
        for row, (_, parts) in enumerate(rows, 1):
            value = prod(parts.values()) if column == "merit" else parts[column]
            top = row * ROW
            if value < POOR and column not in ("merit", "dark"):
                pen.rectangle((right - step + 6, top - 2, right + 2, top + ROW - 5), fill=WORST)
            pen.text((right, top), f"{value:.2f}", BLACK, font(SMALL), anchor="ra")
    for row, (name, _) in enumerate(rows, 1):
        pen.text((0, row * ROW), name, BLACK, font(SMALL))
    for at, column in enumerate(columns):
        top = (len(rows) + 1) * ROW + 4 + at * (SMALL + 2)
        pen.text((0, top), f"{column}: {meanings[column]}", BLACK, font(SMALL - 1))
    return picture


def _framed(picture: Image) -> Image:
    from PIL import ImageOps

    return ImageOps.expand(picture, 1, BLACK)
