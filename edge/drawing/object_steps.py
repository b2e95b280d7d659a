"""How `object` went about a frame: what differs from the ground that things lie on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge.classifier import Result
from edge.drawing.panels import Panel, fit
from edge.drawing.steps import Steps, draw_taken, title_of_taken
from edge.preprocess.foreground import shrink
from edge.preprocess.ground import DIFFERENT, find_ground
from edge.preprocess.object import WORK_SIDE
from edge.preprocess.photo import to_rgb


def object_steps(frame: NDArray[np.uint8], results: Sequence[Result]) -> Steps:
    """Looks at a frame as `find_objects` does, and keeps what that throws away.

    results: what came of it.
    """
    from PIL import Image

    rgb = shrink(to_rgb(frame), WORK_SIDE)
    if min(rgb.shape[:2]) < 8:  # too small for a ground
        return Steps()
    ground = find_ground(rgb)
    most = max(float(ground.strength.max()), 2 * DIFFERENT[0])
    chosen = [result.box for result in results if result.box is not None]
    far = Image.fromarray((255 * (1 - ground.strength / most)).astype(np.uint8))
    taken = draw_taken(ground.differs, frame.shape[1] / rgb.shape[1], chosen)
    return Steps(
        panels=(
            Panel("Difference from the ground, in any light", fit(far)),
            Panel(title_of_taken("No ground", chosen), fit(taken)),
        )
    )
