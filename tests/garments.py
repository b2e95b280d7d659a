"""Camera frames of a garment on a plain ground, from Fashion-MNIST's pictures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from tests.borders import Planes, cover
from tests.camera import expose, soften, to_linear
from tests.glyphs import enlarge_light, ink_box, make_field
from tests.scenes import Scene
from tests.settings import INKS, PAPERS, Setting
from tests.textures import cut, paper_grain

FAINT = 14
"""What is lighter in a published picture belongs to the garment."""
LEAST_TONE = 0.3
"""How far the cloth's faintest tone is from the ground, of the way to its strongest one."""


def draw_garment_scene(picture: NDArray[np.uint8], setting: Setting, seed: int) -> Scene:
    """Lays a garment on a ground, with the shadow that it casts.

    The ground has the setting's paper's colour and the cloth's strongest tone the ink's. The
    published pictures were turned to bright on black, so bright there is dark cloth on a light
    ground and light cloth on a dark one: either way the tone that is farthest from the ground.

    picture: uint8 (28, 28), bright on black.
    """
    rng = np.random.default_rng((seed, 7))
    light = Image.fromarray(enlarge_light(picture, FAINT))
    light = light.rotate(-setting.tilt_deg, Image.Resampling.BICUBIC, expand=True)
    field = make_field(np.asarray(light) > FAINT)
    box = ink_box(field)
    size_px = setting.size * setting.height
    scale = size_px / max(box[2:])
    spots = [
        _paste(one, box, scale, setting)
        for one in (light, Image.fromarray(_coverage(field, scale)))
    ]
    tone, whole = (np.asarray(soften(one, setting, size_px), np.float32) / 255 for one in spots)
    where = spots[1].point(lambda value: 255 * (value > 127)).getbbox()
    planes = _ground(whole, size_px, setting, rng)
    cover(planes, whole * (LEAST_TONE + (1 - LEAST_TONE) * tone), to_linear(INKS[setting.ink]))
    frame = expose(planes, to_linear(PAPERS[setting.paper])[1], setting, rng)
    left, top, right, bottom = where or (0, 0, 0, 0)
    return Scene(frame, ((left, top, right - left, bottom - top),), setting)


def _coverage(field: NDArray[np.float32], scale: float) -> NDArray[np.uint8]:
    """0 to 255, half way at the outline; steep enough to be an edge when it has been enlarged."""
    return np.clip(127.5 + 255 * field * scale / max(1.0, scale / 2), 0, 255).astype(np.uint8)


def _paste(
    one: Image.Image, box: tuple[float, float, float, float], scale: float, setting: Setting
) -> Image.Image:
    """The picture in an empty frame, so that `box` of it lies where the setting says."""
    size = (round(one.width * scale), round(one.height * scale))
    extent = (setting.width, setting.height)
    corner = [
        round(0.015 * setting.height - box[axis] * scale
              + setting.at[axis] * (0.97 * extent[axis] - box[2 + axis] * scale))
        for axis in (0, 1)
    ]  # fmt: skip
    whole = Image.new("L", extent)
    whole.paste(one.resize(size, Image.Resampling.BICUBIC), (corner[0], corner[1]))
    return whole


def _ground(
    whole: NDArray[np.float32], size_px: float, setting: Setting, rng: np.random.Generator
) -> Planes:
    """The ground, with the shadow that what lies on it casts away from the light."""
    grain = 1 + np.float32(setting.texture) * cut(
        paper_grain(), (setting.height, setting.width), rng
    )
    away = np.deg2rad(setting.light_deg + 180)
    far = size_px * float(rng.uniform(0.01, 0.05))
    blurred = Image.fromarray((255 * whole).astype(np.uint8)).filter(
        ImageFilter.GaussianBlur(size_px * float(rng.uniform(0.01, 0.04)))
    )
    offset = (1, 0, -far * float(np.cos(away)), 0, 1, -far * float(np.sin(away)))
    cast = blurred.transform(blurred.size, Image.Transform.AFFINE, offset)
    depth = np.float32(rng.uniform(0.2, 0.6) / 255)
    shade = grain * (1 - depth * np.asarray(cast, np.float32))
    return [shade * np.float32(one) for one in to_linear(PAPERS[setting.paper])]
