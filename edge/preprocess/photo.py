"""`photo`: the picture as it is, at the model's size; and the pixel conversions that all share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.contract import Input


def to_gray(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 (H, W, 3) RGB or (H, W) gray -> uint8 (H, W), luma of ITU-R BT.601.

    Pillow's weights are whole parts of 65,536 that sum up to it, so gray stays gray.
    """
    if frame.ndim == 2:
        return frame
    from PIL import Image

    return np.asarray(Image.fromarray(np.ascontiguousarray(frame)).convert("L"))


def to_rgb(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 (H, W, 3) RGB or (H, W) gray -> uint8 (H, W, 3) RGB."""
    return frame if frame.ndim == 3 else np.repeat(frame[:, :, np.newaxis], 3, axis=2)


def resize(pixels: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Antialiased bilinear resize of uint8 (H, W) or (H, W, 3); at least 1x1.

    Pillow widens the filter when it shrinks, so no pixel is skipped.
    """
    from PIL import Image

    size = (max(1, width), max(1, height))
    if pixels.shape[1::-1] == size:
        return pixels
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(picture.resize(size, Image.Resampling.BILINEAR))


def fit_photo(frame: NDArray[np.uint8], spec: Input) -> NDArray[np.uint8]:
    """uint8 (H, W, 3) or (H, W) -> uint8 (height, width, channels), by the contract's `fit`.

    `crop` keeps the centre at the model's aspect; `letterbox` keeps all and pads with black;
    `stretch` keeps all and gives the aspect up.
    """
    pixels = to_gray(frame) if spec.color == "gray" else to_rgb(frame)
    if spec.preprocess.fit == "letterbox":
        fitted = letterbox(pixels, spec.height, spec.width)
    elif spec.preprocess.fit == "stretch":
        fitted = resize(pixels, spec.height, spec.width)
    else:
        fitted = resize(_center_crop(pixels, spec.height, spec.width), spec.height, spec.width)
    return fitted.reshape(spec.shape)


def _center_crop(pixels: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    rows, columns = pixels.shape[:2]
    crop_rows = min(rows, max(1, round(columns * height / width)))
    crop_columns = min(columns, max(1, round(rows * width / height)))
    top, left = (rows - crop_rows) // 2, (columns - crop_columns) // 2
    return pixels[top : top + crop_rows, left : left + crop_columns]


def letterbox(pixels: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """The whole of uint8 (H, W) or (H, W, 3), as large as it fits, centred on black."""
    rows, columns = pixels.shape[:2]
    scale = min(height / rows, width / columns)
    inner = resize(pixels, min(height, round(rows * scale)), min(width, round(columns * scale)))
    canvas = np.zeros((height, width, *pixels.shape[2:]), np.uint8)
    top, left = (height - inner.shape[0]) // 2, (width - inner.shape[1]) // 2
    canvas[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
    return canvas
