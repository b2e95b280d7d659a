"""Handwriting on paper: training pictures drawn on a page, and as `ink` finds them there.

What a camera sees of a digit reaches the network through the finder, which draws strokes a little
otherwise than a data set does: a network that has seen both takes neither for something new.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from tqdm import tqdm

from edge.errors import NothingFound
from edge.preprocess.ink import find_ink
from train.workers import end_with_parent

FINE = 6
"""Pixels of the drawing for each of the data set's."""
SIDES = (20, 72)
"""Pixels of a picture on the page, its margin included, from and to."""
MARGIN = 0.25
"""Of that: paper around it, so that the finder has a ground to look at."""
CHUNK = 64
"""Pictures that a process is given at a time: what an interruption waits for."""
SERIAL = 2000
"""So few pictures are drawn in this process: starting others takes as long."""


@dataclass(frozen=True)
class _Draw:
    """What a process draws of each picture and its number."""

    seed: int

    def __call__(self, numbered: tuple[int, NDArray[np.uint8]]) -> NDArray[np.uint8]:
        index, picture = numbered
        height, width = picture.shape
        page = draw_page(picture, np.random.default_rng((self.seed, index)))
        try:
            return find_ink(page, height, width)[0].pixels[:, :, 0]
        except NothingFound:
            return picture


def find_on_paper(pictures: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
    """Each picture as the finder brings it back from a page; where it finds none, as it was.

    pictures: uint8 (n, height, width, 1), light on black.

    Returns:
        the same shape; the same pixels for the same arguments.
    """
    numbered = list(enumerate(pictures[..., 0]))
    draw, total = _Draw(seed), len(numbered)
    bar = tqdm(total=total, unit=" pictures", desc="on paper", disable=not sys.stderr.isatty())
    found = np.empty_like(pictures)
    with bar:
        if total <= SERIAL:
            for index, one in enumerate(map(draw, numbered)):
                found[index, :, :, 0] = one
                bar.update()
            return found
        # Spawned: a framework's threads do not outlive a fork.
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(os.cpu_count(), context, _begin)
        try:
            for index, one in enumerate(pool.map(draw, numbered, chunksize=CHUNK)):
                found[index, :, :, 0] = one
                bar.update()
        finally:
            pool.shutdown(cancel_futures=True)
    return found


def _begin() -> None:
    """In a worker: Ctrl-C is its parent's to answer, and it ends when that is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()


def draw_page(picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """uint8 (side, side): the picture in ink on paper, as a camera sees it.

    Any pen, size, focus and light; dark on light, or seldom the other way round.

    picture: uint8 (H, W), light on black.
    """
    large = Image.fromarray(picture).resize(
        (FINE * picture.shape[1], FINE * picture.shape[0]), Image.Resampling.BICUBIC
    )
    smooth = np.asarray(large.filter(ImageFilter.GaussianBlur(FINE / 4)), np.float32) / 255
    # A blurred stroke is cut at another height: a thicker or a thinner pen, its middle kept.
    wide = large.filter(ImageFilter.GaussianBlur(FINE * 0.7))
    cut = float(rng.uniform(0.25, 0.6))
    pen = np.asarray(wide, np.float32) / 255 if rng.random() < 0.7 else smooth
    edge = float(rng.uniform(2, 12))
    ink = np.clip((pen - cut) * edge + 0.5, 0, 1)
    scale = float(np.exp(rng.uniform(*np.log(SIDES)))) / max(picture.shape)
    size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    drawn = Image.fromarray(np.rint(255 * ink).astype(np.uint8)).resize(
        size, Image.Resampling.BOX if scale < FINE else Image.Resampling.BICUBIC
    )
    margin = max(3, round(MARGIN * max(size)))
    coverage = np.pad(np.asarray(drawn), margin)
    blur = float(rng.random() ** 2) * 0.035 * max(size)
    seen = Image.fromarray(coverage).filter(ImageFilter.GaussianBlur(blur))
    covered = np.asarray(seen, np.float32) / 255
    return _light(covered, rng)


def _light(covered: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.uint8]:
    """uint8 (H, W) of how much ink covers each place, 0 to 1: in a slope of light, with noise."""
    height, width = covered.shape
    paper, ink = float(rng.uniform(110, 245)), float(rng.uniform(0.05, 0.55))
    if rng.random() < 0.25:
        paper, ink = float(rng.uniform(20, 80)), float(rng.uniform(2.5, 4))
    angle, slope = rng.uniform(0, 2 * np.pi), float(rng.uniform(0, 0.35))
    across, down = np.linspace(-1, 1, width), np.linspace(-1, 1, height)[:, np.newaxis]
    light = 1 - slope * (0.5 + 0.5 * (np.cos(angle) * across + np.sin(angle) * down))
    page = paper * light * (1 + (ink - 1) * covered)
    page += rng.normal(0, float(rng.uniform(0, 0.04)) * paper, page.shape)
    return np.clip(np.rint(page), 0, 255).astype(np.uint8)
