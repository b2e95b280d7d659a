"""Camera frames that show no digit: letters, words, textures, walls, darkness, faces, noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from tests.borders import SKIN
from tests.camera import expose, to_linear
from tests.conditions import hardest, plain, several
from tests.lettering import ALONE, STROKES, WORDS, print_letter, write_character
from tests.scenes import draw_scene
from tests.settings import PAPERS, TABLES, Setting
from tests.textures import brick, cloth, clouds, cut, enlarge, marble, wood

Draw = Callable[[np.random.Generator], NDArray[np.uint8]]


def draw_distractor(kind: str, seed: int) -> NDArray[np.uint8]:
    """uint8 (H, W, 3) RGB: a frame of one of KINDS."""
    return KINDS[kind](np.random.default_rng((seed, 6, list(KINDS).index(kind))))


def _setting(rng: np.random.Generator) -> tuple[Setting, int]:
    """A setting and a seed to draw with. Every other one is easy: bad light makes no letter."""
    seed = int(rng.integers(2**31))
    return (plain(seed) if seed % 2 else hardest(seed)), seed


def _printed(rng: np.random.Generator) -> NDArray[np.uint8]:
    letter = print_letter(str(rng.choice(list(ALONE))), rng)
    setting, seed = _setting(rng)
    return draw_scene([letter], replace(setting, pen=None), seed).frame


def _written(rng: np.random.Generator) -> NDArray[np.uint8]:
    letter = write_character(str(rng.choice([one for one in ALONE if one in STROKES])), rng)
    setting, seed = _setting(rng)
    return draw_scene([letter], setting, seed).frame


def _word(rng: np.random.Generator) -> NDArray[np.uint8]:
    how = print_letter if rng.random() < 0.5 else write_character
    letters = [how(letter, rng) for letter in str(rng.choice(WORDS))]
    setting, seed = _setting(rng)
    setting = replace(several(setting, seed, len(letters)), gap=(0.08, 0.22), pen=None)
    return draw_scene(letters, setting, seed).frame


def _textured(tile: Callable[[], NDArray[np.float32]], strength: float) -> Draw:
    """Frames of a texture, from any distance, in any colour."""

    def draw(rng: np.random.Generator) -> NDArray[np.uint8]:
        setting = _ground(rng)
        zoom = float(rng.uniform(1.0, 3.0))
        shape = (setting.height, setting.width)
        near = cut(tile(), (int(shape[0] / zoom), int(shape[1] / zoom)), rng)
        pattern = enlarge(near, shape)
        return _show(pattern * np.float32(strength * rng.uniform(0.4, 1.0)), setting, rng)

    return draw


def _cloudy(rng: np.random.Generator) -> NDArray[np.uint8]:
    setting = _ground(rng)
    shape = (setting.height, setting.width)
    pattern = clouds(shape, rng, int(rng.integers(2, 12)), float(rng.uniform(0.5, 1.0)))
    return _show(pattern * np.float32(rng.uniform(0.1, 0.3)), setting, rng)


def _bricks(rng: np.random.Generator) -> NDArray[np.uint8]:
    setting = _ground(rng)
    pattern = brick((setting.height, setting.width), rng)
    return _show(pattern * np.float32(rng.uniform(0.1, 0.25)), setting, rng)


def _wall(rng: np.random.Generator) -> NDArray[np.uint8]:
    setting = _ground(rng)
    shape = (setting.height, setting.width)
    return _show(np.float32(0.02) * clouds(shape, rng, 8, 0.9), setting, rng)


def _dark(rng: np.random.Generator) -> NDArray[np.uint8]:
    exposure, noise = float(rng.uniform(2, 18)), float(rng.uniform(2, 8))
    setting = replace(_ground(rng), exposure=exposure, noise=noise)
    return _show(np.zeros((setting.height, setting.width), np.float32), setting, rng)


def _noise(rng: np.random.Generator) -> NDArray[np.uint8]:
    """From single pixels to blotches of 16, gray or coloured, faint to full."""
    cell = int(rng.choice([1, 1, 2, 4, 8, 16]))
    channels = int(rng.choice([1, 3]))
    values = rng.normal(
        rng.uniform(60, 190), rng.uniform(10, 80), (480 // cell, 640 // cell, channels)
    )
    frame = np.clip(values, 0, 255).astype(np.uint8)
    frame = frame.repeat(cell, 0).repeat(cell, 1)
    return frame.repeat(3 // channels, 2)


def _face(rng: np.random.Generator) -> NDArray[np.uint8]:
    """A head with hair, eyes, nose and mouth before a wall."""
    setting = _ground(rng)
    frame = np.array([setting.width, setting.height])
    high = setting.height * float(rng.uniform(0.2, 0.85))
    wide = high * float(rng.uniform(0.68, 0.82))
    x, y = (float(one) for one in (frame - [wide, high]) * rng.uniform(0.15, 0.85, 2))
    wall = PAPERS[str(rng.choice(list(PAPERS)))]
    skin = SKIN[int(rng.integers(len(SKIN)))]
    hair = [(40, 30, 26), (92, 62, 40), (190, 150, 90), (150, 150, 150)][int(rng.integers(4))]
    picture = Image.new("RGB", (setting.width, setting.height), wall)
    pen = ImageDraw.Draw(picture)

    def oval(cx: float, cy: float, w: float, h: float, color: tuple[int, int, int]) -> None:
        left, top = x + (cx - w / 2) * wide, y + (cy - h / 2) * high
        pen.ellipse((left, top, left + w * wide, top + h * high), fill=color)

    oval(0.5, 0.36, 1.14, 0.86, hair)
    pen.rectangle((x + 0.34 * wide, y + 0.85 * high, x + 0.66 * wide, y + 1.2 * high), fill=skin)
    oval(0.5, 0.52, 0.94, 0.94, skin)
    oval(0.5, 0.08, 0.8, 0.24, hair)
    apart = float(rng.uniform(0.18, 0.22))
    for side in (-1, 1):
        oval(0.5 + side * apart, 0.45, 0.18, 0.07, (236, 234, 228))
        oval(0.5 + side * apart, 0.45, 0.075, 0.065, (50, 40, 36))
        oval(0.5 + side * apart, 0.37, 0.22, 0.03, hair)
    shade = tuple(int(0.75 * one) for one in skin)
    oval(0.5, 0.6, 0.14, 0.09, (shade[0], shade[1], shade[2]))
    oval(0.5, 0.77, float(rng.uniform(0.25, 0.42)), float(rng.uniform(0.03, 0.1)), (150, 70, 70))
    soft = picture.filter(ImageFilter.GaussianBlur(float(rng.uniform(1.0, 3.0))))
    linear = (np.asarray(soft, np.float32) / 255) ** 2.2
    planes = [np.ascontiguousarray(linear[:, :, channel]) for channel in range(3)]
    brightest = max(to_linear(wall)[1], to_linear(skin)[1])
    return expose(planes, brightest, setting, rng)


def _ground(rng: np.random.Generator) -> Setting:
    """Light and camera for a frame without a page; two in three have no shadow."""
    setting = hardest(int(rng.integers(2**31)))
    shadow = setting.shadow if rng.random() < 1 / 3 else "none"
    return replace(setting, shadow=shadow, jpeg=max(setting.jpeg, 60))


def _show(
    pattern: NDArray[np.float32], setting: Setting, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """The frame of a surface in some colour whose brightness follows a pattern of mean 0."""
    colors = [*PAPERS.values(), *TABLES.values()]
    ground = to_linear(colors[int(rng.integers(len(colors)))])
    brightness = np.clip(1 + pattern, 0.1, 3.0)
    return expose([brightness * np.float32(one) for one in ground], ground[1], setting, rng)


KINDS: Mapping[str, Draw] = {
    "printed letter": _printed,
    "written letter": _written,
    "word": _word,
    "wood": _textured(wood, 0.25),
    "cloth": _textured(cloth, 0.25),
    "marble": _textured(marble, 0.25),
    "clouds": _cloudy,
    "brick": _bricks,
    "blank wall": _wall,
    "dark": _dark,
    "noise": _noise,
    "face": _face,
}
GROUPS: Mapping[str, tuple[str, ...]] = {
    "letters": ("printed letter", "written letter", "word"),
    "textures": ("wood", "cloth", "marble", "clouds", "brick"),
    "noise": ("blank wall", "dark", "noise"),
    "faces": ("face",),
}
