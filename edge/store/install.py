"""Installs a bundle: staged, read back, checked, and then switched to in one rename.

Whatever is written is on the disk before it is renamed, and the folder is before the next step. So
the power may fail at any moment: the state file is the old one or the new one, and the bundle that
it names is whole. What is left half made goes with the next change.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge.bundle import parse_bundle, read_model_file, seal_of
from edge.errors import EnvironmentFault, ModelError
from edge.files import make_durable, stage, sync_folder
from edge.store.folder import explained, read_from_disk, tidy
from edge.store.lock import locked
from edge.store.place import is_name, state_file, store_folder
from edge.store.state import State, bundle_path, read_state, write_state
from edge.trust.versions import remember
from edge.zoo import shipped_models

if TYPE_CHECKING:
    from edge.store.check import Checked


@dataclass(frozen=True)
class Installed:
    """What an install came to."""

    name: str
    variant: str
    seal: str
    path: Path
    before: str | None
    """The seal of what was in use before; none: nothing of this store was."""
    checked: Checked | None
    """None where this very bundle was in use already, and nothing was done."""


def install(model: Path, err: Callable[[str], None], *, allow_downgrade: bool = False) -> Installed:
    """Puts a bundle in use under its own name, in this user's store.

    err: takes one line.
    allow_downgrade: a version below the highest that ran here is not refused.

    Raises:
        ModelError: the bundle cannot be read, or must not be used here. The old one stays.
        EnvironmentFault: the store cannot be written to.
    """
    data = _read_source(model)
    contract = parse_bundle(data, str(model)).contract
    name, seal, store = contract.name, seal_of(data), store_folder()
    if not is_name(name):
        raise ModelError(
            f"{model}: its name {name!r} cannot be a folder's, so it cannot be installed; use it "
            "by its path"
        )
    state_path = state_file(store, name)
    path = bundle_path(state_path.parent, seal)
    with locked(store, err), explained(state_path):
        make_durable(state_path.parent)
        old = _old_state(state_path, err)
        before = old.current if old else None
        if before == seal and _holds(path, data):
            sync_folder(path.parent)  # who put it here may have been killed before that
            tidy(state_path)
            checked = None
        else:
            new = old.switched_to(seal) if old else State(seal)
            checked = _switch(path, data, str(model), state_path, new, allow_downgrade)
    return Installed(name, contract.variant, seal, path, before, checked)


def _switch(
    path: Path, data: bytes, where: str, state_path: Path, new: State, allow_downgrade: bool
) -> Checked:
    """All that the disk sees, in this order."""
    from edge.store.check import check

    try:
        staged = stage(path, data)
        if read_from_disk(staged) != data:
            raise EnvironmentFault(
                f"{path.parent}: the disk does not keep what is written to it: the bytes that were "
                "read back are others; nothing was changed"
            )
        checked = check(data, where, allow_downgrade=allow_downgrade)
        if checked.version is not None:  # first, so that a full disk leaves all as it was
            remember(checked.bundle.contract.name, checked.version, allow_downgrade=allow_downgrade)
        os.replace(staged, path)
        sync_folder(path.parent)
        write_state(state_path, new)
    finally:
        tidy(state_path)
    return checked


def _read_source(model: Path) -> bytes:
    """
    Raises:
        ModelError: no file, or it cannot be read.
    """
    if not os.path.lexists(model) and str(model) in shipped_models():
        raise ModelError(
            f"{model} comes with edgeproof, so there is nothing to install; back to it from an "
            f"installed one: edgeproof rollback {model}"
        )
    if os.path.exists(model) and not os.path.isfile(model):
        raise ModelError(f"{model}: expected a .tflite file, got a folder or a device")
    return read_model_file(model)


def _old_state(path: Path, err: Callable[[str], None]) -> State | None:
    if not path.exists():
        return None
    try:
        return read_state(path)
    except ModelError:
        err(f"{path} is damaged: what was in use before is lost, and is replaced now")
        return None


def _holds(path: Path, data: bytes) -> bool:
    """Whether the disk has these very bytes: a card may have lost what was installed."""
    try:
        return read_from_disk(path) == data
    except OSError:
        return False
