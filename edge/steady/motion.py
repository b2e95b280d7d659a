"""Whether anything moved in front of the camera: if not, the last answer still stands."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

SAMPLES = 230_400
"""Pixels that are looked at, at most about: every second one of every second row of 1280x720. With
every fourth, the stem of a thin 1 fell between two of them."""

BLOCK = 8
"""Samples, a side, whose mean is compared: a sensor's noise of 5 levels becomes one of 0.6."""

SMALL_BLOCK = 4
"""As `BLOCK`, where the frame is below `SMALL`: a change of 8x8 pixels covers one such block,
wherever it lies."""

SMALL = 128
"""Samples of the shorter side, below which blocks are small."""

THRESHOLD = 7.0
"""Gray levels. In 2,500 frames of 1280x720, noise of 5 levels changed a block by up to 5.0; a thin
digit of 40 pixels, its strokes 3 wide and 60 levels darker than the paper, by 7.5 or more."""

FLICKER = 0.02
"""Change of the whole frame's light that is taken back: from 1 % less to 1 % more."""


class MotionGate:
    """Compares each frame with the last one that was not still; the first is not.

    So slow changes add up until they are noticed. One channel is looked at, green: what differs in
    red or blue alone is noticed when the answer is refreshed. Only means of blocks are kept.
    """

    def __init__(self, threshold: float = THRESHOLD, refresh_s: float = 10.0) -> None:
        """
        threshold: gray levels by which the mean of 8x8 samples must differ; of 4x4, twice that.
        refresh_s: after that long a frame is not still, whatever it shows.
        """
        self._threshold, self._refresh_s = threshold, refresh_s
        self._shape: tuple[int, ...] = ()
        self._since_s = -math.inf
        self._before: NDArray[np.float32] = np.empty((0, 0), np.float32)

    def is_still(self, frame: NDArray[np.uint8], now_s: float) -> bool:
        """Whether nothing changed since the last frame for which this was false.

        frame: uint8 (H, W, 3) RGB or (H, W) gray; read during the call alone.
        now_s: of a monotonic clock, in seconds.
        """
        samples, block = sample(frame)
        means = block_means(samples, block)
        is_fresh = frame.shape == self._shape and now_s - self._since_s < self._refresh_s
        least = self._threshold * BLOCK / block  # the noise of a mean falls with the block's side
        if is_fresh and largest_change(means, self._before) < least:
            return True
        self._shape, self._since_s, self._before = frame.shape, now_s, means
        return False


def sample(frame: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], int]:
    """uint8 (h, w), a view of some of the frame's pixels; and how many a side make a block."""
    plane = frame if frame.ndim == 2 else frame[:, :, 1]
    stride = max(1, math.ceil(math.sqrt(plane.size / SAMPLES)))
    samples = plane[::stride, ::stride]
    shorter = min(samples.shape)
    return samples, BLOCK if shorter >= SMALL else max(1, min(SMALL_BLOCK, shorter))


def block_means(samples: NDArray[np.uint8], block: int) -> NDArray[np.float32]:
    """float32 (h // block, w // block), gray levels; what is left over at the edges is not seen.

    Added row on row and column on column: a sum over two axes takes 5 times as long.
    """
    height, width = (side // block * block for side in samples.shape)
    whole = samples[:height, :width]
    rows = whole[::block].astype(np.uint16)
    for at in range(1, block):
        rows += whole[at::block]
    sums = rows[:, ::block].astype(np.float32)
    for at in range(1, block):
        sums += rows[:, at::block]
    return sums / np.float32(block * block)


def largest_change(now: NDArray[np.float32], before: NDArray[np.float32]) -> float:
    """Gray levels by which the block that changed most did, beside the light's flicker."""
    light = float(before.sum()) / max(1.0, float(now.sum()))
    gain = np.float32(min(max(light, 1 - FLICKER), 1 + FLICKER))
    return float(np.abs(now * gain - before).max(initial=0.0))
