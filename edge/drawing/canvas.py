"""What all pictures for people are drawn with: colours, boxes, words on plates."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from edge.classifier import UNKNOWN, Result

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

Color = tuple[int, int, int]
Corners = tuple[int, int, int, int]
"""left, top, right, bottom in pixels, the last two behind the last pixel."""

WHITE: Color = (255, 255, 255)
BLACK: Color = (0, 0, 0)
DASH = 5
"""Line widths that a dash is long; so is the gap behind it."""


@dataclass(frozen=True)
class Look:
    """How one kind of answer is shown."""

    color: Color
    words: Color
    """Of what stands on a plate of that colour."""
    is_dashed: bool = False


KNOWN = Look((0, 114, 178), WHITE)
UNSURE = Look((230, 159, 0), BLACK, is_dashed=True)
"""Blue and orange of Okabe and Ito's palette, which colour-blind eyes tell apart; the dashes tell
where there is no colour at all."""


def look_of(result: Result) -> Look:
    """A label, or `unknown`."""
    return UNSURE if result.label == UNKNOWN else KNOWN


@lru_cache(maxsize=16)
def font(size: int) -> FreeTypeFont:
    """Pillow's own typeface, `size` pixels high."""
    from PIL import ImageFont

    found = ImageFont.load_default(size)
    if not isinstance(found, ImageFont.FreeTypeFont):  # never when a size is given
        raise TypeError(f"expected a typeface of any size, got {type(found).__name__}")
    return found


def drawable(text: str) -> str:
    """The same in ASCII, which is all that Pillow's typeface has: without accents, or escaped."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return "".join(c if c.isprintable() else "?" for c in _escaped(bare))


def _escaped(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode()


def shorten(text: str, typeface: FreeTypeFont, width: int) -> str:
    """As much of a text as is `width` pixels wide, its end left out."""
    if typeface.getlength(text) <= width:
        return text
    while text and typeface.getlength(text + "...") > width:
        text = text[:-1]
    return text + "..."


def wrap(text: str, typeface: FreeTypeFont, width: int) -> list[str]:
    """A text in lines that are `width` pixels wide at most, but for longer words."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and typeface.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def plate_size(text: str, size: int) -> tuple[int, int]:
    """Width and height in pixels of a plate with a text `size` pixels high on it."""
    return round(font(size).getlength(text)) + size // 2 * 2, round(1.4 * size)


def draw_plate(
    pen: ImageDraw, at: tuple[int, int], text: str, size: int, ground: Color, words: Color
) -> None:
    """A text on a ground of its own. at: left, top."""
    width, height = plate_size(text, size)
    pen.rectangle((*at, at[0] + width - 1, at[1] + height - 1), fill=ground)
    pen.text((at[0] + size // 2, at[1] + height // 2), text, words, font(size), anchor="lm")


def draw_box(
    pen: ImageDraw, size: tuple[int, int], corners: Corners, look: Look, width: int
) -> None:
    """A frame around corners, outside of them but on the picture, which is of that size.

    A white one beside it makes it seen on any ground.
    """
    half = max(1, width // 2)
    around = (
        max(half, corners[0] - width),
        max(half, corners[1] - width),
        min(size[0] - half, corners[2] + width) - 1,
        min(size[1] - half, corners[3] + width) - 1,
    )
    outer = (around[0] - half, around[1] - half, around[2] + half, around[3] + half)
    pen.rectangle(outer, outline=WHITE, width=width + half)
    if look.is_dashed:
        _dash(pen, around, look.color, width)
    else:
        pen.rectangle(around, outline=look.color, width=width)


def _dash(pen: ImageDraw, around: Sequence[int], color: Color, width: int) -> None:
    """A dashed frame. around: left, top, right, bottom, the last two the last pixels."""
    left, top, right, bottom = around
    dash = DASH * width
    for start in range(left, right + 1, 2 * dash):
        end = min(start + dash - 1, right)
        pen.rectangle((start, top, end, top + width - 1), fill=color)
        pen.rectangle((start, bottom - width + 1, end, bottom), fill=color)
    for start in range(top, bottom + 1, 2 * dash):
        end = min(start + dash - 1, bottom)
        pen.rectangle((left, start, left + width - 1, end), fill=color)
        pen.rectangle((right - width + 1, start, right, end), fill=color)
