"""`--explain`: one sheet for each frame, with each step that led to its answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge.classifier import MAX_WIDTH, SURE, UNKNOWN, Result
from edge.contract import Contract, Input, Output
from edge.drawing.canvas import (
    BLACK,
    WHITE,
    Corners,
    Look,
    draw_box,
    draw_plate,
    drawable,
    font,
    look_of,
    plate_size,
    shorten,
    wrap,
)
from edge.drawing.glance_steps import glance_steps
from edge.drawing.ink_steps import ink_steps
from edge.drawing.object_steps import object_steps
from edge.drawing.panels import CELL, Panel, answer_panels, fit, paired_panels
from edge.drawing.places import place_plate
from edge.drawing.steps import Candidate, Steps
from edge.errors import NothingFound
from edge.outputs import reading_of
from edge.preprocess import find_regions
from edge.preprocess.photo import to_rgb
from edge.preprocess.region import Box
from edge.sources.frame import Frame

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

COLUMNS = 4
MARGIN, GAP = 24, 16
WIDTH = 2 * MARGIN + COLUMNS * CELL[0] + (COLUMNS - 1) * GAP
"""Pixels: 1400."""
TITLE, HEADING = 17, 24
"""Heights of typefaces in pixels."""
TITLE_HEIGHT = 26
CELL_HEIGHT = TITLE_HEIGHT + CELL[1] + GAP
REGIONS = 12
"""So many are shown in full."""
OTHER = Look((100, 100, 100), WHITE)
"""What was not chosen."""


def draw_sheet(frame: Frame, results: Sequence[Result], contract: Contract, many: bool) -> Image:
    """The sheet of one frame: RGB, WIDTH pixels wide.

    results: with the scores of all labels; none: nothing was found.
    many: they are of each thing in the frame, otherwise of the one that is meant.
    """
    from PIL import Image, ImageDraw

    steps = _steps(frame.rgb, results, contract.input, many)
    panels = [*steps.panels, *_answers(frame.rgb, results, contract.output, many)]
    verdict = _verdict(frame.rgb, results, steps, contract, many)
    lines = [line for one in verdict for line in wrap(one, font(HEADING), WIDTH - 2 * MARGIN)]
    rows = max(2, 2 + -(-(len(panels) - 4) // COLUMNS))
    top = MARGIN + 2 * HEADING
    bottom = top + rows * CELL_HEIGHT
    height = bottom + round(1.35 * HEADING * len(lines)) + MARGIN
    sheet = Image.new("RGB", (WIDTH, height), WHITE)
    pen = ImageDraw.Draw(sheet)
    heading = drawable(f"{frame.source}: model {contract.name}")
    heading = shorten(heading, font(HEADING), WIDTH - 2 * MARGIN)
    pen.text((MARGIN, MARGIN), heading, BLACK, font(HEADING))
    _draw_frame(sheet, top, frame.rgb, results, steps.candidates)
    for number, panel in enumerate(panels):
        _draw_panel(sheet, pen, panel, _place(number, top))
    for number, line in enumerate(lines):
        pen.text((MARGIN, bottom + round(1.35 * HEADING * number)), line, BLACK, font(HEADING))
    return sheet


def _steps(frame: NDArray[np.uint8], results: Sequence[Result], spec: Input, many: bool) -> Steps:
    is_ready = bool(results) and results[0].box is None
    if is_ready or spec.preprocess.kind == "photo":
        return Steps()
    if spec.preprocess.kind == "object":
        return object_steps(frame, results)
    if results and all(result.is_glanced for result in results):
        return glance_steps(frame, results)
    return ink_steps(frame, results, many)


def _answers(
    frame: NDArray[np.uint8], results: Sequence[Result], output: Output, many: bool
) -> list[Panel]:
    if len(results) == 1:
        return answer_panels(frame, results[0], output)
    return [
        panel
        for number, result in enumerate(results[:REGIONS], 1)
        for panel in paired_panels(frame, result, output, number)
    ]


def _place(number: int, top: int) -> tuple[int, int]:
    """Left and top of a panel: two columns beside the frame, two rows high, then whole rows."""
    row, column = divmod(number, 2) if number < 4 else divmod(number - 4, COLUMNS)
    if number < 4:
        column += 2
    else:
        row += 2
    return MARGIN + column * (CELL[0] + GAP), top + row * CELL_HEIGHT


def _draw_panel(sheet: Image, pen: ImageDraw, panel: Panel, at: tuple[int, int]) -> None:
    pen.text(at, shorten(drawable(panel.title), font(TITLE), CELL[0]), BLACK, font(TITLE))
    sheet.paste(panel.picture, (at[0], at[1] + TITLE_HEIGHT))


def _draw_frame(
    sheet: Image,
    top: int,
    frame: NDArray[np.uint8],
    results: Sequence[Result],
    candidates: Sequence[Candidate],
) -> None:
    """The frame over two columns and rows, with what may have been meant and what was."""
    from PIL import Image, ImageDraw

    whole = Image.fromarray(np.ascontiguousarray(to_rgb(frame)))
    shown = fit(whole, (2 * CELL[0] + GAP, 2 * CELL_HEIGHT - GAP - TITLE_HEIGHT))
    zoom = shown.width / whole.width
    pen = ImageDraw.Draw(shown)
    chosen = {result.box: look_of(result) for result in results if result.box is not None}
    words = {one.box: f"{one.number}  {one.merit:.2f}" for one in candidates}
    looks = dict.fromkeys(reversed(words), OTHER) | chosen
    places = {box: _corners(box, zoom) for box in looks}
    for box, look in looks.items():
        draw_box(pen, shown.size, places[box], look, 2)
    plates: list[Corners] = []
    for box in words:
        size, look = plate_size(words[box], TITLE - 3), looks[box]
        own = places[box]
        plates.append(place_plate(own, size, shown.size, 4, [*places.values()], plates))
        draw_plate(pen, plates[-1][:2], words[box], TITLE - 3, look.color, look.words)
    title = "The frame; in boxes with their merit: what may be meant" if candidates else "The frame"
    ImageDraw.Draw(sheet).text((MARGIN, top), title, BLACK, font(TITLE))
    sheet.paste(shown, (MARGIN, top + TITLE_HEIGHT))


def _corners(box: Box, zoom: float) -> Corners:
    x, y, width, height = box
    return round(x * zoom), round(y * zoom), round((x + width) * zoom), round((y + height) * zoom)


def _verdict(
    frame: NDArray[np.uint8],
    results: Sequence[Result],
    steps: Steps,
    contract: Contract,
    many: bool,
) -> list[str]:
    """What decided, in a sentence for each answer."""
    if not results:
        return [steps.nothing or _why_nothing(frame, contract.input, many)]
    if not many:
        return [say_why(results[0], contract.output)]
    told = [
        f"{number}: {say_why(result, contract.output)}"
        for number, result in enumerate(results, 1)
        if result.label == UNKNOWN or len(results) == 1
    ]
    left_out = len(told) - REGIONS
    more = [f"And {left_out} more."] if left_out > 0 else []
    return [f"Read: {drawable(reading_of(results))}", *told[:REGIONS], *more]


def say_why(result: Result, output: Output) -> str:
    """Why a result is what it is: one sentence."""
    least = output.unknown_threshold
    best = f"{drawable(result.top[0].label)} at {result.score:.3f}"
    if result.label != UNKNOWN:
        others = (
            f"; the next is {drawable(one.label)} at {one.score:.3f}" for one in result.top[1:2]
        )
        above = (
            "the best, and there is no threshold"
            if least is None
            else (f"not below the threshold {least:.3f}")
        )
        return f"{best} is {above}{next(others, '')}."
    if least is not None and result.score < least:
        return f"{best} is below the threshold {least:.3f}: unknown."
    return (
        f"{best} would do, but it is over {MAX_WIDTH:g} times as wide as high, and no cut makes "
        f"parts that are known at {SURE:g} each: unknown, for it may be several that touch."
    )


def _why_nothing(frame: NDArray[np.uint8], spec: Input, many: bool) -> str:
    try:
        find_regions(frame, spec, many)
    except NothingFound as error:
        reason = str(error)
        return f"{reason[:1].upper()}{reason[1:]}."
    return "Nothing was found."
