"""The checkpoint: everything that an interrupted training needs to go on, in one file."""

from __future__ import annotations

import io
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.files import write_atomic
from edge.strict import Mismatch, from_dict

Arrays = list[NDArray[Any]]


@dataclass
class Progress:
    """Where an unfinished training stands."""

    id: str
    """Of the run: another recipe, data, split or seed has another one."""
    epoch: int = 0
    """Epochs finished of the present phase."""
    best_epoch: int = 0
    """Counted from 1; its weights are kept."""
    is_refit: bool = False
    """The second phase, on all training pictures, is on."""
    history: dict[str, tuple[float, ...]] = field(default_factory=dict)
    """Of the first phase; one number an epoch."""
    temperature: float = 1.0
    unknown_threshold: float | None = None
    """Both fitted at the end of the first phase."""
    seconds: float = 0.0


@dataclass(frozen=True)
class Checkpoint:
    """All of a training at the end of an epoch."""

    progress: Progress
    state: Arrays
    """Weights, optimizer and random state, as the next epoch needs them."""
    best: Arrays
    """Weights of the best epoch."""


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Writes all of it at once: there is no moment at which its parts disagree."""
    arrays = {f"state{i}": one for i, one in enumerate(checkpoint.state)}
    arrays |= {f"best{i}": one for i, one in enumerate(checkpoint.best)}
    text = json.dumps(asdict(checkpoint.progress)).encode()
    buffer = io.BytesIO()
    np.savez(buffer, progress=np.frombuffer(text, np.uint8), **arrays)
    write_atomic(path, buffer.getvalue())


def read_checkpoint(path: Path) -> Checkpoint | None:
    """The checkpoint, or none where there is none that can be used."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            progress = json.loads(stored["progress"].tobytes())
            return Checkpoint(
                from_dict(Progress, progress, path.name),
                *(_numbered(stored, name) for name in ("state", "best")),
            )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, Mismatch):  # damaged, or of another release
        return None


def _numbered(stored: Any, name: str) -> Arrays:
    count = sum(key.startswith(name) for key in stored.files)
    return [stored[f"{name}{index}"] for index in range(count)]
