"""Every picture of a data set at the model's size: made once, in memory or in a file on disk."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from edge.contract import Input
from edge.preprocess import prepare_pixels
from train.samples import PictureFiles, Samples

AHEAD = 64
"""Pictures that are decoded at a time; what is in memory of a folder at any moment."""


def prepare_all(samples: Samples, spec: Input, scratch: Path) -> NDArray[np.uint8]:
    """uint8 (n, height, width, channels) by the edge's own preprocessing.

    Picture files go into an array on disk that is read as it is needed, so that memory does not
    grow with the folder.

    scratch: that array's path; one that is there already is taken as it is.

    Raises:
        FrameError: a picture that cannot be read.
    """
    shape = (len(samples), *spec.shape)
    if not isinstance(samples.frames, PictureFiles):
        pixels = np.empty(shape, np.uint8)
        for index, frame in enumerate(samples):
            pixels[index] = prepare_pixels(frame, spec)
        return pixels
    if not scratch.is_file():
        unfinished = scratch.with_suffix(".part")
        stored: NDArray[np.uint8] = np.lib.format.open_memmap(  # type: ignore[no-untyped-call]
            unfinished, "w+", np.uint8, shape
        )
        for index, picture in enumerate(_decoded(samples, spec)):
            stored[index] = picture
        stored.flush()  # type: ignore[attr-defined]
        os.replace(unfinished, scratch)
    on_disk: NDArray[np.uint8] = np.load(scratch, mmap_mode="r")
    return on_disk


def _decoded(samples: Samples, spec: Input) -> Iterator[NDArray[np.uint8]]:
    """The prepared pictures in order, decoded side by side: decoders release the lock."""
    total = len(samples)
    bar = tqdm(total=total, unit=" pictures", desc="preparing", disable=not sys.stderr.isatty())
    with bar, ThreadPoolExecutor() as pool:
        for start in range(0, total, AHEAD):
            some = range(start, min(start + AHEAD, total))
            yield from pool.map(lambda index: prepare_pixels(samples.frames[index], spec), some)
            bar.update(len(some))
