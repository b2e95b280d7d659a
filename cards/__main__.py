"""`make cards`: docs/models/ and docs/pareto.* from what is committed.

    python -m cards [--check] [--redraw]

A report of the gate under build/ that saw the shipped bundle is taken first, and kept in
docs/models/NAME.json. Prints what it wrote. Exits with 4 when a fact is missing; with --check it
writes nothing, and exits with 1 when a page is not what would be written.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from cards import pictures
from cards.facts import Card, Places, read_cards
from cards.page import LIST, to_list, to_markdown
from cards.pareto import page as pareto_page
from cards.pareto import plot as pareto_plot
from cards.pareto.points import gather
from edge.errors import EdgeproofError
from edge.files import write_atomic
from train.plots.figures import Draw

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Plot:
    """A picture to be drawn."""

    draw: Draw
    facts: Any
    """What it shows, as JSON can say it."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="make cards", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; say what is stale")
    parser.add_argument("--redraw", action="store_true", help="draw all pictures anew")
    asked = parser.parse_args()
    try:
        contents = dict(all_contents(Places(ROOT, ROOT / "build")))
    except EdgeproofError as error:
        print(f"make cards: {error}", file=sys.stderr)
        return 4
    stale = [
        path
        for path, content in contents.items()
        if not is_current(path, content) or (asked.redraw and isinstance(content, Plot))
    ]
    for path in stale:
        if not asked.check:
            write(path, contents[path])
        print(f"{'stale' if asked.check else 'wrote'} {path.relative_to(ROOT)}")
    return 1 if asked.check and stale else 0


def all_contents(places: Places) -> Iterator[tuple[Path, str | Plot]]:
    """Every file, and what is to stand in it.

    Raises:
        EdgeproofError: a fact is missing or cannot be used.
    """
    cards = read_cards(places)
    for card in cards:
        yield from card_contents(card, places.pages)
    yield places.pages / LIST, to_list(cards)
    docs, points = places.pages.parent, gather(cards)
    yield docs / "pareto.md", pareto_page.to_markdown(points)
    yield (
        docs / "pareto.png",
        Plot(partial(pareto_plot.draw, points=points), pareto_plot.facts(points)),
    )


def card_contents(card: Card, folder: Path) -> Iterator[tuple[Path, str | Plot]]:
    """The files of one card."""
    yield folder / f"{card.name}.json", card.measured.to_json()
    yield folder / f"{card.name}.md", to_markdown(card)
    yield (
        folder / f"{card.name}-confusion.png",
        Plot(partial(pictures.draw_matrix, card=card), pictures.confusion_facts(card)),
    )
    yield (
        folder / f"{card.name}-robustness.png",
        Plot(partial(pictures.draw_robustness, card=card), pictures.robustness_facts(card)),
    )


def is_current(path: Path, content: str | Plot) -> bool:
    """Whether a file is what would be written; of a picture, whether it was drawn from the same."""
    if isinstance(content, Plot):
        return pictures.drawn_from(path) == pictures.digest(content.facts)
    return path.is_file() and path.read_text(encoding="utf-8") == content


def write(path: Path, content: str | Plot) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, Plot):
        pictures.save(path, content.draw, content.facts)
    else:
        write_atomic(path, content.encode())


if __name__ == "__main__":
    sys.exit(main())
