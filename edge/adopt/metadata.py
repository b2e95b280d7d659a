"""TFLite Metadata: what a model's publisher says of its input, its output and its origin.

Field numbers are those of metadata_schema.fbs, file identifier M001. Label files are only named
in it; they lie in a zip behind the model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edge.errors import ModelError
from edge.tflite.flatbuffer import Damaged, Table, root

IDENTIFIER = b"M001"
NORMALIZATION, IMAGE = 1, 2
"""Numbers in the unions of process units and of contents."""
COLORS: dict[int, Literal["rgb", "gray"]] = {1: "rgb", 2: "gray"}
AXIS_LABELS, VALUE_LABELS = 2, 3
"""Kinds of associated files: a label for each output, or for each value that an output takes."""


@dataclass(frozen=True)
class Metadata:
    """What a classifier's metadata may state; empty where it does not."""

    title: str = ""
    description: str = ""
    version: str = ""
    author: str = ""
    license: str = ""
    mean: tuple[float, ...] = ()
    """Of the input's normalisation, in pixel units; one for all channels, or one a channel."""
    std: tuple[float, ...] = ()
    color: Literal["rgb", "gray"] | None = None
    label_files: tuple[str, ...] = ()
    """Of the output, the first the one to take."""


def read_metadata(buffer: bytes | None, where: str) -> Metadata:
    """Reads a TFLITE_METADATA buffer; all empty for none. where: for messages.

    Raises:
        ModelError: it is damaged, or of a format that is not known.
    """
    if not buffer:
        return Metadata()
    if buffer[4:8] != IDENTIFIER:
        raise ModelError(
            f"{where}: expected TFLite Metadata of the format {IDENTIFIER.decode()}, "
            f"got {buffer[4:8]!r}"
        )
    try:
        return _read(root(buffer))
    except Damaged as error:
        raise ModelError(f"{where}: its TFLite Metadata is damaged: {error}") from None


def _read(top: Table) -> Metadata:
    graph = next(top.tables(3), None)
    taken = next(graph.tables(2), None) if graph else None
    given = next(graph.tables(3), None) if graph else None
    mean, std = _normalization(taken) if taken else ((), ())
    return Metadata(
        title=_line(top.text(0)),
        description=_line(top.text(1)),
        version=_line(top.text(2)),
        author=_line(top.text(4)),
        license=_line(top.text(5)),
        mean=mean,
        std=std,
        color=_color(taken) if taken else None,
        label_files=_label_files(given) if given else (),
    )


def _normalization(tensor: Table) -> tuple[tuple[float, ...], tuple[float, ...]]:
    for unit in tensor.tables(4):
        options = unit.table(1) if unit.number(0, "B") == NORMALIZATION else None
        if options is not None:
            return options.numbers(0, "f"), options.numbers(1, "f")
    return (), ()


def _color(tensor: Table) -> Literal["rgb", "gray"] | None:
    content = tensor.table(3)
    image = content.table(1) if content and content.number(0, "B") == IMAGE else None
    return COLORS.get(image.number(0, "b")) if image else None


def _label_files(tensor: Table) -> tuple[str, ...]:
    """Those that label the output itself first; of translations, the one without a language."""
    found = [
        (file.number(2, "b") != AXIS_LABELS, file.text(3) != "", file.text(0))
        for file in tensor.tables(6)
        if file.number(2, "b") in (AXIS_LABELS, VALUE_LABELS)
    ]
    return tuple(name for _, _, name in sorted(found, key=lambda one: one[:2]))


def _line(text: str) -> str:
    return " ".join(text.split())[:500]
