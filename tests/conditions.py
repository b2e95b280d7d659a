"""Which settings are drawn: the plain one, the hardest, and ladders of one condition at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tests.settings import DARK_PAPERS, INKS, LIGHT_INKS, PAPERS, TABLES, Setting


def plain(seed: int) -> Setting:
    """White paper, a dark pen, even light: what a careful person sends."""
    rng = np.random.default_rng((seed, 1))
    return Setting(
        size=float(rng.uniform(0.2, 0.7)),
        at=(float(rng.random()), float(rng.random())),
        ink=str(rng.choice(["black", "black", "blue"])),
        gradient=float(rng.uniform(1.0, 1.3)),
        light_deg=float(rng.uniform(0, 360)),
        exposure=float(rng.uniform(200, 235)),
        tilt_deg=float(rng.normal(0, 2)),
        defocus=float(rng.uniform(0.0, 0.008)),
        noise=2.0,
    )


def hardest(seed: int) -> Setting:
    """Everything at once, each from its harsh range; a person still reads it."""
    rng = np.random.default_rng((seed, 2))
    setting = replace(
        _harsh_light(rng),
        **_harsh_paper(rng),
        **_harsh_camera(rng),
    )
    width, height = ((640, 480), (1280, 720))[int(rng.random() < 0.15)]
    size = float(np.exp(rng.uniform(np.log(0.06), np.log(0.9))))
    at = (float(rng.random()), float(rng.random()))
    return _readable(replace(setting, width=width, height=height, size=size, at=at))


def garment(seed: int) -> Setting:
    """A garment's frame: any ground, either polarity, half plain and half harsh light."""
    rng = np.random.default_rng((seed, 8))
    setting = hardest(seed)
    dark = setting.light_on_dark
    own = PAPERS[setting.paper][1] * float(rng.uniform(0.8, 1.0))
    return replace(
        setting,
        exposure=own if dark else setting.exposure,
        size=float(rng.uniform(0.3, 0.9)),
        ink=str(rng.choice(["white", "silver"] if dark else ["black", "blue", "red", "green"])),
        contrast=1.0,
        shadow=setting.shadow if rng.random() < 0.5 else "none",
        gradient=min(setting.gradient, 2.0),
        rules="none",
        page_edge="none",
        finger=False,
        perspective=0.0,
        defocus=setting.defocus / 3,
        motion=0.0,
        noise=min(setting.noise, 8.0),
    )


def several(
    setting: Setting, seed: int, count: int, touching: bool = False, lines: int = 1
) -> Setting:
    """The same conditions for a number with `count` digits on a line, at a size that fits."""
    rng = np.random.default_rng((seed, 3))
    fitting = min(0.95 * setting.width / (0.95 * count), 0.6 * setting.height / lines)
    fitting /= setting.height
    size = min(setting.size, fitting * float(rng.uniform(0.5, 1.0)))
    gap = (-0.08, -0.03) if touching else setting.gap
    return replace(setting, size=max(size, 0.06), gap=gap, lines=lines)


def _harsh_light(rng: np.random.Generator) -> Setting:
    warm = rng.normal(0, 0.06)
    has_shadow = rng.random() < 0.5
    return Setting(
        gradient=float(rng.uniform(1.2, 3.0)),
        light_deg=float(rng.uniform(0, 360)),
        lamp=bool(rng.random() < 0.4),
        tint=(float(1 + warm), 1.0, float(1 - warm)),
        shadow=str(rng.choice(["half", "half", "corner"])) if has_shadow else "none",
        shadow_depth=float(rng.uniform(0.25, 0.65)),
        shadow_blur=float(rng.choice([0.0, rng.uniform(0.002, 0.01), rng.uniform(0.01, 0.08)])),
        shadow_deg=float(rng.uniform(0, 360)),
        shadow_at=float(rng.uniform(0.2, 0.8)),
    )


def _harsh_paper(rng: np.random.Generator) -> dict[str, Any]:
    dark = rng.random() < 0.3
    papers = DARK_PAPERS if dark else [one for one in PAPERS if one not in DARK_PAPERS]
    inks = LIGHT_INKS if dark else [one for one in INKS if one not in LIGHT_INKS]
    ink = str(rng.choice(list(inks)))
    rules = str(rng.choice(["lines", "lines", "grid"])) if rng.random() < 1 / 3 else "none"
    border = rng.random()
    return {
        "paper": str(rng.choice(list(papers))),
        "ink": ink,
        "contrast": float(rng.uniform(0.65, 1.0)),
        "grain": float(rng.uniform(0.1, 0.4)) if dark or ink == "pencil" else 0.0,
        "pen": float(np.exp(rng.uniform(np.log(0.05), np.log(0.2)))),
        "texture": float(rng.uniform(0.01, 0.05)),
        "exposure": float(rng.uniform(60, 110) if dark else rng.uniform(150, 245)),
        "rules": rules,
        "rule_color": "white" if dark else str(rng.choice(["blue", "gray", "red"])),
        "rule_pitch": float(rng.uniform(0.3, 1.3)),
        "rule_strength": float(rng.uniform(0.2, 0.35) if dark else rng.uniform(0.3, 0.8)),
        "page_edge": str(rng.choice(["left", "right", "top", "bottom"]))
        if border < 0.25
        else "none",
        "table": str(rng.choice(list(TABLES))),
        "finger": bool(0.17 < border < 0.34),
    }


def _harsh_camera(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "tilt_deg": float(rng.uniform(-12, 12)),
        "perspective": float(rng.uniform(0.0, 0.3)),
        "perspective_deg": float(rng.uniform(0, 360)),
        "defocus": float(rng.uniform(0.0, 0.045)),
        "motion": float(rng.uniform(0.03, 0.1)) if rng.random() < 0.3 else 0.0,
        "motion_deg": float(rng.uniform(0, 180)),
        "noise": float(rng.uniform(2.0, 12.0)),
        "sharpen": float(rng.choice([0.0, rng.uniform(0.2, 0.8)])),
        "jpeg": int(rng.integers(45, 96)),
    }


def _readable(setting: Setting) -> Setting:
    """The same, eased where several conditions together would leave nothing to read.

    A stroke keeps a good third of its contrast after the blur, and what is left of it in the
    darkest part of the frame stays above the noise.
    """
    pen = setting.pen or 0.12
    blur = (setting.defocus**2 + setting.motion**2 / 12) ** 0.5
    ease = min(1.0, 0.55 * pen / blur) if blur else 1.0
    paper, ink = (_luminance(color) for color in (PAPERS[setting.paper], INKS[setting.ink]))
    darkest = (setting.exposure / 255) ** 2.2 / setting.gradient
    if setting.shadow != "none":
        darkest *= 1 - setting.shadow_depth
    stroke = darkest * (setting.contrast * ink / paper + 1 - setting.contrast)
    left = 255 * abs(min(stroke, 1.0) ** (1 / 2.2) - darkest ** (1 / 2.2))
    return replace(
        setting,
        defocus=setting.defocus * ease,
        motion=setting.motion * ease,
        noise=min(setting.noise, max(1.0, left / 6)),
    )


def _luminance(color: tuple[int, int, int]) -> float:
    """Linear, 0 to 1, of an sRGB colour (Rec. 709 weights, gamma 2.2)."""
    red, green, blue = ((one / 255) ** 2.2 for one in color)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


LADDERS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "light": {
        "slope 1:1.5": {"gradient": 1.5},
        "slope 1:2": {"gradient": 2.0},
        "slope 1:3": {"gradient": 3.0},
        "lamp 1:3": {"gradient": 3.0, "lamp": True},
        "lamp 1:5": {"gradient": 5.0, "lamp": True},
    },
    "shadow": {
        "soft edge, a third": {"shadow": "half", "shadow_depth": 0.35, "shadow_blur": 0.04},
        "sharp edge, a half": {"shadow": "half", "shadow_depth": 0.5},
        "sharp edge, 70 %": {"shadow": "half", "shadow_depth": 0.7},
        "hand, a half": {"shadow": "hand", "shadow_depth": 0.5, "shadow_blur": 0.01},
        "blind, a half": {"shadow": "blind", "shadow_depth": 0.5, "shadow_blur": 0.003},
    },
    "size": {
        "5 %": {"size": 0.05},
        "10 %": {"size": 0.10},
        "25 %": {"size": 0.25},
        "50 %": {"size": 0.50},
        "95 %": {"size": 0.95},
    },
    "polarity": {
        "white on black": {"paper": "black", "ink": "white", "exposure": 70.0},
        "chalk on a board": {"paper": "board", "ink": "white", "exposure": 85.0, "grain": 0.3},
        "yellow on navy": {"paper": "navy", "ink": "yellow", "exposure": 80.0},
        "silver on brown": {"paper": "brown", "ink": "silver", "exposure": 100.0},
    },
    "blur": {
        "sigma 2 % of the digit": {"defocus": 0.02},
        "sigma 4 %": {"defocus": 0.04},
        "sigma 6 %": {"defocus": 0.06},
        "motion 10 %": {"motion": 0.10, "motion_deg": 30.0},
    },
    "noise": {
        "sigma 4": {"noise": 4.0},
        "sigma 8": {"noise": 8.0},
        "sigma 12": {"noise": 12.0},
        "sigma 20": {"noise": 20.0},
    },
    "pen": {
        "4 % of the digit": {"pen": 0.04},
        "7 %": {"pen": 0.07},
        "15 %": {"pen": 0.15},
        "20 %": {"pen": 0.20},
    },
    "paper": {
        "yellow": {"paper": "yellow"},
        "blue": {"paper": "blue", "ink": "blue"},
        "gray": {"paper": "gray", "exposure": 160.0},
        "kraft": {"paper": "kraft", "exposure": 150.0, "texture": 0.05},
    },
    "ink": {
        "red": {"ink": "red"},
        "pencil": {"ink": "pencil", "grain": 0.3},
        "faint, half covered": {"contrast": 0.5},
        "faint, a quarter covered": {"contrast": 0.25},
    },
    "ruled": {
        "lines, faint": {"rules": "lines", "rule_strength": 0.35},
        "lines, strong": {"rules": "lines", "rule_strength": 0.9},
        "grid, faint": {"rules": "grid", "rule_strength": 0.35},
        "grid, strong": {"rules": "grid", "rule_strength": 0.9},
    },
    "border": {
        "page's edge, dark table": {"page_edge": "left", "table": "dark"},
        "page's edge, wood": {"page_edge": "bottom", "table": "wood"},
        "finger": {"finger": True},
    },
    "tilt": {
        "5 degrees": {"tilt_deg": 5.0},
        "-10 degrees": {"tilt_deg": -10.0},
        "15 degrees": {"tilt_deg": 15.0},
        "-20 degrees": {"tilt_deg": -20.0},
    },
    "perspective": {
        "0.1": {"perspective": 0.1},
        "0.2": {"perspective": 0.2},
        "0.3": {"perspective": 0.3},
        "0.4": {"perspective": 0.4},
    },
    "JPEG": {
        "quality 60": {"jpeg": 60},
        "quality 30": {"jpeg": 30},
        "quality 15": {"jpeg": 15},
    },
}
"""Condition, level, and what the level changes in a plain setting."""


def on_ladder(condition: str, level: str, seed: int) -> Setting:
    """A plain setting but for one condition."""
    changed = replace(plain(seed), **LADDERS[condition][level])
    rng = np.random.default_rng((seed, 4))
    return replace(
        changed,
        shadow_deg=float(rng.uniform(0, 360)),
        shadow_at=float(rng.uniform(0.3, 0.7)),
        perspective_deg=float(rng.uniform(0, 360)),
    )
