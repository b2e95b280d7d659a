"""KerasTuner's Hyperband decides which trials are fitted, and for how long; its one import site."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import keras_tuner
from keras_tuner.errors import FatalError

from edge.errors import EnvironmentFault
from edge.files import write_atomic
from train.search import Search
from train.trials import Ask, Outcome, Trial
from train.workers import ADDRESS, Role

IDLE_S = 0.1
"""Between two questions of a worker for which the chief has no trial yet."""
ORACLE = "oracle.json"
"""The library's state, in the search's folder."""


def run_trials(
    search: Search,
    seed: int,
    state: Path,
    role: Role,
    fit: Callable[[Ask], Outcome],
    tell: Callable[[int, list[Trial]], None],
) -> list[Trial]:
    """Has trials fitted until the search is done, and goes on with what `state` holds.

    state: the search's folder, which all processes share.
    tell: is called behind each trial with its number and with all that are done.

    Returns:
        Every trial, whoever fitted it.

    Raises:
        EnvironmentFault: the stored state is damaged, or chief and worker do not find each other.
        Exception: what `fit` raises.
    """
    # It takes a new network for each trial for a mistake, and says so at length.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    oracle = _Oracle(search, seed)
    tuner = _Tuner(oracle, search, state, fit, tell)
    if role is not Role.WORKER and (state / ORACLE).is_file():
        try:
            oracle.reload()
        except (ValueError, KeyError, RuntimeError) as error:
            raise EnvironmentFault(
                f"{state}: the stored search is damaged ({error}); start it anew without --resume"
            ) from None
    where = ":".join(os.environ.get(name, "") for name in ADDRESS)
    try:
        tuner.search(verbose=0)
        return tuner.done() if role is not Role.WORKER else []
    except FatalError as failure:
        raise failure.__cause__ or failure from None
    except grpc.RpcError as error:
        raise EnvironmentFault(f"the chief at {where} does not answer: {error}") from None
    except RuntimeError as error:
        if role is not Role.CHIEF:
            raise
        raise EnvironmentFault(f"the chief cannot listen on {where}: {error}") from None


class _Oracle(keras_tuner.oracles.HyperbandOracle):  # type: ignore[misc]
    """Hyperband over the combinations that there are, stored so that a kill does no harm.

    The library's own ends at once, before any longer trial, when it finds no more combinations
    to draw.
    """

    def __init__(self, search: Search, seed: int) -> None:
        self.sizes = {(each.bracket, each.number): each.trials for each in search.rounds()}
        space = keras_tuner.HyperParameters()
        for key, values in search.space.items():
            space.Int(key, 0, len(values) - 1)  # a place among the values, which may be lists
        super().__init__(
            objective=keras_tuner.Objective("val_accuracy", "max"),
            max_epochs=search.max_epochs,
            factor=search.factor,
            seed=seed + 1,  # 0 would be none
            hyperparameters=space,
            allow_new_entries=False,
        )
        # Draws until it finds a new one; 20, the library's, would miss the last of a small space.
        self._max_collisions = 50 * search.combinations()

    def _get_size(self, bracket_num: int, round_num: int) -> int:
        return self.sizes.get((bracket_num, round_num), 0)

    def end_trial(self, trial: Any) -> None:
        super().end_trial(trial)
        self.save()  # its own came while the trial still counted as going on

    def save(self) -> None:
        _store(Path(self._get_oracle_fname()), self)

    def _save_trial(self, trial: Any) -> None:
        _store(Path(self._get_trial_dir(trial.trial_id), "trial.json"), trial)


class _Tuner(keras_tuner.Tuner):  # type: ignore[misc]
    """Asks for one trial after the other."""

    def __init__(
        self,
        oracle: _Oracle,
        search: Search,
        state: Path,
        fit: Callable[[Ask], Outcome],
        tell: Callable[[int, list[Trial]], None],
    ) -> None:
        self.space, self.fit, self.tell = search.space, fit, tell
        self.is_waiting = False
        super().__init__(oracle, directory=str(state.parent), project_name=state.name)

    def save(self) -> None:
        """Nothing: the oracle stores itself, and a process in another role can go on with it."""

    def pre_create_trial(self) -> None:
        if self.is_waiting:
            time.sleep(IDLE_S)  # the library would ask as fast as it can
        self.is_waiting = True

    def on_trial_begin(self, trial: Any) -> None:
        self.is_waiting = False

    def run_trial(self, trial: Any, **_: object) -> dict[str, float]:
        try:
            return vars(self.fit(self._ask(trial)))
        except Exception as error:
            # The library would take any other kind for these values' fault, and go on.
            raise FatalError("a trial failed") from error

    def on_trial_end(self, trial: Any) -> None:
        super().on_trial_end(trial)
        self.tell(int(trial.trial_id) + 1, self.done())

    def done(self) -> list[Trial]:
        """Every trial that is finished, whoever fitted it."""
        found = self.oracle.get_best_trials(10**6)
        return [
            Trial.of(
                self._ask(trial),
                {name: trial.metrics.get_last_value(name) for name in trial.metrics.metrics},
            )
            for trial in found
            if trial.status == "COMPLETED"
        ]

    def _ask(self, trial: Any) -> Ask:
        asked = trial.hyperparameters.values
        continues = asked.get("tuner/trial_id")
        return Ask(
            number=int(trial.trial_id) + 1,
            continues=None if continues is None else int(continues) + 1,
            values={key: values[asked[key]] for key, values in self.space.items()},
            first_epoch=asked["tuner/initial_epoch"],
            last_epoch=asked["tuner/epochs"],
        )


def _store(path: Path, state: Any) -> None:
    """Whole or not at all: the library writes in place, and a kill may fall between."""
    write_atomic(path, json.dumps(state.get_state()).encode())
