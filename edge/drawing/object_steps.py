"""How `object` went about a frame: what differs from the colour of its border, the ground."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge.classifier import Result
from edge.drawing.panels import Panel, fit
from edge.drawing.steps import Steps, draw_taken, title_of_taken
from edge.preprocess.foreground import MIN_CONTRAST, shrink
from edge.preprocess.photo import to_rgb

SIDE = 256
"""Longer side in pixels at which the differences are shown."""


def object_steps(frame: NDArray[np.uint8], results: Sequence[Result]) -> Steps:
    """What may stand out of the ground, by colour alone: the finder looks more closely.

    results: what came of it.
    """
    from PIL import Image

    rgb = shrink(to_rgb(frame), SIDE)
    border = np.concatenate([rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1]])
    distance = np.abs(rgb.astype(np.float32) - np.median(border, axis=0)).max(axis=2)
    most = float(distance.max())
    chosen = [result.box for result in results if result.box is not None]
    far = Image.fromarray((255 * (1 - distance / max(most, 2 * MIN_CONTRAST))).astype(np.uint8))
    taken = draw_taken(distance >= MIN_CONTRAST, frame.shape[1] / rgb.shape[1], chosen)
    return Steps(
        panels=(
            Panel(f"Difference from the ground: up to {most:.0f}", fit(far)),
            Panel(title_of_taken(f"{MIN_CONTRAST} and more", chosen), fit(taken)),
        )
    )
