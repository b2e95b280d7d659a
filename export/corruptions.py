"""Hard conditions: seeded corruptions of frames, each at several strengths.

In the spirit of MNIST-C (Mu and Gilmer 2019) and ImageNet-C (Hendrycks and Dietterich 2019).
Sizes are parts of the picture's side, so that one strength means the same at any resolution.
Needs NumPy and Pillow alone: the measuring child has nothing else.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from edge.contract import Input
from edge.preprocess.photo import fit_photo

Frame = NDArray[np.uint8]


@dataclass(frozen=True)
class Condition:
    """One kind of corruption at one strength."""

    kind: str
    level: int
    """1: mild, to 3: harsh."""


def corrupt(frame: Frame, condition: Condition, seed: int) -> Frame:
    """A corrupted copy; the same arguments give the same pixels.

    frame: uint8 (H, W) or (H, W, 3).
    seed: another one for each picture.
    """
    apply, strengths = _KINDS[condition.kind]
    rng = np.random.default_rng((seed, list(_KINDS).index(condition.kind), condition.level))
    return apply(frame, strengths[condition.level - 1], rng)


def at_model_size(frame: Frame, spec: Input) -> Frame:
    """A photo as the model sees it, before it is corrupted; `ink` and `object` stay as they are.

    A photo of 12 megapixels would cost a thousand times as much, for the same few pixels.
    """
    if spec.preprocess.kind != "photo":
        return frame
    fitted = fit_photo(frame, spec)
    return fitted[:, :, 0] if spec.color == "gray" else fitted


def _noise(frame: Frame, strength: float, rng: np.random.Generator) -> Frame:
    """strength: standard deviation, as a part of white."""
    return _clip(frame + rng.normal(0, 255 * strength, frame.shape))


def _blur(frame: Frame, strength: float, rng: np.random.Generator) -> Frame:
    """strength: the Gaussian's standard deviation, as a part of the longer side."""
    radius = strength * max(frame.shape[:2])
    return np.asarray(Image.fromarray(frame).filter(ImageFilter.GaussianBlur(radius)))


def _contrast(frame: Frame, strength: float, rng: np.random.Generator) -> Frame:
    """strength: what is left of the distance from the mean."""
    mean = frame.mean()
    return _clip(mean + (frame - mean) * strength)


def _brightness(frame: Frame, strength: float, rng: np.random.Generator) -> Frame:
    """strength: added light, as a part of white."""
    return _clip(frame + 255 * strength)


def _rotation(frame: Frame, strength: float, rng: np.random.Generator) -> Frame:
    """strength: degrees, to either side."""
    angle = strength * rng.choice((-1, 1))
    picture = Image.fromarray(frame)
    return np.asarray(
        picture.rotate(angle, Image.Resampling.BILINEAR, fillcolor=_background(frame))
    )


def _shift(frame: Frame, strength: float, rng: np.random.Generator) -> Frame:
    """strength: way, as a part of the longer side, in any direction."""
    way = strength * max(frame.shape[:2])
    turn = rng.uniform(0, 2 * np.pi)
    right, down = round(way * np.cos(turn)), round(way * np.sin(turn))
    size = (frame.shape[1], frame.shape[0])
    moved = Image.new("L" if frame.ndim == 2 else "RGB", size, _background(frame))
    moved.paste(Image.fromarray(frame), (right, down))
    return np.asarray(moved)


def _occlusion(frame: Frame, strength: float, rng: np.random.Generator) -> Frame:
    """strength: side of a gray square, as a part of the shorter side."""
    rows, columns = frame.shape[:2]
    side = max(1, round(strength * min(rows, columns)))
    top, left = rng.integers(0, rows - side + 1), rng.integers(0, columns - side + 1)
    covered = frame.copy()
    covered[top : top + side, left : left + side] = 128
    return covered


def _jpeg(frame: Frame, strength: float, rng: np.random.Generator) -> Frame:
    """strength: JPEG quality, 1 to 95."""
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "JPEG", quality=int(strength))
    return np.asarray(Image.open(buffer))


_KINDS: dict[str, tuple[Callable[[Frame, float, np.random.Generator], Frame], tuple[float, ...]]]
_KINDS = {
    "noise": (_noise, (0.05, 0.1, 0.2)),
    "blur": (_blur, (0.025, 0.04, 0.06)),
    "contrast": (_contrast, (0.6, 0.4, 0.25)),
    "brightness": (_brightness, (0.1, 0.2, 0.3)),
    "rotation": (_rotation, (10, 20, 30)),
    "shift": (_shift, (0.05, 0.1, 0.15)),
    "occlusion": (_occlusion, (0.2, 0.3, 0.4)),
    "jpeg": (_jpeg, (40, 20, 10)),
}

CONDITIONS = tuple(Condition(kind, level) for kind in _KINDS for level in (1, 2, 3))
"""Every kind at every strength, kind by kind."""


def _background(frame: Frame) -> int | tuple[int, ...]:
    """The median of the border, for what comes into view from outside."""
    border = np.concatenate([frame[0], frame[-1], frame[:, 0], frame[:, -1]])
    middle = np.median(border, axis=0).astype(int)
    return int(middle) if frame.ndim == 2 else tuple(int(value) for value in middle)


def _clip(values: NDArray[np.float64]) -> Frame:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
