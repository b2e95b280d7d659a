"""Pictures that take minutes to draw, kept beside the runs for every training of the same data."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.files import write_atomic

FOLDER = "drawn"
"""Within the runs' folder; it may be deleted at any time, and is drawn anew."""
MAKERS = ("train/paper.py", "train/outliers", "edge/preprocess")
"""What decides how they look: drawn by others, they are others."""


def kept(
    folder: Path,
    name: str,
    pictures: NDArray[np.uint8],
    seed: int,
    draw: Callable[[], NDArray[np.uint8]],
) -> NDArray[np.uint8]:
    """What `draw` gives of these pictures with this seed, or gave before.

    folder: of the runs.
    name: what is drawn, with all that it depends on besides.
    """
    made_of = hashlib.sha256(f"{_makers()} {pictures.shape} {seed}".encode())
    made_of.update(pictures.tobytes())
    path = folder / FOLDER / f"{name}-{made_of.hexdigest()[:12]}.npz"
    if path.is_file():
        with np.load(path) as file:
            before: NDArray[np.uint8] = file["pixels"]
        return before
    drawn = draw()
    packed = io.BytesIO()
    np.savez_compressed(packed, pixels=drawn)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, packed.getvalue())
    return drawn


@cache
def _makers() -> str:
    """A digest of the code that draws."""
    digest = hashlib.sha256()
    for maker in MAKERS:
        package, *inner = maker.split("/")
        at = Path(str(files(package).joinpath(*inner)))
        for file in sorted(at.rglob("*.py")) if at.is_dir() else [at]:
            digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()
