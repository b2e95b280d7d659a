"""The result of a measurement as one JSON document; the dataclasses are its schema."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from edge.bench.conditions import Conditions
from edge.bench.machine import Machine, Software
from edge.bench.timing import Times, spread
from edge.errors import UsageError
from edge.strict import Mismatch, from_dict

if TYPE_CHECKING:
    from edge.bench.compare import Comparison

SCHEMA = 1
Mark = Literal["throttled", "emulated", "busy"]
"""`throttled`: the board slowed itself down meanwhile; `busy`: other programs took its time."""
MAX_BYTES = 16 * 1024 * 1024
"""No honest result comes near."""


@dataclass(frozen=True)
class Options:
    """How it was measured."""

    quick: bool
    jobs: int | None
    """Of `classify`, for the folders; none: its own choice."""
    most_threads: int
    rounds: int


@dataclass(frozen=True)
class FrameTimes:
    """One kind of frame through the whole classifier, with the first runtime and one thread."""

    what: str
    """`ready` is a picture of the model's own size, `camera` a frame drawn as a camera sees it."""
    width: int
    height: int
    answer: str
    """The label that it got: what the camera's frame shows is found, or is not."""
    preprocess: Times
    """From the frame to the tensor that the model is fed."""
    invoke: Times
    whole: Times
    """`Classifier.classify`: both, and the scoring."""


@dataclass(frozen=True)
class SweepTimes:
    """The model alone, in one of the ways to run it."""

    runtime: str
    kernels: str
    """A key of `edge.interpreter.KERNELS`; the number of threads is tried with those that
    `classify` takes."""
    threads: int
    invoke: Times | None
    problem: str | None
    """Why it could not be run so."""


@dataclass(frozen=True)
class ModelTimes:
    """One model."""

    name: str
    variant: str
    file: str
    """Its name, without folders."""
    size_bytes: int
    """Of the file, with labels, proof and golden frames."""
    model_sha256: str
    """Of the model without them."""
    accuracy: float | None
    """As the gate measured it, 0 to 1, the least over the runtimes; none: unproven."""
    runtime: str
    """The one that `classify` takes, as the kernels."""
    kernels: str
    load: Times
    """File to classifier: read, check, build the interpreter; nothing imported any more."""
    read: Times
    """The part of it before there is an interpreter: read and check."""
    frames: tuple[FrameTimes, ...]
    sweep: tuple[SweepTimes, ...]
    resident_mb: float | None
    """Memory of `classify` behind its first answer (VmRSS); none: the system does not say."""
    peak_mb: float | None
    """The most that it had until then (VmHWM)."""

    @property
    def title(self) -> str:
        return f"{self.name} {self.variant}"


@dataclass(frozen=True)
class FolderTimes:
    """A folder of pictures by `classify`, in a process of its own."""

    what: str
    format: str
    width: int
    height: int
    pictures: int
    whole_s: tuple[float, ...]
    """Each run from start to end."""
    pictures_per_s: float
    """Without the start of the process; the median of the runs."""
    round_pictures_per_s: tuple[float, ...]

    @property
    def spread(self) -> float:
        return spread(self.round_pictures_per_s)


@dataclass(frozen=True)
class ProcessTimes:
    """Whole processes, from start to end, with the first model. Files are in the system's cache."""

    model: str
    cold_start: Times
    """`edgeproof classify PICTURE`."""
    cold_start_cpu_ms: float
    """Processor time of one, in all its threads."""
    python: Times
    """`python -c pass`: of the above what nothing of ours can change."""
    folders: tuple[FolderTimes, ...]


@dataclass(frozen=True)
class Failure:
    """A model of a folder that could not be measured."""

    file: str
    problem: str


@dataclass(frozen=True)
class Document:
    """One measurement."""

    schema: int
    marks: tuple[Mark, ...]
    """Why its numbers are not the machine's own; empty: nothing speaks against them."""
    date_utc: str
    """ISO 8601."""
    options: Options
    machine: Machine
    software: Software
    conditions: Conditions
    process: ProcessTimes
    models: tuple[ModelTimes, ...]
    failures: tuple[Failure, ...]


def marks(machine: Machine, conditions: Conditions) -> tuple[Mark, ...]:
    """What is to be known before anything is made of the numbers."""
    found: list[Mark] = []
    if conditions.is_throttled:
        found.append("throttled")
    if machine.emulation:
        found.append("emulated")
    if conditions.is_busy:
        found.append("busy")
    return tuple(found)


def to_json(document: Document, comparison: Comparison | None = None) -> str:
    """Strict JSON: no NaN and no Infinity. `comparison` is null where none was asked for."""
    table = asdict(document)
    table["comparison"] = asdict(comparison) if comparison else None
    return json.dumps(table, indent=1, allow_nan=False) + "\n"


def read_document(path: Path) -> Document:
    """What --output once wrote; a comparison in it is passed over.

    Raises:
        UsageError: it cannot be read, or is no such document.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise Mismatch(f"expected at most {MAX_BYTES} bytes, got {path.stat().st_size}")
        table = json.loads(path.read_bytes(), parse_constant=_refuse)
        return _parse(table)
    except OSError as error:
        raise UsageError(f"--compare: {path}: cannot be read: {error.strerror}") from None
    except (Mismatch, ValueError, RecursionError) as error:
        raise UsageError(
            f"--compare: {path}: expected what `edgeproof bench --output` wrote: {error}"
        ) from None


def _parse(table: Any) -> Document:
    schema = table.get("schema") if isinstance(table, dict) else None
    if schema != SCHEMA:
        raise Mismatch(f"expected schema {SCHEMA}, got {schema!r}; measure again")
    table.pop("comparison", None)
    return from_dict(Document, table, "document")


def _refuse(constant: str) -> float:
    raise Mismatch(f"expected numbers, got {constant}")
