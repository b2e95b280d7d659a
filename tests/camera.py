"""Light on a surface and the camera in front of it: linear reflectance -> an uint8 frame."""

from __future__ import annotations

import io
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from tests.settings import Setting
from tests.textures import enlarge

DEPTH = 4096
"""Entries of the tables from linear light to sRGB."""


def to_linear(color: tuple[int, int, int]) -> tuple[float, float, float]:
    """Linear light, 0 to 1, of an sRGB colour (IEC 61966-2-1)."""
    red, green, blue = (
        one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4
        for one in (part / 255 for part in color)
    )
    return red, green, blue


@cache
def _tables() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """sRGB steps, and how much stronger than in middle gray the noise is, by linear light.

    Shot noise grows with the root of the light and sRGB's curve about takes that back; what the
    amplifier adds does not grow, so it shows in the dark.
    """
    light = (np.arange(DEPTH, dtype=np.float64) + 0.5) / DEPTH
    steps = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    stronger = np.sqrt(0.75 + 0.25 * (0.2 / (light + 0.02)))
    return (255 * steps).astype(np.float32), stronger.astype(np.float32)


def expose(
    planes: list[NDArray[np.float32]], paper: float, setting: Setting, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """uint8 (H, W, 3) RGB: the frame that the camera makes of a surface.

    planes: R, G and B of the surface, float32 (H, W), linear reflectance, already blurred.
    paper: the ground's own green reflectance, which is exposed to the setting's level.
    """
    light = _light(setting, rng)
    level = to_linear((int(setting.exposure),) * 3)[0]
    steps, stronger = _tables()
    shape = planes[0].shape
    noise = _noise(shape, rng) if setting.noise else None
    frame = np.empty((*shape, 3), np.uint8)
    for channel, plane in enumerate(planes):
        gain = np.float32(setting.tint[channel] * level / paper * DEPTH)
        at = np.minimum(plane * light * gain, DEPTH - 1).astype(np.int32)
        seen = steps.take(at)
        if noise is not None:
            seen += noise[channel] * (np.float32(setting.noise) * stronger.take(at))
        np.clip(seen + 0.5, 0, 255, out=seen)
        frame[:, :, channel] = seen
    return _develop(frame, setting)


def soften(coverage: Image.Image, setting: Setting, digit_px: float) -> Image.Image:
    """How much of each point is covered (mode L) as the lens sees it, out of focus and in motion.

    Coverage is linear in light, so blurring it is blurring the light.
    """
    sigma = setting.defocus * digit_px
    if sigma > 0.2:
        coverage = coverage.filter(ImageFilter.GaussianBlur(sigma))
    length = round(setting.motion * digit_px)
    if length < 2:
        return coverage
    taken = np.zeros((coverage.height, coverage.width), np.float32)
    direction = np.deg2rad(setting.motion_deg)
    for step in np.linspace(-length / 2, length / 2, length + 1):
        shift = (round(step * np.sin(direction)), round(step * np.cos(direction)))
        taken += np.roll(np.asarray(coverage), shift, (0, 1))
    return Image.fromarray((taken / (length + 1)).astype(np.uint8))


def _light(setting: Setting, rng: np.random.Generator) -> NDArray[np.float32]:
    """float32 (H, W), 1 where it is brightest."""
    shape = (setting.height, setting.width)
    coarse = (shape[0] // 8, shape[1] // 8)
    rows, columns = np.indices(coarse, np.float32)
    across = (columns - coarse[1] / 2) / coarse[0]
    down = (rows - coarse[0] / 2) / coarse[0]
    direction = np.deg2rad(setting.light_deg)
    if setting.lamp:
        x, y = 0.35 * np.cos(direction), 0.35 * np.sin(direction)
        dark = (across - x) ** 2 + (down - y) ** 2
    else:
        dark = -(across * np.cos(direction) + down * np.sin(direction))
    dark = (dark - dark.min()) / np.ptp(dark)
    light = setting.gradient ** -dark.astype(np.float32)
    whole = enlarge(light, shape)
    if setting.shadow == "none":
        return whole
    return whole * (1 - np.float32(setting.shadow_depth) * _shadow(setting, rng))


def _shadow(setting: Setting, rng: np.random.Generator) -> NDArray[np.float32]:
    """float32 (H, W), 0 to 1: how much of the shadow lies where."""
    size = (setting.width * 2, setting.height * 2)
    mask = Image.new("L", size)
    pen = ImageDraw.Draw(mask)
    direction = np.deg2rad(setting.shadow_deg)
    along = np.array([np.cos(direction), np.sin(direction)])
    beside = np.array([-along[1], along[0]])
    middle = np.array(size) / 2
    far = 3.0 * size[0]
    edge = middle + along * (setting.shadow_at - 0.5) * size[1]
    if setting.shadow == "half":
        _fill(pen, [edge + beside * far, edge - beside * far, edge + (along - beside) * far,
                    edge + (along + beside) * far])  # fmt: skip
    elif setting.shadow == "corner":
        _fill(
            pen, [edge, edge + along * far + beside * far * 0.9, edge + along * far - beside * far]
        )
    elif setting.shadow == "blind":
        pitch = size[1] * float(rng.uniform(0.08, 0.25))
        for number in range(-20, 20):
            start = edge + along * pitch * number
            stop = start + along * pitch * 0.5
            _fill(pen, [start - beside * far, start + beside * far, stop + beside * far,
                        stop - beside * far])  # fmt: skip
    else:
        _draw_hand(pen, edge, along, beside, size[1] * float(rng.uniform(0.25, 0.45)), rng)
    mask = mask.reduce(2)
    if setting.shadow_blur:
        mask = mask.filter(ImageFilter.GaussianBlur(setting.shadow_blur * setting.height))
    return np.asarray(mask, np.float32) / np.float32(255)


def _draw_hand(
    pen: ImageDraw.ImageDraw,
    edge: NDArray[np.float64],
    along: NDArray[np.float64],
    beside: NDArray[np.float64],
    palm: float,
    rng: np.random.Generator,
) -> None:
    """A palm with an arm behind it and fingers in front; `along` points to the arm."""
    _dot(pen, edge, palm * 0.5)
    _fill(pen, [edge + beside * palm * 0.45, edge - beside * palm * 0.45,
                edge - beside * palm * 0.4 + along * palm * 9,
                edge + beside * palm * 0.4 + along * palm * 9])  # fmt: skip
    for number in range(5):
        spread = (number - 2) * float(rng.uniform(0.2, 0.3))
        heading = -along * np.cos(spread) + beside * np.sin(spread)
        root = edge + beside * palm * 0.2 * (number - 2)
        tip = root + heading * palm * float(rng.uniform(0.8, 1.2))
        pen.line([*map(float, root), *map(float, tip)], fill=255, width=int(palm * 0.2))
        _dot(pen, tip, palm * 0.1)


def _fill(pen: ImageDraw.ImageDraw, corners: list[NDArray[np.float64]]) -> None:
    pen.polygon([(float(x), float(y)) for x, y in corners], fill=255)


def _dot(pen: ImageDraw.ImageDraw, at: NDArray[np.float64], radius: float) -> None:
    x, y = map(float, at)
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)


def _noise(shape: tuple[int, ...], rng: np.random.Generator) -> list[NDArray[np.float32]]:
    """R, G and B, float32 (H, W), deviation about 1: brightness by pixel, colour in blotches."""
    rows, columns = shape
    brightness = rng.standard_normal((rows, columns), np.float32)
    half = (rows // 2, columns // 2)
    blotches = [
        np.asarray(Image.fromarray(rng.standard_normal(half, np.float32)).resize(
            (columns, rows), Image.Resampling.BILINEAR))
        for _ in range(2)
    ]  # fmt: skip
    return [
        brightness + np.float32(0.5) * blotches[0],
        brightness,
        brightness + np.float32(0.7) * blotches[1],
    ]


def _develop(frame: NDArray[np.uint8], setting: Setting) -> NDArray[np.uint8]:
    """What the camera does behind the sensor: sharpening and JPEG."""
    picture = Image.fromarray(frame)
    if setting.sharpen:
        side = -setting.sharpen / 4
        cross = (0, side, 0, side, 1 + setting.sharpen, side, 0, side, 0)
        picture = picture.filter(ImageFilter.Kernel((3, 3), cross, scale=1))
    if setting.jpeg:
        packed = io.BytesIO()
        picture.save(packed, "jpeg", quality=setting.jpeg)
        picture = Image.open(packed)
    return np.asarray(picture)
