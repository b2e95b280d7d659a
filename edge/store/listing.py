"""What model names stand for on this device, and where that comes from."""

from __future__ import annotations

from typing import Literal

from edge.store.place import find_state, installed_names, stores
from edge.zoo import shipped_models

Origin = Literal["installed", "shipped", "file"]


def all_names() -> tuple[str, ...]:
    """The shipped models and the installed ones, each name once."""
    shipped = shipped_models()
    installed = {name for store in stores() for name in installed_names(store)}
    return (*shipped, *sorted(installed - shipped.keys()))


def origin_of(model: str) -> Origin:
    """Where that comes from which `find_model` finds.

    Raises:
        ModelError: what is installed cannot be told.
    """
    if find_state(model) is not None:
        return "installed"
    return "shipped" if model in shipped_models() else "file"
