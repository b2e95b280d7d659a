"""Which models are meant, and whether they are whole."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from edge.bench.document import Failure
from edge.bundle import Bundle, read_bundle
from edge.errors import ModelError, UsageError
from edge.zoo import find_model


def find_models(words: Sequence[str]) -> tuple[tuple[Path, ...], frozenset[Path]]:
    """The bundles that are meant: shipped names, files, and what lies in folders.

    Returns:
        All of them, and those that came out of folders.

    Raises:
        ModelError: an unknown name.
        UsageError: a folder without models.
    """
    found: list[Path] = []
    optional: set[Path] = set()
    for word in words:
        if Path(word).is_dir():
            inside = sorted(Path(word).glob("*.tflite"), key=_int8_first)
            if not inside:
                raise UsageError(f"expected models (.tflite) in the folder {word}, got none")
            found += inside
            optional.update(inside)
        else:
            found.append(find_model(word))
    return tuple(dict.fromkeys(found)), frozenset(optional)


def _int8_first(path: Path) -> tuple[bool, Path]:
    """Of the variants it is the one for small boards, and the one that is shipped."""
    return not path.stem.endswith("-int8"), path


def read_models(
    models: Sequence[Path], optional: Collection[Path]
) -> tuple[dict[Path, Bundle], list[Failure]]:
    """Bundles that are whole, before anything is started, and what is wrong with others.

    optional: those without which it goes on.

    Raises:
        ModelError: one that is not optional, or all of them, cannot be used.
    """
    found, failures = {}, []
    for path in models:
        try:
            found[path] = read_bundle(path)
        except ModelError as error:
            if path not in optional:
                raise
            failures.append(Failure(path.name, " ".join(str(error).split())))
    if not found:
        raise ModelError(f"none of {len(failures)} models can be used: {failures[0].problem}")
    return found, failures
