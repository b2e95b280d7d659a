"""What is to be written of one input: small, so that it travels between processes."""

from __future__ import annotations

from typing import NamedTuple


class Job(NamedTuple):
    """One picture file to classify."""

    number: int
    """Its position in the run."""
    path: str


class Answer(NamedTuple):
    """The lines of one frame, or of what went wrong in its place."""

    out: list[str]
    """Results, for stdout."""
    err: list[str]
    """What the user should be told, behind them."""
    is_failure: bool
