"""Augmentation: what is drawn for each picture of a batch, on the host, in NumPy.

The numbers are drawn here, keyed by seed, epoch and batch, so that a restart, another backend and
several workers draw the same ones; `train/layers.py` applies them to whole batches on the device.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Augment:
    """By how much training pictures are varied; ranges are symmetric about no change."""

    shift: float = 0.0
    """Largest move in both directions, as a fraction of the picture's side."""
    rotate_degrees: float = 0.0
    zoom: float = 0.0
    """Largest change of size, as a fraction: 0.1 draws factors from 0.9 to 1.1."""
    shear_degrees: float = 0.0
    """Largest slant of what is upright."""
    mirror: bool = False
    """Half of the pictures are flipped from left to right."""
    brightness: float = 0.0
    """Largest change, as a fraction of white."""
    contrast: float = 0.0
    """Largest change of the distance from mid gray, as a fraction."""
    stroke: float = 0.0
    """Largest part of a pixel that light strokes gain or lose on each side."""
    blur: float = 0.0
    """Largest part of each pixel that is spread over its neighbours; the least is none, and most
    pictures lose little."""
    bend: float = 0.0
    """Largest move of a part against the rest, as a fraction of the side (elastic distortion,
    Simard et al. 2003)."""
    still: float = 0.0
    """Part of the pictures that move by whole pixels at most, or are mirrored: nothing lies between
    two of their pixels, nothing bends, and they stay as sharp as they were."""
    erase: float = 0.0
    """Part of the pictures of which a rectangle is painted over (random erasing, Zhong et al.
    2020)."""

    def __post_init__(self) -> None:
        for name in ("shift", "zoom", "bend", "brightness", "contrast", "stroke", "blur"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} is a fraction below 1, got {getattr(self, name)}")
        for name in ("still", "erase"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a fraction up to 1, got {getattr(self, name)}")
        if not 0 <= self.rotate_degrees <= 180:
            raise ValueError(f"rotate_degrees is 0 to 180, got {self.rotate_degrees}")
        if not 0 <= self.shear_degrees < 60:
            raise ValueError(f"shear_degrees is 0 to 60, got {self.shear_degrees}")

    @property
    def moves(self) -> bool:
        return bool(
            self.shift
            or self.rotate_degrees
            or self.zoom
            or self.shear_degrees
            or self.mirror
            or self.bend
        )

    @property
    def lights(self) -> bool:
        return bool(self.brightness or self.contrast)

    @property
    def draws(self) -> bool:
        """Whether strokes are varied, as another pen and another lens draw them."""
        return bool(self.stroke or self.blur)


BY_KIND = {
    # A digit that is mirrored, or turned far, is another one; ink has lost its light already, but
    # not its pen: MNIST's is of one make, and half a pixel more or less is a marker or a ballpoint.
    "ink": Augment(shift=0.07, rotate_degrees=10, zoom=0.1, shear_degrees=10, stroke=0.5, blur=0.9),
    # A garment lies either way round, and upright.
    "object": Augment(shift=0.07, rotate_degrees=5, zoom=0.1, mirror=True),
    # A camera moves, and its light changes.
    "photo": Augment(0.1, 10, 0.15, mirror=True, brightness=0.15, contrast=0.2),
}
"""What suits each kind of preprocessing."""


KNOTS = 5
"""Places in each direction at which a bend is drawn; between them it runs smoothly."""
ERASED = (0.02, 0.33)
"""Part of a picture that a rectangle covers, from and to; these and SLIMMEST as in the paper."""
SLIMMEST = 1 / 0.3
"""Of a rectangle's height and width, the larger over the smaller at most."""


def draw_moves(
    augment: Augment, count: int, side: tuple[int, int], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Where each output pixel is taken from.

    side: height and width of the pictures.

    Returns:
        float32 (count, 8): a0, a1, a2, b0, b1, b2, 0, 0; the output's (x, y) shows the input's
        (a0 x + a1 y + a2, b0 x + b1 y + b2), as `keras.ops.image.affine_transform` takes it.
    """
    height, width = side
    angle = np.radians(rng.uniform(-augment.rotate_degrees, augment.rotate_degrees, count))
    scale = 1 / (1 + rng.uniform(-augment.zoom, augment.zoom, count))
    turn = np.where(augment.mirror & (rng.random(count) < 0.5), -1.0, 1.0)
    right, down = rng.uniform(-augment.shift, augment.shift, (2, count))
    # Drawn last, and only where it is asked for: what others draw stays as it was.
    most = augment.shear_degrees
    slant = np.tan(np.radians(rng.uniform(-most, most, count))) if most else np.zeros(count)
    if augment.still:
        is_still = rng.random(count) < augment.still
        angle, slant = np.where(is_still, 0, (angle, slant))
        scale = np.where(is_still, 1, scale)
        right = np.where(is_still, np.round(right * width) / width, right)
        down = np.where(is_still, np.round(down * height) / height, down)
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    center_x, center_y = (width - 1) / 2, (height - 1) / 2
    moves = np.zeros((count, 8), np.float32)
    moves[:, 0], moves[:, 1] = cosine * turn, slant * cosine * turn - sine
    moves[:, 3], moves[:, 4] = sine * turn, slant * sine * turn + cosine
    at_x, at_y = center_x + right * width, center_y + down * height
    moves[:, 2] = center_x - (moves[:, 0] * at_x + moves[:, 1] * at_y)
    moves[:, 5] = center_y - (moves[:, 3] * at_x + moves[:, 4] * at_y)
    return moves


def draw_bends(
    augment: Augment, moves: NDArray[np.float32], side: tuple[int, int], rng: np.random.Generator
) -> NDArray[np.float32]:
    """How far each part of a picture is taken from another place than its move says.

    moves: of the same pictures; one that its move leaves sharp is not bent.
    side: height and width of the pictures.

    Returns:
        float32 (count, KNOTS, KNOTS, 2): pixels to the right and down.
    """
    reach = augment.bend * np.array([side[1], side[0]])
    bends = rng.uniform(-reach, reach, (len(moves), KNOTS, KNOTS, 2))
    if augment.still:
        bends[(np.abs(moves[:, 0]) == 1) & (moves[:, 1] == 0)] = 0
    return bends.astype(np.float32)


def draw_lights(augment: Augment, count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """float32 (count, 2): a pixel p of 0 to 255 becomes `first * p + second`."""
    gain = 1 + rng.uniform(-augment.contrast, augment.contrast, count)
    lift = 255 * rng.uniform(-augment.brightness, augment.brightness, count)
    return np.stack([gain, 127.5 * (1 - gain) + lift], axis=1).astype(np.float32)


def draw_pens(augment: Augment, count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """float32 (count, 2): by how much strokes widen, below 0 narrow; and how far they are blurred.

    The second is a fraction, 0 to `blur`, its square root drawn evenly: a picture can be less sharp
    than it is, not sharper, and a camera that is in focus is the rule.
    """
    widening = rng.uniform(-augment.stroke, augment.stroke, count)
    blur = augment.blur * rng.random(count) ** 2
    return np.stack([widening, blur], axis=1).astype(np.float32)


def draw_erasures(
    augment: Augment, count: int, side: tuple[int, int], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Which rectangle of each picture is painted over, and how light.

    side: height and width of the pictures.

    Returns:
        float32 (count, 5): top, left, bottom and right in pixels, the latter two not painted any
        more, and the gray, 0 to 255; top and bottom are the same where nothing is painted.
    """
    area = rng.uniform(*ERASED, count) * side[0] * side[1]
    aspect = np.exp(rng.uniform(-np.log(SLIMMEST), np.log(SLIMMEST), count))
    height = np.minimum(np.round(np.sqrt(area * aspect)), side[0])
    width = np.minimum(np.round(np.sqrt(area / aspect)), side[1])
    top, left = (
        np.floor(rng.random(count) * (whole - part + 1))
        for whole, part in zip(side, (height, width), strict=True)
    )
    gray = 255 * rng.random(count)
    height *= rng.random(count) < augment.erase
    return np.stack([top, left, top + height, left + width, gray], axis=1).astype(np.float32)
