"""How many of a picture's pixels the preprocessing can use: larger JPEGs are decoded in part."""

from __future__ import annotations

from edge.contract import Input

FOUND_SIDE = 1280
"""Longer side in pixels from which `ink` and `object` find as much as from more: they look at 640
at most, and the smallest digit, a twentieth of a frame, still is cut out of 48 of its own."""
GLANCED_SIDE = 320
"""Longer side in pixels that a first look at `ink` needs: a digit of a fifth of the frame's height
still has nearly two pixels for one of the model's, and a smaller one is looked at closely."""
PHOTO_PIXELS = 2
"""Of the picture for one of the model's input, so that the antialiased resize has its choice."""
WIDEST = 2
"""Longer over shorter side of a picture up to which a centre crop has those pixels too."""


def needed_side(spec: Input) -> int:
    """The longer side in pixels that a frame needs at least, for `read_frames`."""
    recipe = spec.preprocess
    if recipe.kind != "photo":
        return FOUND_SIDE
    side = PHOTO_PIXELS * max(spec.height, spec.width)
    return side if recipe.fit == "letterbox" else WIDEST * side


def glanced_side(spec: Input) -> int | None:
    """The longer side that a first look needs, in gray; none where there is no first look."""
    return GLANCED_SIDE if spec.preprocess.kind == "ink" else None
