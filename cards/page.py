"""A card as Markdown, and the list of all cards."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from cards.facts import Card
from cards.templates import fill

LIST = "README.md"
HERE = Path(__file__).parent


def to_markdown(card: Card) -> str:
    """The text of docs/models/NAME.md; the same facts give the same text."""
    recipe = json.dumps(card.run.recipe, indent=1)
    threshold = card.bundle.contract.output.unknown_threshold
    table = card.run.recipe or {}  # an older run does not have every key of today's recipes
    return fill(
        HERE / "card.md.j2",
        card=card,
        recipe=recipe,
        threshold=threshold,
        outliers=table.get("outliers", 0),
        on_paper=table.get("on_paper", 0),
        teachers=table.get("teachers", ()),
    )


def to_list(cards: Sequence[Card]) -> str:
    """The text of docs/models/README.md."""
    return fill(HERE / "list.md.j2", cards=cards)
