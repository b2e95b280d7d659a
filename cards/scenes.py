"""The camera scenes of a model, read from the page that tests/robustness.py writes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

SHOWN = {
    ("clean", "the test pictures as they are"): "the test pictures, as they are",
    ("plain", ""): "drawn on plain paper",
    ("hardest", ""): "every difficulty at once, by lot",
    ("number", "plain"): "a number of five digits, plain",
    ("number", "hardest"): "a number of five digits, hardest",
    ("number", "touching"): "a number whose digits touch",
}
"""Row and level of the page -> what a card calls it."""


@dataclass(frozen=True)
class Scene:
    """A row of the page, its cells as they stand there."""

    title: str
    frames: str
    right: str
    interval: str
    unknown: str
    wrong: str


@dataclass(frozen=True)
class Scenes:
    """What a card takes of the page."""

    page: str
    """Its file name in docs/."""
    scenes: tuple[Scene, ...]
    answered: tuple[tuple[str, str], ...]
    """Frames that show no digit -> the part that was called one."""

    @property
    def headline(self) -> tuple[Scene, ...]:
        """The easy scene and the hard one."""
        titles = (SHOWN["plain", ""], SHOWN["hardest", ""])
        return tuple(scene for scene in self.scenes if scene.title in titles)


def find_scenes(docs: Path, name: str, variant: str) -> Scenes | None:
    """From the page of docs/robustness*.md that is of this model; none: nobody measured it."""
    for path in sorted(docs.glob("robustness*.md")):
        text = path.read_text(encoding="utf-8")
        if f"Model {name} {variant}," in text:
            rows = [_cells(line) for line in text.splitlines() if line.startswith("| ")]
            return Scenes(path.name, tuple(_scenes(rows)), tuple(_answered(rows)))
    return None


def _scenes(rows: list[list[str]]) -> list[Scene]:
    found = {(row[0], row[1]): row[2:7] for row in rows if len(row) >= 7}
    return [Scene(title, *found[key]) for key, title in SHOWN.items() if key in found]


def _answered(rows: list[list[str]]) -> list[tuple[str, str]]:
    """The rows of three cells whose last one is a share."""
    short = (row for row in rows if len(row) == 3)
    return [(row[0], row[2]) for row in short if re.fullmatch(r"[\d.]+ %", row[2])]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]
