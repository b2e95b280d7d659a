"""What a model promises about itself: its input, its output, its bytes, where it came from."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from typing import Any, Literal

from edge.errors import ModelError
from edge.strict import Mismatch, from_dict, parse_json, shown

SCHEMA = 1
"""Version of contract.json. A reader refuses any other: guessing is how wrong answers start."""

CHANNELS = {"gray": 1, "rgb": 3}
ADOPTED = "adopted"
"""The variant of a model that was made elsewhere."""
PROBABILITY_TOLERANCE = 0.01
"""So far a probability, or the sum of all, may be off by rounding; and a step of its tensor."""
UNKNOWN_RUNTIME = "unknown"
"""The `min_runtime` of a model whose converter recorded none."""
NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}")
"""What a model may be called: its name becomes a folder on the device and a word in messages."""
MAX_SIDE = 1024
"""Pixels of an input. Published classifiers end at 600; the frames that are drawn to try a model
would fill a Pi's memory long before 4096."""
MAX_BYTES = 1 << 31
"""A FlatBuffer has offsets of 32 bits, the first with a sign (its own "Internals")."""


LARGEST = 1e6
"""Of the numbers that pictures and answers are scaled with; beyond it float32 overflows."""


@dataclass(frozen=True)
class Preprocess:
    """How a frame becomes the input: the one place where that is said."""

    kind: Literal["ink", "object", "photo"]
    """`ink`: handwriting on paper; `object`: one thing on plain ground; `photo`: as it is."""
    mean: tuple[float, ...]
    """Subtracted from each channel, in pixel units (0 to 255); one number a channel."""
    std: tuple[float, ...]
    """Divides what is left of each channel, in pixel units; one number a channel."""
    fit: Literal["crop", "letterbox", "stretch"] | None = None
    """`photo` only: cut the longer side to the model's aspect, pad the shorter with black, or
    give the aspect up."""

    def __post_init__(self) -> None:
        if not all(abs(value) <= LARGEST for value in self.mean):
            raise ValueError(f"mean must be at most {LARGEST:g}, got {list(self.mean)}")
        if not all(1 / LARGEST <= value <= LARGEST for value in self.std):
            raise ValueError(f"std must be {1 / LARGEST:g} to {LARGEST:g}, got {list(self.std)}")
        if (self.fit is not None) != (self.kind == "photo"):
            raise ValueError(f"fit belongs to 'photo' and only there, got kind {self.kind!r}")


@dataclass(frozen=True)
class Input:
    """The model's input as a picture: float32 (height, width, channels) after preprocessing."""

    height: int
    width: int
    color: Literal["gray", "rgb"]
    preprocess: Preprocess

    def __post_init__(self) -> None:
        if not (1 <= self.height <= MAX_SIDE and 1 <= self.width <= MAX_SIDE):
            raise ValueError(f"size must be 1 to {MAX_SIDE} pixels, got {self.height}x{self.width}")
        if self.preprocess.kind != "photo" and self.color != "gray":
            raise ValueError(f"{self.preprocess.kind!r} makes gray pictures, got color 'rgb'")
        for name in ("mean", "std"):
            given = len(getattr(self.preprocess, name))
            if given != self.channels:
                raise ValueError(
                    f"{name} needs {self.channels} numbers for {self.color}, got {given}"
                )

    @property
    def channels(self) -> int:
        return CHANNELS[self.color]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels)"""
        return (self.height, self.width, self.channels)


@dataclass(frozen=True)
class Output:
    """What the model's numbers mean."""

    meaning: Literal["logits", "probabilities"] = "logits"
    """`logits`: before a softmax; `probabilities`: scores from 0 to 1, taken as they are."""
    temperature: float = 1.0
    """Logits are divided by it before softmax (Guo et al. 2017, temperature scaling)."""
    unknown_threshold: float | None = None
    """A top score below it is answered as `unknown`; none: never."""

    def __post_init__(self) -> None:
        if not 1 / LARGEST <= self.temperature <= LARGEST:
            raise ValueError(
                f"temperature must be {1 / LARGEST:g} to {LARGEST:g}, got {self.temperature}"
            )
        if self.meaning == "probabilities" and self.temperature != 1:
            raise ValueError(f"probabilities have no temperature, got {self.temperature}")
        if self.unknown_threshold is not None and not 0 <= self.unknown_threshold <= 1:
            raise ValueError(f"unknown_threshold must be 0 to 1, got {self.unknown_threshold}")


@dataclass(frozen=True)
class ModelBytes:
    """The flatbuffer that this contract speaks of, and what a runtime must know to run it."""

    sha256: str
    size_bytes: int
    min_runtime: str
    """The oldest TFLite release that has all the operator versions, as the converter states it;
    `unknown` when it does not."""
    operators: dict[str, int]
    """Operator name to the version stamped in the model."""

    def __post_init__(self) -> None:
        if not re.fullmatch("[0-9a-f]{64}", self.sha256):
            raise ValueError(f"sha256 must be 64 hexadecimal digits, got {shown(self.sha256)}")
        if not 0 < self.size_bytes < MAX_BYTES:
            raise ValueError(f"size_bytes must be 1 to 2 GiB, got {shown(self.size_bytes)}")
        _check_words((self.min_runtime, *self.operators), "min_runtime and operators")
        if not all(0 < version < 1 << 31 for version in self.operators.values()):
            raise ValueError("operators: versions start at 1, got others")


@dataclass(frozen=True)
class Contract:
    """contract.json: one model's whole self-description."""

    schema: int
    name: str
    variant: str
    """`float32`, `float16`, `dynamic`, `int8`, `int16x8`, or `mixed`: int8 but for some layers;
    `adopted`: made elsewhere."""
    input: Input
    output: Output
    model: ModelBytes
    provenance: dict[str, Any]
    """Run id, fingerprints of data and calibration, tool versions; of an adopted model its file and
    what was taken to be true of it. The device only shows it; the gate compares the run id, so that
    a model is held against the float model it came from."""

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ValueError(
                "name must be 1 to 64 letters, digits, '_', '-' and '.' of ASCII, not a dot first, "
                f"got {shown(self.name)}"
            )
        _check_words((self.variant,), "variant")

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1, sort_keys=True, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str) -> Contract:
        """Parses contract.json strictly.

        Raises:
            ModelError: not JSON, another schema version, or a key that does not fit.
        """
        try:
            table = parse_json(text)
        except ValueError as error:
            raise ModelError(f"{where}: contract.json is not JSON: {error}") from None
        schema = table.get("schema") if isinstance(table, dict) else None
        if schema != SCHEMA:
            raise ModelError(
                f"{where}: this edgeproof reads contract schema {SCHEMA}, got {shown(schema)}; "
                "install the edgeproof release that the model was made with"
            )
        try:
            return from_dict(cls, table, "contract.json")
        except Mismatch as error:
            raise ModelError(f"{where}: {error}") from None


def fitting_name(text: str) -> str:
    """A name for a model that is called `text`: what NAME does not have becomes `-`."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text).strip("-.")[:64] or "model"


def _check_words(words: tuple[str, ...], what: str) -> None:
    """These are printed as they are."""
    wrong = next((word for word in words if len(word) > 64 or not word.isprintable()), None)
    if wrong is not None:
        raise ValueError(f"{what} must be short words, got {shown(wrong)}")
