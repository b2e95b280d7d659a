"""The shipped models, by name; the bundles lie beside this file. And what a name stands for."""

from __future__ import annotations

from pathlib import Path

from edge.errors import ModelError
from edge.store.place import find_state

FOLDER = Path(__file__).parent
DEFAULT = "digits"
"""What commands take that are told no model."""


def shipped_models() -> dict[str, Path]:
    """Name -> bundle of each model that comes with edgeproof (`digits` -> digits-int8.tflite)."""
    return {path.stem.rsplit("-", 1)[0]: path for path in sorted(FOLDER.glob("*.tflite"))}


def find_model(model: str | Path) -> Path:
    """The bundle that a user means: an installed name, a shipped one, or a path.

    Raises:
        ModelError: none of them, or what is installed under that name is damaged.
    """
    if find_state(str(model)) is not None:
        from edge.store.state import find_installed

        installed = find_installed(str(model))
        if installed is not None:
            return installed
    shipped = shipped_models()
    if str(model) in shipped:
        return shipped[str(model)]
    path = Path(model)
    if path.is_file():
        return path
    raise ModelError(
        f"unknown model {str(model)!r}: expected {', '.join(shipped) or 'a shipped name'}, "
        "an installed one (edgeproof models) or the path of a .tflite, and there is no such file"
    )
