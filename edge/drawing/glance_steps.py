"""How a first look found the mark: what stood out of one coarse view, and what was cut out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge.classifier import Result
from edge.drawing.panels import Panel, fit
from edge.drawing.steps import Steps, draw_taken, title_of_taken
from edge.preprocess.glance import CORE, cut_out, find_spot

if TYPE_CHECKING:
    from PIL.Image import Image


def glance_steps(frame: NDArray[np.uint8], results: Sequence[Result]) -> Steps:
    """Looks at a frame as `glance_at` does, and keeps what that throws away.

    results: what came of it, by a first look.
    """
    from PIL.Image import fromarray

    spot = find_spot(frame)
    if spot is None:  # another frame than the one that was classified
        return Steps()
    chosen = [result.box for result in results if result.box is not None]
    most = float(spot.strength.max())
    kind = "lighter" if spot.is_light else "darker"
    strength, _ = cut_out(frame, spot)
    taken = draw_taken(spot.strength > CORE * spot.typical, spot.step, chosen)
    return Steps(
        panels=(
            Panel("In gray, at a first look", fit(fromarray(spot.seen))),
            Panel(
                f"Stands out: {kind} by up to {100 * most:.0f} %",
                fit(_relief_picture(spot.strength)),
            ),
            Panel(title_of_taken("Strokes", chosen), fit(taken)),
            Panel("The same, cut out in full", fit(_relief_picture(strength))),
        )
    )


def _relief_picture(strength: NDArray[np.float32]) -> Image:
    """The darker, the more a pixel differs from its paper."""
    from PIL.Image import fromarray

    most = max(float(strength.max()), 1e-6)
    return fromarray((255 * (1 - strength / most)).astype(np.uint8))
