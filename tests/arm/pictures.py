"""Several hundred pictures to classify on both sides, drawn or carried by the project itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from edge.contract import Input, Preprocess
from edge.golden import draw_frames
from tests.conditions import hardest, plain
from tests.drawing import shirt
from tests.scenes import draw_scene
from train.datasets import load_dataset

DIGITS, DRAWN, SCENES, SHIRTS = 240, 40, 12, 8


def make_pictures(folder: Path) -> list[Path]:
    """Writes them, sorted by name: digits as they lie in the data set and strokes, both 28x28 and
    ready; digits on paper under a lamp, whose ink has to be found, half of them JPEG; and shirts on
    the ground."""
    folder.mkdir(parents=True, exist_ok=True)
    found = load_dataset("optdigits").test
    digits = np.asarray(found.frames)
    paths = []
    for index, digit in enumerate(digits[:DIGITS]):
        paths.append(_save(folder / f"digit-{index:03d}-{found.targets[index]}.png", digit))
    spec = Input(28, 28, "gray", Preprocess("ink", (0.0,), (255.0,)))
    for index, frame in enumerate(draw_frames(spec, seed=7, count=DRAWN)):
        paths.append(_save(folder / f"drawn-{index:03d}.png", frame))
    for index in range(SCENES):
        digit = digits[DIGITS + index]
        scene = draw_scene([digit], (plain, hardest)[index % 2](index), index)
        suffix = ("png", "jpg")[index // 2 % 2]
        paths.append(_save(folder / f"scene-{index:03d}.{suffix}", scene.frame))
    for index, cloth in enumerate(_colors(SHIRTS)):
        paths.append(_save(folder / f"shirt-{index:03d}.png", shirt((200, 190, 170), cloth)))
    return sorted(paths)


def _colors(count: int) -> list[tuple[int, int, int]]:
    drawn = np.random.default_rng(5).integers(0, 160, (count, 3))
    return [(int(red), int(green), int(blue)) for red, green, blue in drawn]


def _save(path: Path, frame: object) -> Path:
    Image.fromarray(np.asarray(frame)).save(path)
    return path
