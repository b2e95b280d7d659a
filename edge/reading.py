"""Reading order: things in a frame line by line, each from left to right."""

from __future__ import annotations

from collections.abc import Sequence

from edge.preprocess.region import Box

SAME_LINE = 0.4
"""Of the lower one's height: neighbours on a line overlap at least so far from top to bottom."""


def reading_lines(boxes: Sequence[Box | None]) -> list[list[int]]:
    """Indices of boxes, line by line.

    boxes: none is the whole frame, a line of its own.

    A line may slope: a box belongs to the line whose nearest member to its left or right is level
    with it.
    """
    whole = [[index] for index, box in enumerate(boxes) if box is None]
    placed = sorted((box[0], index, box) for index, box in enumerate(boxes) if box is not None)
    lines: list[list[tuple[int, Box]]] = []
    for _, index, box in placed:
        level = [line for line in lines if _is_level(line[-1][1], box)]
        if level:
            min(level, key=lambda line: _gap(line[-1][1], box)).append((index, box))
        else:
            lines.append([(index, box)])
    lines.sort(key=lambda line: sum(y + height / 2 for _, (_, y, _, height) in line) / len(line))
    return whole + [[index for index, _ in line] for line in lines]


def read(labels: Sequence[Sequence[str]], unknown: str) -> str:
    """Labels of lines as one text: `40817`; an unknown character is `?`, lines are parted by `/`.

    Labels that are words stand apart.
    """
    known = {label for line in labels for label in line if label != unknown}
    is_words = any(len(label) > 1 for label in known)
    lines = [
        (" " if is_words else "").join(
            label if is_words or label != unknown else "?" for label in line
        )
        for line in labels
    ]
    return " / ".join(lines)


def _is_level(left: Box, right: Box) -> bool:
    overlap = min(left[1] + left[3], right[1] + right[3]) - max(left[1], right[1])
    return overlap >= SAME_LINE * min(left[3], right[3])


def _gap(left: Box, right: Box) -> int:
    return abs(right[0] - left[0] - left[2])
