"""Tries a model in a process of its own, with limits: many that are a little wrong kill theirs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge.errors import EnvironmentFault, ModelError
from edge.trial import Trial, try_module

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CHILD = "edge.admission.child"
WALL_S = 240.0
"""A damaged loop never ends. Its processor time is limited as well, see `edge.admission.limits`."""


@dataclass(frozen=True)
class Tried:
    """What a model did there."""

    runtime: str
    """Package name."""
    raw: NDArray[np.generic]
    """(n, classes) in the output's own dtype, all finite. n may be fewer than its golden frames."""


def try_bundle(data: bytes, where: str, *, runtime: str | None = None) -> Tried:
    """Lets a bundle answer its golden frames, or drawn ones, in a child.

    data: the bundle itself, so that nobody can put another in its place.
    where: the model's name for messages.

    Raises:
        ModelError: the runtime refuses it or dies of it, it takes too much, it answers with no
            numbers, or with other ones than its golden outputs.
        EnvironmentFault: no usable runtime, or no process to be had.
    """
    try:
        trial = try_module(CHILD, runtime or "", timeout_s=WALL_S, stdin=data)
    except OSError as error:
        raise EnvironmentFault(
            f"{where}: the system gives no process to try the model in: {error.strerror or error}"
        ) from None
    found = _found(trial, where)
    import numpy as np

    return Tried(found["runtime"], np.asarray(found["outputs"], found["dtype"]))


def _found(trial: Trial, where: str) -> dict[str, Any]:
    if trial.answer is None:
        raise ModelError(
            f"{where}: the model was tried in a process of its own, and {trial.problem}: it is "
            "damaged, or nothing for this machine"
        )
    if "error" in trial.answer:
        kind = trial.answer.get("kind")
        raise (EnvironmentFault if kind == EnvironmentFault.__name__ else ModelError)(
            f"{where}: {trial.answer['error']}"
        )
    return trial.answer
