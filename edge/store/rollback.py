"""Goes back to the model before, which is checked again: a card forgets, and runtimes change."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge.bundle import read_model_file, seal_of
from edge.errors import ModelError, UsageError
from edge.files import sync_folder
from edge.store.folder import explained, tidy
from edge.store.lock import locked
from edge.store.place import installed_names, is_name, state_file, state_files, store_folder
from edge.store.state import State, bundle_in_use, bundle_path, read_state, write_state
from edge.trust.versions import remember
from edge.zoo import shipped_models

if TYPE_CHECKING:
    from edge.store.check import Checked


@dataclass(frozen=True)
class RolledBack:
    """What a rollback came to."""

    name: str
    path: Path
    """The bundle that is in use now."""
    seal: str
    left: str
    """The seal of the one that was in use."""
    checked: Checked


def rollback(name: str, err: Callable[[str], None]) -> RolledBack:
    """Puts the bundle in use that was before the present one; where this store has none, what the
    name stands for without it: what root installed, or the shipped model.

    One that must not be used any more is passed over, and `err` is told.

    Raises:
        UsageError: nothing is installed under that name, or not by this user.
        ModelError: there is none to go back to, or what is installed cannot be told.
        EnvironmentFault: the store cannot be written to.
    """
    state_path = state_file(store_folder(), name)
    if not is_name(name) or not os.path.lexists(state_path):
        raise UsageError(_not_installed(name))
    with locked(store_folder(), err), explained(state_path):
        state = read_state(state_path)
        for path, new in _candidates(state_path, state):
            try:
                seal, checked = _check(path, new)
            except ModelError as error:
                err(f"passed over: {error}")
                continue
            if checked.version is not None:
                remember(name, checked.version, allow_downgrade=True)
            if new is None:
                os.unlink(state_path)
                sync_folder(state_path.parent)
            else:
                write_state(state_path, new)
            # Who has just read the old state is about to open what it names.
            tidy(state_path, state.current)
            return RolledBack(name, path, seal, state.current, checked)
    raise ModelError(f"{name}: there is no model to go back to; what is installed stays in use")


def rollback_name(name: str | None) -> str:
    """The model that is meant: the one that is installed, where none is named.

    Raises:
        UsageError: there is none, or there are several.
    """
    if name is not None:
        return name
    names = installed_names(store_folder())
    if len(names) == 1:
        return names[0]
    if not names:
        raise UsageError(f"nothing is installed in {store_folder()}, so there is no way back")
    raise UsageError(f"expected the name of a model, there are {', '.join(names)}")


def _candidates(state_path: Path, state: State) -> Iterator[tuple[Path, State | None]]:
    """The bundles before, the last one first, each with the state to write; none: no state."""
    for at, seal in enumerate(state.before):
        yield bundle_path(state_path.parent, seal), State(seal, state.before[at + 1 :])
    name = state_path.parent.name
    for other in state_files(name):
        if other != state_path and other.exists():
            yield bundle_in_use(other), None
    if name in shipped_models():
        yield shipped_models()[name], None


def _check(path: Path, new: State | None) -> tuple[str, Checked]:
    """
    Raises:
        ModelError: it must not be used.
    """
    from edge.store.check import check

    data = read_model_file(path)
    checked = check(data, str(path), allow_downgrade=True)
    if new is not None and seal_of(data) != new.current:
        raise ModelError(f"{path}: expected the bundle of that seal, got {seal_of(data)}")
    return seal_of(data), checked


def _not_installed(name: str) -> str:
    others = [path.parent for path in state_files(name) if path.exists()]
    if others:
        return f"{name!r} was installed by root, in {others[0]}: sudo edgeproof rollback {name}"
    names = ", ".join(installed_names(store_folder()))
    told = f"; installed is {names}" if names else ""
    return f"{name!r} is not installed, so there is nothing to go back from{told}"
