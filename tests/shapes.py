"""A folder of drawn shapes as a maker's folder is: mixed formats and sizes, a tenth of it bad.

    python -m tests.shapes FOLDER [--seed N]

makes it and prints what is bad in it.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

CLASSES = ("circle", "square", "triangle")
PER_CLASS = 105
"""Good pictures of each class; the bad ones come on top."""
SIDES = (72, 96, 120, 160, 200, 240, 320, 480)
ORIENTATION, GPS = 0x0112, 0x8825


@dataclass(frozen=True)
class Made:
    """What is in the folder; paths are relative to it."""

    good: list[str]
    rotated: list[str]
    """Good ones that are upright by EXIF alone."""
    located: list[str]
    """Good ones that tell where they were taken."""
    gray: list[str]
    """Good ones without colour."""
    unreadable: list[str]
    unread_format: list[str]
    """Pictures whose format is none of ours."""
    copies: list[list[str]]
    """(original, copy with the same pixels)."""
    near: list[list[str]]
    """(original, copy encoded again or resized)."""
    conflicts: list[list[str]]
    """The same pixels under two classes."""


def draw_shape(shape: str, rng: np.random.Generator, width: int, height: int) -> Image.Image:
    """One filled shape on a ground with light from one side and some noise, RGB.

    It lies within the middle square, has 40 to 80 % of its side, stands nearly straight and is
    darker than its ground: a few hundred are enough to learn from.
    """
    side = min(width, height)
    radius = side * rng.uniform(0.2, 0.4)
    reach = side / 2 - radius
    x, y = width / 2 + rng.uniform(-reach, reach), height / 2 + rng.uniform(-reach, reach)
    ground, ink = rng.uniform(170, 255, 3), rng.uniform(0, 100, 3)
    mask = Image.new("L", (width, height))
    pen = ImageDraw.Draw(mask)
    if shape == "circle":
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    else:
        corners = 4 if shape == "square" else 3
        pen.regular_polygon((x, y, radius), corners, rotation=int(rng.integers(-15, 16)), fill=255)
    inside = np.asarray(mask)[:, :, np.newaxis] / 255
    light = np.linspace(1, rng.uniform(0.7, 1), width)[np.newaxis, :, np.newaxis]
    pixels = (ground * (1 - inside) + ink * inside) * light
    pixels += rng.normal(0, rng.uniform(0, 6), (height, width, 1))
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


Save = Callable[[Image.Image, Path], Path]


def _save(suffix: str, mode: str = "RGB", **options: Any) -> Save:
    def save(picture: Image.Image, stem: Path) -> Path:
        path = stem.with_suffix(suffix)
        picture.convert(mode).save(path, **options)
        return path

    return save


def _save_deep(picture: Image.Image, stem: Path) -> Path:
    path = stem.with_suffix(".png")
    Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257).save(path)
    return path


def _save_turned(picture: Image.Image, stem: Path) -> Path:
    """As a phone does: the sensor's rows as they are, and a tag that says how to turn them."""
    path = stem.with_suffix(".jpg")
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    picture.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif, quality=90)
    return path


def _save_located(picture: Image.Image, stem: Path) -> Path:
    path = stem.with_suffix(".jpg")
    exif = Image.Exif()
    exif[GPS] = {1: "N", 2: (47.0, 30.0, 0.0), 3: "E", 4: (19.0, 2.0, 0.0)}
    picture.save(path, exif=exif, quality=90)
    return path


GRAY: tuple[Save, ...] = (_save(".png", "L"), _save(".jpeg", "L", quality=85), _save_deep)
SAVES: tuple[Save, ...] = (
    *(_save(".jpg", quality=quality) for quality in (75, 85, 95)),
    *(_save(".JPG", quality=90), _save(".png"), _save(".webp", quality=80), _save(".bmp")),
    *(_save(".gif", "P"), _save(".png", "P"), _save(".png", "RGBA"), _save(".tiff")),
    *(*GRAY, _save_turned, _save_located),
)


def make_shapes(folder: Path, seed: int = 1, per_class: int = PER_CLASS) -> Made:
    """Writes the folder, the same for the same seed, and says what is bad in it."""
    rng = np.random.default_rng(seed)
    made = Made([], [], [], [], [], [], [], [], [])
    for label in CLASSES:
        (folder / label).mkdir(parents=True)
        for number in range(per_class):
            width, height = (int(side) for side in rng.choice(SIDES, 2))
            height = int(np.clip(height, width // 2, width * 2))
            save = SAVES[number % len(SAVES)]
            path = save(
                draw_shape(label, rng, width, height), folder / label / f"{label}-{number:04d}"
            )
            made.good.append(_name(path, folder))
            kinds = {_save_turned: made.rotated, _save_located: made.located}
            if save in GRAY:
                made.gray.append(_name(path, folder))
            elif save in kinds:
                kinds[save].append(_name(path, folder))
    _spoil(folder, made, rng)
    return made


def _spoil(folder: Path, made: Made, rng: np.random.Generator) -> None:
    """Adds the bad ones: about one for every nine that are good."""
    for number, label in enumerate(CLASSES):
        here = folder / label
        pool = [folder / name for name in made.good if name.startswith(label)]
        originals = [pool[int(index)] for index in rng.permutation(len(pool))]
        _add_unreadable(here, originals.pop(), made, folder)
        for _ in range(2):
            one = originals.pop()
            copy = here / f"copy of {one.name}"
            shutil.copy(one, copy)
            made.copies.append([_name(one, folder), _name(copy, folder)])
        for save in (_again, _smaller, _larger):
            one = originals.pop()
            made.near.append([_name(one, folder), _name(save(one, here), folder)])
        one = originals.pop()
        other = folder / CLASSES[(number + 1) % len(CLASSES)] / f"also {one.name}"
        shutil.copy(one, other)
        made.conflicts.append([_name(one, folder), _name(other, folder)])


def _add_unreadable(here: Path, one: Path, made: Made, folder: Path) -> None:
    with Image.open(one) as opened:
        picture = opened.convert("RGB")
    picture.save(here / "torn.jpg", quality=90)
    whole = (here / "torn.jpg").read_bytes()
    for name, data in [
        ("torn.jpg", whole[: len(whole) // 2]),
        ("empty.png", b""),
        ("letter.jpg", b"Dear diary, this is no picture.\n"),
    ]:
        (here / name).write_bytes(data)
        made.unreadable.append(_name(here / name, folder))
    (here / "IMG_0001.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))
    made.unread_format.append(_name(here / "IMG_0001.HEIC", folder))


def _again(one: Path, here: Path) -> Path:
    path = here / f"{one.stem} sent.jpg"
    _upright(one).save(path, quality=60)
    return path


def _smaller(one: Path, here: Path) -> Path:
    picture = _upright(one)
    path = here / f"{one.stem} small.png"
    picture.resize((round(picture.width * 0.6), round(picture.height * 0.6))).save(path)
    return path


def _larger(one: Path, here: Path) -> Path:
    picture = _upright(one)
    path = here / f"{one.stem} large.webp"
    picture.resize((picture.width * 2, picture.height * 2)).save(path, quality=80)
    return path


def _upright(path: Path) -> Image.Image:
    from edge.sources.picture import decode_file

    return Image.fromarray(decode_file(path)).convert("RGB")


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def main() -> None:
    parser = argparse.ArgumentParser(description="Make a folder of drawn shapes, a tenth bad.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    made = asdict(make_shapes(arguments.folder, arguments.seed))
    print(f"good: {len(made.pop('good'))} pictures")
    for kind, names in made.items():
        print(f"{kind}:", json.dumps(names))


if __name__ == "__main__":
    main()
