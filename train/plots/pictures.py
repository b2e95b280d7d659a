"""Pictures as the model sees them, and many of them in one sprite for a page."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.contract import Input
from edge.errors import NothingFound
from edge.preprocess import prepare
from train.samples import Samples

MAX_SPRITE_BYTES = 4_200_000
"""A page of 6 MB opens on a phone at once; 10,000 pictures of Fashion-MNIST fit."""
MAX_SPRITE_PIXELS = 16_000_000
"""Phones refuse to decode much larger pictures."""
JPEG_BLOCK = 8
"""Cells of a JPEG that begin on its blocks do not bleed into each other."""


@dataclass(frozen=True)
class Sprite:
    """One picture that holds many, in rows of equal cells."""

    uri: str
    """Data URI: PNG for gray, JPEG for RGB, of which a PNG would be five times as large."""
    columns: int
    cell: tuple[int, int]
    """Height and width of a cell in pixels; the picture stands in its upper left."""


def as_seen(samples: Samples, spec: Input) -> NDArray[np.uint8]:
    """uint8 (n, height, width, channels): what the model is fed, brought back to pixels.

    A picture in which nothing is found becomes black.
    """
    mean = np.asarray(spec.preprocess.mean, np.float32)
    std = np.asarray(spec.preprocess.std, np.float32)
    seen = np.zeros((len(samples), *spec.shape), np.uint8)
    for picture, frame in zip(seen, samples, strict=True):
        try:
            picture[:] = np.clip(np.round(prepare(frame, spec) * std + mean), 0, 255)
        except NothingFound:
            continue
    return seen


def most_that_fit(spec: Input) -> int:
    """How many pictures a sprite can hold by its pixels."""
    return MAX_SPRITE_PIXELS // (spec.height * spec.width)


def make_sprite(pictures: NDArray[np.uint8]) -> tuple[Sprite, int]:
    """The first pictures, as many as MAX_SPRITE_BYTES hold, and how many those are.

    pictures: uint8 (n, height, width, channels), n at least 1.
    """
    count = len(pictures)
    while True:
        data, columns, cell = _encode(pictures[:count])
        if len(data) <= MAX_SPRITE_BYTES or count == 1:
            break
        count = max(1, int(0.95 * count * MAX_SPRITE_BYTES / len(data)))
    kind = "png" if pictures.shape[3] == 1 else "jpeg"
    uri = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    return Sprite(uri, columns, cell), count


def _encode(pictures: NDArray[np.uint8]) -> tuple[bytes, int, tuple[int, int]]:
    from PIL import Image

    count, height, width, channels = pictures.shape
    is_gray = channels == 1
    down, across = (0, 0) if is_gray else (-height % JPEG_BLOCK, -width % JPEG_BLOCK)
    padded = np.pad(pictures, ((0, 0), (0, down), (0, across), (0, 0)), mode="edge")
    height, width = padded.shape[1:3]
    columns = int(np.ceil(np.sqrt(count * height / width)))
    rows = -(-count // columns)
    cells = np.zeros((rows * columns, height, width, channels), np.uint8)
    cells[:count] = padded
    whole = cells.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    pixels = whole.reshape(rows * height, columns * width, channels)
    image = Image.fromarray(pixels[..., 0] if is_gray else pixels)
    buffer = io.BytesIO()
    if is_gray:
        image.save(buffer, "PNG", optimize=True)
    else:
        image.save(buffer, "JPEG", quality=85, subsampling=0)
    return buffer.getvalue(), columns, (height, width)
