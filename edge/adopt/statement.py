"""What a user says of a model from elsewhere, and where its bundle goes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge.adopt.pixels import PIXELS, Normalization, in_words, spread
from edge.adopt.scores import Meaning
from edge.bundle import read_bundle
from edge.contract import ADOPTED, NAME, fitting_name
from edge.errors import ModelError, UsageError

SUFFIX = ".edgeproof.tflite"

Kind = Literal["photo", "ink", "object"]
Fit = Literal["crop", "letterbox", "stretch"]


@dataclass(frozen=True)
class Statement:
    """What the user says of a model; none where the file is to say it."""

    labels: Path | None = None
    """A file with a label a line."""
    kind: Kind | None = None
    fit: Fit | None = None
    pixels: str | None = None
    """A key of PIXELS."""
    mean: tuple[float, ...] | None = None
    """One number, or one a channel, of pixels 0 to 255; with `std`, instead of `pixels`."""
    std: tuple[float, ...] | None = None
    scores: Meaning | None = None
    name: str | None = None


def name_of(path: Path, said: Statement) -> str:
    """What the model is called: as the user says, else as its file.

    Raises:
        UsageError: what the user says would not do as the name of a file.
    """
    if said.name is None:
        return fitting_name(path.stem)
    if not NAME.fullmatch(said.name):
        raise UsageError(
            f"expected a --name of letters, digits, '_', '-' and '.', 64 at most, got {said.name!r}"
        )
    return said.name


def target_of(path: Path, said: Statement, out: Path | None, force: bool) -> Path:
    """Where the bundle goes: beside the model unless told otherwise.

    Raises:
        UsageError: the model itself stands there, or a file that no adoption of it wrote; or the
            model's path names no file.
    """
    if not path.name:
        raise UsageError(f"expected the file of a model, got {str(path)!r}")
    target = out or path.with_name(name_of(path, said) + SUFFIX)
    if not target.exists():
        return target
    if path.exists() and target.samefile(path):
        raise UsageError(f"{target} is the model itself; name another place with --out")
    if not force and not _is_own(target, path):
        raise UsageError(
            f"{target} exists, and it was not adopted from {path.name}: --force replaces it, "
            "--out names another place"
        )
    return target


def said_pixels(said: Statement, channels: int) -> Normalization | None:
    """What the user says of pixels, one number a channel; none when nothing is said.

    Raises:
        UsageError: two ways at once, half of one, or another number of channels.
    """
    if (said.mean is None) != (said.std is None) or (said.mean and said.pixels):
        raise UsageError("expected --pixels, or --mean and --std together")
    if said.pixels is not None:
        if said.pixels == "imagenet" and channels == 1:
            raise UsageError("--pixels imagenet is of three channels, the model's input has one")
        mean, std = (values[:channels] for values in PIXELS[said.pixels])
        return Normalization(mean, std, said.pixels, "--pixels")
    if said.mean is None or said.std is None:
        return None
    mean, std = spread(said.mean, channels), spread(said.std, channels)
    is_sound = all(map(math.isfinite, (*mean, *std))) and min(std) > 0
    if (len(mean), len(std)) != (channels, channels) or not is_sound:
        raise UsageError(
            f"expected --mean and --std with one number or {channels}, std above 0, "
            f"got {list(said.mean)} and {list(said.std)}"
        )
    return Normalization(mean, std, in_words(mean, std), "--mean, --std")


def _is_own(target: Path, path: Path) -> bool:
    try:
        contract = read_bundle(target).contract
    except ModelError:
        return False
    return contract.variant == ADOPTED and contract.provenance.get("adopted") == path.name
