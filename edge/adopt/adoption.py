"""A classifier from elsewhere, a bare .tflite, becomes a bundle: what it is fed and what it means.

Each fact comes from the file itself or from the user, and is recorded with its source. Where
neither has it the adoption is refused: a wrong guess would only show in wrong answers.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edge.admission.trial import Tried, try_bundle
from edge.adopt.attached import split_attached
from edge.adopt.eligible import check_eligible
from edge.adopt.labels import fit_labels, read_labels
from edge.adopt.metadata import Metadata, read_metadata
from edge.adopt.pixels import choose_normalization
from edge.adopt.scores import check_scores, choose_meaning
from edge.adopt.statement import Fit, Statement, name_of, said_pixels
from edge.bundle import (
    CONTRACT,
    FLATBUFFER_ID,
    Bundle,
    Golden,
    pack_bundle,
    read_model_file,
)
from edge.contract import (
    ADOPTED,
    SCHEMA,
    UNKNOWN_RUNTIME,
    Contract,
    Input,
    ModelBytes,
    Output,
    Preprocess,
)
from edge.errors import ModelError, UsageError
from edge.golden import choose_clear, draw_frames
from edge.quantize import TensorSpec, dequantize
from edge.tflite.structure import Structure, check_whole, read_structure

DRAWN, KEPT, LIGHT = 32, 8, 4
"""Frames that are drawn for the probe, of them golden ones, and light ones besides: fewer than of a
model made here, for published ones are larger and slower."""
ASSUMED = "assumed; {} says otherwise"


@dataclass(frozen=True)
class Fact:
    """One thing that is taken to be true of the model, and who says so."""

    what: str
    value: str
    source: str


@dataclass(frozen=True)
class Adoption:
    """What an adoption comes to."""

    bundle: Bundle
    facts: tuple[Fact, ...]


def adopt(path: Path, said: Statement) -> Adoption:
    """Makes a bundle of a .tflite from elsewhere; it is run, in a child process, and unproven.

    Raises:
        ModelError: damaged, no classifier of pictures, or more than the runtime here can run.
        UsageError: something must be said that the file does not say, or what is said is at odds.
    """
    where = str(path)
    name = name_of(path, said)
    data = read_model_file(path)
    model, files = _split(data, where)
    structure = read_structure(model, where)
    check_eligible(structure, where)
    check_whole(model, where)
    about = read_metadata(structure.metadata, where)
    spec, facts = _input(structure, about, said, where)
    meaning, maker = choose_meaning(structure, said.scores)
    labels, labelled = _labels(structure, about, files, said, where)
    facts += (Fact("scores", meaning, maker), labelled)
    try:
        contract = Contract(
            SCHEMA,
            name,
            ADOPTED,
            spec,
            Output(meaning),
            ModelBytes(
                hashlib.sha256(model).hexdigest(),
                len(model),
                structure.min_runtime or UNKNOWN_RUNTIME,
                structure.operators,
            ),
            _provenance(path, data, about, facts),
        )
    except ValueError as error:  # such as an operator of version -7
        raise ModelError(f"{where}: the model is damaged: {error}") from None
    frames, tried = _try(Bundle(model, labels, contract), where)
    values = _values(tried, structure)
    check_scores(values, meaning, said.scores, structure, where)
    return Adoption(Bundle(model, labels, contract, _golden(frames, tried, values)), facts)


def _try(candidate: Bundle, where: str) -> tuple[NDArray[np.uint8], Tried]:
    """The frames that were drawn for it, and what it answers to them and to some more."""
    spec = candidate.contract.input
    frames = draw_frames(spec, count=DRAWN)
    # Drawn frames are dark, and a network may see darkness in all of them.
    light = 255 - frames[:LIGHT] if spec.preprocess.kind == "photo" else frames[:0]
    asked = Golden(np.concatenate([frames, light]), {})
    # What its numbers mean is looked at when they are there.
    plain = replace(candidate, contract=replace(candidate.contract, output=Output()), golden=asked)
    tried = try_bundle(pack_bundle(plain), where)
    if len(np.unique(tried.raw, axis=0)) == 1:
        raise ModelError(
            f"{where}: it gives the same answer to {len(tried.raw)} different pictures"
        )
    return frames, tried


def _split(data: bytes, where: str) -> tuple[bytes, dict[str, bytes]]:
    """The flatbuffer, and the files that its publisher put behind it."""
    if data[4:8] != FLATBUFFER_ID:
        hint = "; a Keras model is quantised and gated: edgeproof gate my.keras --data pictures/"
        is_keras = where.endswith((".keras", ".h5"))
        raise ModelError(
            f"{where}: expected a TFLite model, got something else{hint if is_keras else ''}"
        )
    model, files = split_attached(data, where)
    if CONTRACT in files:
        raise UsageError(f"{where} is a bundle already: edgeproof info {where}")
    return model, files


def _input(
    structure: Structure, about: Metadata, said: Statement, where: str
) -> tuple[Input, tuple[Fact, ...]]:
    tensor = structure.inputs[0]
    _, height, width, channels = tensor.shape
    color: Literal["gray", "rgb"] = "gray" if channels == 1 else "rgb"
    if about.color not in (None, color):
        raise ModelError(
            f"{where}: its metadata says {about.color} pictures, its input has {channels} channels"
        )
    kind = said.kind or "photo"
    if kind != "photo" and color != "gray":
        raise UsageError(f"{where}: --preprocess {kind} makes gray pictures, its input is rgb")
    if kind != "photo" and said.fit is not None:
        raise UsageError(f"--fit belongs to --preprocess photo, got it with {kind}")
    fit: Fit | None = (said.fit or "crop") if kind == "photo" else None
    pixels = choose_normalization(tensor, about, said_pixels(said, channels), where)
    try:
        spec = Input(height, width, color, Preprocess(kind, pixels.mean, pixels.std, fit))
    except ValueError as error:
        raise ModelError(f"{where}: {error}") from None
    facts = [
        Fact("input", f"{height}x{width} {color}, {tensor.dtype}", "the tensor"),
        Fact("pictures", kind, "--preprocess" if said.kind else ASSUMED.format("--preprocess")),
        Fact("pixels", pixels.name, pixels.source),
    ]
    if fit:
        facts.insert(2, Fact("fit", fit, "--fit" if said.fit else ASSUMED.format("--fit")))
    return spec, tuple(facts)


def _labels(
    structure: Structure,
    about: Metadata,
    files: dict[str, bytes],
    said: Statement,
    where: str,
) -> tuple[tuple[str, ...], Fact]:
    outputs = structure.outputs[0].shape[-1]
    if said.labels is not None:
        try:
            content, source = said.labels.read_bytes(), str(said.labels)
        except OSError as error:
            raise UsageError(f"{said.labels}: cannot be read: {error.strerror}") from None
        shown = "--labels"
    else:
        name = _inner_labels(about, files)
        if name is None:
            raise UsageError(
                f"{where}: it carries no labels: say --labels FILE, with {outputs} lines"
            )
        content, source, shown = files[name], f"{where}: {name} in it", f"{name} in the model"
    labels, done = fit_labels(read_labels(content, source), outputs, source)
    return labels, Fact("labels", ", ".join((str(len(labels)), *done)), shown)


def _inner_labels(about: Metadata, files: dict[str, bytes]) -> str | None:
    """The label file that the metadata names, or the only one that is called so."""
    for name in about.label_files:
        if name in files:
            return name
    called = [name for name in files if "label" in name.lower() and name.endswith(".txt")]
    return called[0] if len(called) == 1 else None


def _provenance(
    path: Path, data: bytes, about: Metadata, facts: tuple[Fact, ...]
) -> dict[str, Any]:
    stated = ("title", "version", "author", "license", "description")
    return {
        "adopted": path.name,
        "adopted_sha256": hashlib.sha256(data).hexdigest(),
        **{key: getattr(about, key) for key in stated if getattr(about, key)},
        "taken": {fact.what: f"{fact.value} ({fact.source})" for fact in facts},
    }


def _values(tried: Tried, structure: Structure) -> NDArray[np.float32]:
    """float32 (n, classes): the answers as real numbers."""
    given = structure.outputs[0]
    spec = TensorSpec(0, given.shape, tried.raw.dtype, given.scale, given.zero_point)
    return dequantize(tried.raw, spec)


def _golden(frames: NDArray[np.uint8], tried: Tried, values: NDArray[np.float32]) -> Golden:
    """The clearest of the drawn frames that were answered, with the answers."""
    kept = choose_clear(values[: len(frames)], KEPT)
    return Golden(frames[kept], {tried.runtime: tried.raw[kept]})
