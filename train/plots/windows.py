"""The figures in windows; the one file that takes matplotlib.pyplot, which looks for a display."""

from __future__ import annotations

from collections.abc import Iterable

from edge.errors import EnvironmentFault
from train.plots.figures import STYLE, Draw


def check_display() -> None:
    """Refuses when no window can be opened.

    Raises:
        EnvironmentFault: no display, or no toolkit that matplotlib could use.
    """
    try:
        import matplotlib.pyplot as plt

        figure = plt.figure()
        toolkit = figure.canvas.required_interactive_framework
        plt.close(figure)
        reason = f"matplotlib's backend is {plt.get_backend()!r}, which only writes files"
    except (ImportError, ValueError) as error:  # MPLBACKEND names none that works here
        toolkit, reason = None, str(error)
    if toolkit is None:
        raise EnvironmentFault(
            f"--show expected a display and a toolkit for windows, such as tkinter: {reason}; "
            "without --show the pictures are written as files"
        )


def show(figures: Iterable[Draw]) -> None:
    """Opens a window for each figure and returns when all are closed."""
    import matplotlib.pyplot as plt

    with plt.rc_context(STYLE):
        for draw in figures:
            draw(plt.figure(layout="constrained"))
        plt.show()
