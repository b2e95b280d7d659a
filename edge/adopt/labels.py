"""Label files as people publish them: numbered or not, with a background class or without."""

from __future__ import annotations

import re
from collections import Counter

from edge.errors import ModelError
from edge.terminal import printable

BACKGROUND = "background"
"""The first class of the ImageNet models that count from 1: what is none of the others."""
IMAGENET = 1000
"""Classes of ImageNet, without the background."""
MAX_DOUBLES = 0.01
"""Part of the labels that may be double. ImageNet has 2 pairs in 1,000; where numbers are part of
the labels ("1 euro", "2 euro"), taking them off makes far more."""
_NUMBERED = re.compile(r"(\d+)(?:\s*[:,;]\s*|\s+)(\S.*)")


def read_labels(content: bytes, where: str) -> tuple[str, ...]:
    """The labels of a file, in its order, without the numbers that only count its lines.

    where: the file's name for messages.

    Raises:
        ModelError: not UTF-8, no labels, or an empty line between them.
    """
    try:
        text = content.decode("utf-8-sig")  # editors on Windows begin a file with a byte-order mark
    except UnicodeDecodeError as error:
        raise ModelError(f"{where}: expected labels in UTF-8: {error}") from None
    lines = [line.strip() for line in re.split(r"\r\n|\r|\n", text.rstrip())]
    if lines == [""]:
        raise ModelError(f"{where}: expected a label a line, got nothing")
    if any(printable(line) != line for line in lines):  # they are printed to terminals
        raise ModelError(f"{where}: expected labels without control characters, got one with")
    if "" in lines:
        raise ModelError(f"{where}: expected a label a line, line {lines.index('') + 1} is empty")
    return _without_numbers(tuple(lines))


def fit_labels(
    labels: tuple[str, ...], outputs: int, where: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Labels for each output, and what was done to them.

    Raises:
        ModelError: another number of labels than of outputs.
    """
    done: list[str] = []
    sizes = len(labels), outputs
    begins = labels[0].lower() == BACKGROUND
    if sizes == (IMAGENET, IMAGENET + 1) and not begins:
        labels, done = (BACKGROUND, *labels), [f"{BACKGROUND!r} put in front"]
    elif sizes == (IMAGENET + 1, IMAGENET) and begins:
        labels, done = labels[1:], [f"{labels[0]!r} left out"]
    if len(labels) != outputs:
        raise ModelError(
            f"{where}: expected {outputs} labels, one for each output, got {len(labels)}"
        )
    distinct = _made_distinct(labels, where)
    changed = sum(before != after for before, after in zip(labels, distinct, strict=True))
    if changed:
        done.append(f"{changed} that are not alone got their number")
    return distinct, tuple(done)


def _without_numbers(lines: tuple[str, ...]) -> tuple[str, ...]:
    """Takes off numbers that count up from 0 or 1, line by line, when all lines have them."""
    found = [_NUMBERED.fullmatch(line) for line in lines]
    numbers = [int(match[1]) for match in found if match]
    if len(numbers) < len(lines) or numbers[0] not in (0, 1):
        return lines
    bare = tuple(match[2] for match in found if match)
    counts_up = numbers == list(range(numbers[0], numbers[0] + len(lines)))
    doubles = len(bare) - len(set(bare))
    return bare if counts_up and doubles <= MAX_DOUBLES * len(bare) else lines


def _made_distinct(labels: tuple[str, ...], where: str) -> tuple[str, ...]:
    """Double labels with the number of their output behind them, such as `crane (134)`."""
    counts = Counter(labels)
    distinct = tuple(
        f"{label} ({index})" if counts[label] > 1 else label for index, label in enumerate(labels)
    )
    if len(set(distinct)) != len(distinct):
        double = next(label for label, count in Counter(distinct).items() if count > 1)
        raise ModelError(f"{where}: expected distinct labels, got {double!r} twice")
    return distinct
