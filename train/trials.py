"""What a search has tried: search.json, and the lines that tell about it while it runs."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from edge.files import write_atomic
from edge.strict import Mismatch, from_dict
from train.recipes import Recipe
from train.search import Search, change

SCHEMA = 1
RECORD, RECIPE = "search.json", "recipe.toml"
"""In the run folder: what was tried, and the recipe that it came to."""


@dataclass(frozen=True)
class Ask:
    """What is to be fitted."""

    number: int
    """Counted from 1 in the order of their beginnings."""
    continues: int | None
    """The trial that this one goes on with."""
    values: dict[str, Any]
    first_epoch: int
    """Epochs that its predecessors were given."""
    last_epoch: int
    """Epochs that it is given, its predecessors' included."""


@dataclass(frozen=True)
class Outcome:
    """How it went."""

    epochs: int
    """Epochs fitted until early stopping, its predecessors' included."""
    best_epoch: int
    """With the highest validation accuracy; counted from 1, predecessors' epochs included."""
    val_accuracy: float
    """At that epoch, as the other three are."""
    val_loss: float
    accuracy: float
    loss: float
    seconds: float


@dataclass(frozen=True)
class Trial(Ask):
    """One set of values, fitted for some epochs; the fields of both."""

    epochs: int
    best_epoch: int
    val_accuracy: float
    val_loss: float | None
    """None: not a finite number."""
    accuracy: float
    loss: float | None
    seconds: float

    @classmethod
    def of(cls, ask: Ask, told: Mapping[str, float]) -> Trial:
        """told: an `Outcome`, as numbers that travelled."""
        finite = {name: round(v, 6) if math.isfinite(v) else None for name, v in told.items()}
        whole = {name: round(told[name]) for name in ("epochs", "best_epoch")}
        return cls(**vars(ask), **{**finite, **whole})  # type: ignore[arg-type]


@dataclass(frozen=True)
class SearchRecord:
    """search.json: what was tried, and what it came to."""

    schema: int
    id: str
    """A hash over data, recipe, search, seed and split: the same search has the same id."""
    dataset: str
    """As the user named it."""
    seed: int
    recipe: dict[str, Any]
    """As it was before the search."""
    search: Search
    versions: dict[str, str]
    trials: tuple[Trial, ...]
    """The best first."""
    trial_seconds: float
    """Of all trials together; where several ran at a time, less went by."""

    def winner(self) -> Recipe:
        """The recipe with the best trial's values."""
        return change(from_dict(Recipe, self.recipe, RECORD), self.trials[0].values)


def ranked(trials: Sequence[Trial]) -> list[Trial]:
    """The best first: highest validation accuracy, then lowest validation loss, then earliest."""
    return sorted(
        trials,
        key=lambda trial: (
            -trial.val_accuracy,
            math.inf if trial.val_loss is None else trial.val_loss,
            trial.number,
        ),
    )


def write_search(folder: Path, record: SearchRecord) -> None:
    """Writes search.json."""
    write_atomic(folder / RECORD, (json.dumps(asdict(record), indent=1) + "\n").encode())


def read_search(folder: Path) -> SearchRecord | None:
    """The finished search of a run folder; none when there is none that can be read."""
    try:
        table = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        return from_dict(SearchRecord, table, RECORD)
    except (OSError, ValueError, Mismatch):
        return None


def describe(values: dict[str, Any]) -> str:
    """`learning_rate 0.001, widths [416]`."""
    return ", ".join(f"{key} {value}" for key, value in values.items())


class TrialProgress:
    """A line a trial on stderr, and on a terminal a bar over the epochs of the whole search."""

    def __init__(self, search: Search, has_bar: bool) -> None:
        self.trials, self.epochs = sum(each.trials for each in search.rounds()), search.epochs()
        self.began_s = time.monotonic()
        self.behind: int | None = None
        """Epochs that were done before this process."""
        self.bar = tqdm(
            total=self.epochs,
            unit=" epochs",
            leave=False,
            disable=not (has_bar and sys.stderr.isatty()),
        )

    def epoch(self) -> None:
        """Counts one."""
        self.bar.update()

    def tell(self, number: int, trials: Sequence[Trial]) -> None:
        """Says how the trial of this number went.

        trials: all that are done, this one included.
        """
        this = next(trial for trial in trials if trial.number == number)
        best = ranked(trials)[0]
        done = sum(trial.last_epoch - trial.first_epoch for trial in trials)
        if self.behind is None:
            self.behind = done - (this.last_epoch - this.first_epoch)
        pace_s = (time.monotonic() - self.began_s) / max(done - self.behind, 1)
        self.bar.n = done
        loss = "not finite" if this.val_loss is None else f"{this.val_loss:.4f}"
        tqdm.write(
            f"trial {number} of {self.trials}: {describe(this.values)}, epoch {this.epochs}: "
            f"validation loss {loss}, validation accuracy {100 * this.val_accuracy:.2f} %; "
            f"best so far {100 * best.val_accuracy:.2f} % (trial {best.number}); "
            f"{this.seconds:.0f} s, about {_duration(pace_s * (self.epochs - done))} left",
            file=sys.stderr,
        )
        sys.stderr.flush()


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
