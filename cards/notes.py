"""The sentences that no measurement gives: models/NAME/card.toml and cards/data.toml."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cards.errors import CannotTell
from edge.strict import Mismatch, from_dict
from train.toml import parse_toml

FILE = "card.toml"
DATA = Path(__file__).parent / "data.toml"


@dataclass(frozen=True)
class Notes:
    """card.toml, beside a run."""

    summary: str
    """What it is, in a sentence or two."""
    command: str
    """Trains it again."""
    test_split: str
    """How many candidates met the test split, and what chose among them. Said here alone."""
    limits: tuple[str, ...] = ()
    """Where it is weak by itself, beyond what is true of every model of its data."""
    training: str = ""
    """What is particular about the training and not in run.json."""


@dataclass(frozen=True)
class Data:
    """A data set: one table of data.toml."""

    title: str
    authors: str
    url: str
    licence: str
    """The licence, and who says so."""
    what: str
    caution: str
    """What it leaves out."""
    uses: tuple[str, ...]
    """What a model of it is meant for."""
    limits: tuple[str, ...]
    """What no model of it can do."""
    lookalikes: str
    """Which things that are none of its classes are taken for one all the same."""


def read_notes(folder: Path) -> Notes:
    """
    Raises:
        CannotTell: there are none, or they do not fit.
    """
    return _read(Notes, folder / FILE)


def read_data(name: str) -> Data:
    """
    Raises:
        CannotTell: nothing is said of a data set of this name.
    """
    table = parse_toml(DATA.read_text(encoding="utf-8"))
    if name not in table:
        raise CannotTell(f"{DATA}: expected a table [{name}], got {', '.join(table)}")
    return from_dict(Data, table[name], f"{DATA.name} [{name}]")


def _read(kind: type[Notes], path: Path) -> Notes:
    try:
        return from_dict(kind, parse_toml(path.read_text(encoding="utf-8")), str(path))
    except OSError as error:
        raise CannotTell(f"{path}: expected the card's sentences: {error.strerror}") from None
    except (Mismatch, ValueError) as error:
        raise CannotTell(f"{path}: {error}") from None
