"""Frames of a digit that moves on paper before a noisy sensor, as JPEGs and as a film."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.drawing import draw_digit


def moving_digit(
    digit: str, count: int, size: tuple[int, int] = (320, 240), seed: int = 0
) -> list[NDArray[np.uint8]]:
    """uint8 (H, W, 3) each, no two alike. size: width, height."""
    random = np.random.default_rng(seed)
    width, height = size
    side = height // 2
    ink = np.asarray(Image.fromarray(draw_digit(digit)).resize((side, side))) / 255
    frames = []
    for number in range(count):
        mask = np.zeros((height, width))
        left = round((width - side) * (0.2 + 0.6 * number / count))
        mask[height // 4 : height // 4 + side, left : left + side] = ink
        gray = 210 - 170 * mask
        noisy = gray[:, :, np.newaxis] + random.normal(0, 3, (height, width, 3))
        frames.append(np.clip(noisy, 0, 255).astype(np.uint8))
    return frames


def to_jpeg(frame: NDArray[np.uint8]) -> bytes:
    data = io.BytesIO()
    Image.fromarray(frame).save(data, "JPEG", quality=90)
    return data.getvalue()


def write_film(path: Path, frames: list[NDArray[np.uint8]], rate: float = 30.0) -> Path:
    """An AVI of JPEGs. frames: uint8 (H, W, 3) RGB."""
    height, width = frames[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), rate, (width, height))
    for frame in frames:
        writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    writer.release()
    return path
