"""Fills a Markdown template that lies beside the code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

from export.report import wording


def fill(template: Path, **facts: object) -> str:
    """The text; a fact that the template asks for and does not get is an error."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(template.parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals.update(say=SimpleNamespace(**{word.__name__: word for word in WORDS}))
    return environment.get_template(template.name).render(facts)


def count(number: int) -> str:
    """Such as `10,000`."""
    return f"{number:,}"


def millions(number: float) -> str:
    """Three digits of it, such as `4.38 M`."""
    return f"{number / 1e6:.3g} M"


def size(size_bytes: int) -> str:
    """Megabytes where kilobytes get long."""
    return f"{size_bytes / 1e6:.3g} MB" if size_bytes >= 1_000_000 else kilobytes(size_bytes)


def duration(seconds: float) -> str:
    """Minutes, or seconds where they are few."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"


def ordinal(number: int) -> str:
    """Such as `28th`."""
    endings = {1: "st", 2: "nd", 3: "rd"}
    ending = "th" if number % 100 in (11, 12, 13) else endings.get(number % 10, "th")
    return f"{number}{ending}"


kilobytes = wording.kilobytes
WORDS: tuple[Callable[..., str], ...] = (
    *(count, millions, size, duration, ordinal, kilobytes),
    *(wording.percent, wording.signed, wording.accuracy_interval, wording.drop_interval),
)
"""What a template may say numbers with."""
