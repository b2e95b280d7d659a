"""Frame to model input: one function, used by training, calibration, the gate and the edge."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from edge.contract import Input, Preprocess
from edge.errors import FrameError
from edge.preprocess.photo import fit_photo
from edge.preprocess.ready import as_ready
from edge.preprocess.region import Region

__all__ = ["Region", "find_clear", "find_regions", "prepare", "prepare_pixels", "scale"]


def prepare(frame: NDArray[np.uint8], spec: Input) -> NDArray[np.float32]:
    """Turns one frame into the model's input.

    frame: uint8 (H, W, 3) RGB, or (H, W) gray, any size from 1x1.
    spec: the contract's input.

    Returns:
        float32 (height, width, channels), `(pixel - mean) / std` of pixels 0 to 255.

    Raises:
        FrameError: not such an array.
        NothingFound: `ink` or `object` found nothing that stands out of its background.
    """
    return scale(prepare_pixels(frame, spec), spec)


def scale(pixels: NDArray[np.uint8], spec: Input) -> NDArray[np.float32]:
    """`prepare`'s last step: uint8 (height, width, channels) -> float32 of the same shape."""
    mean, std = _mean_and_std(spec.preprocess)
    return (pixels.astype(np.float32) - mean) / std


def prepare_pixels(frame: NDArray[np.uint8], spec: Input) -> NDArray[np.uint8]:
    """`prepare` up to its last step: uint8 (height, width, channels), a quarter of the bytes.

    Training stores these, and does the last step on the device.
    """
    return find_regions(frame, spec)[0].pixels


def find_regions(frame: NDArray[np.uint8], spec: Input, many: bool = False) -> list[Region]:
    """What is to be classified in a frame; at least one region. As `prepare`.

    many: all things that stand out, in no order; otherwise the one that is meant.
    """
    check_frame(frame)
    recipe = spec.preprocess
    if recipe.kind == "photo":
        return [Region(fit_photo(frame, spec))]
    if frame.shape[:2] == (spec.height, spec.width):
        ready = as_ready(frame, recipe.kind)
        if ready is not None:
            return [Region(ready[:, :, np.newaxis])]
    # A picture that is ready needs no finder, and each kind needs but its own.
    if recipe.kind == "ink":
        from edge.preprocess.ink import find_ink as find
    else:
        from edge.preprocess.object import find_objects as find
    return find(frame, spec.height, spec.width, many)


def find_clear(frame: NDArray[np.uint8], spec: Input) -> Region | None:
    """The one thing that is meant, where a first look shows it clearly; otherwise none.

    Only of ink, and of frames that are larger than the model's own pictures.

    Raises:
        FrameError: as `prepare`.
    """
    check_frame(frame)
    if spec.preprocess.kind != "ink" or frame.shape[:2] == (spec.height, spec.width):
        return None
    from edge.preprocess.glance import glance_at

    return glance_at(frame, spec.height, spec.width)


@lru_cache(maxsize=8)
def _mean_and_std(recipe: Preprocess) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """float32 (channels,) each; made once a model, not once a frame."""
    return np.asarray(recipe.mean, np.float32), np.asarray(recipe.std, np.float32)


def check_frame(frame: object) -> None:
    """Refuses what is not a uint8 (H, W, 3) or (H, W) array.

    Raises:
        FrameError: says what was expected and what came.
    """
    expected = "a frame is a uint8 array (H, W, 3) RGB or (H, W) gray"
    if not isinstance(frame, np.ndarray):
        raise FrameError("unsupported-frame", f"{expected}, got {type(frame).__name__}")
    is_picture = frame.ndim == 2 or (frame.ndim == 3 and frame.shape[2] == 3)
    if frame.dtype != np.uint8 or not is_picture or frame.size == 0:
        raise FrameError("unsupported-frame", f"{expected}, got {frame.dtype} {frame.shape}")
