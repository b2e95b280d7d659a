"""Whatever colours a picture is stored in to sRGB, by its own ICC profile where it has one."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}
"""Pillow's mode -> the colour space that a profile of such pixels names in its header."""
MAX_PROFILE_BYTES = 8 * 1024 * 1024
"""Printers' profiles have up to about 3 MB; more is no profile, and a few are remembered."""
INVISIBLE = 2
"""Levels of 256 up to which a profile counts as sRGB: many cameras embed sRGB itself."""


def to_srgb(picture: Image, profile: bytes | None) -> Image:
    """A picture without transparency in mode L or RGB, sRGB.

    picture: mode L, RGB, CMYK, LAB, or any that Pillow converts to L or RGB.
    profile: the ICC profile as embedded; one that is broken, or is for other pixels, is ignored.
    """
    if picture.mode == "LAB":  # Pillow's `convert` does not know it; a profile adds nothing to it
        return _from_lab(picture)
    if picture.mode not in SPACES:
        picture = picture.convert("L" if picture.mode == "1" else "RGB")
    if profile and len(profile) <= MAX_PROFILE_BYTES:
        convert = _conversion(bytes(profile), picture.mode)
        if convert is not None:
            return convert(picture)
    return picture.convert("RGB") if picture.mode == "CMYK" else picture


@lru_cache(maxsize=8)
def _conversion(profile: bytes, mode: str) -> Callable[[Image], Image] | None:
    """From `mode` by `profile` to sRGB; none where nothing would change or nothing can be done."""
    try:
        from PIL import ImageCms

        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space.strip() != SPACES[mode]:
            return None
        target = ImageCms.createProfile("sRGB")
        transform = ImageCms.ImageCmsTransform(
            source, ImageCms.ImageCmsProfile(target), mode, "RGB"
        )
        if mode == "CMYK":
            return transform.apply
        sample = _sample(mode)
        seen = transform.apply(sample)
    except Exception:  # littleCMS is missing, or the profile is broken: it raises anything
        return None
    if mode == "RGB":
        return transform.apply if _differ(sample, seen) else None
    levels = seen.getchannel("G")  # a gray profile gives neutral colours; gray stays one channel
    table = list(levels.tobytes())
    return (lambda picture: picture.point(table)) if _differ(sample, levels) else None


def _sample(mode: str) -> Image:
    """A few colours from all over: every gray, or a cube of 6 levels a channel."""
    from PIL import Image

    if mode == "L":
        return Image.frombytes("L", (256, 1), bytes(range(256)))
    levels = range(0, 256, 51)
    cube = bytes(v for r in levels for g in levels for b in levels for v in (r, g, b))
    return Image.frombytes("RGB", (len(cube) // 3, 1), cube)


def _differ(one: Image, other: Image) -> bool:
    pairs = zip(one.tobytes(), other.tobytes(), strict=True)
    return max(abs(a - b) for a, b in pairs) > INVISIBLE


def _from_lab(picture: Image) -> Image:
    from PIL import ImageCms

    lab, srgb = (ImageCms.createProfile(name) for name in ("LAB", "sRGB"))
    return ImageCms.buildTransform(
        ImageCms.ImageCmsProfile(lab), ImageCms.ImageCmsProfile(srgb), "LAB", "RGB"
    ).apply(picture)
