"""The pictures of a run: as files, and as one page to look around in."""

from train.plots.figures import plot_curves

__all__ = ["plot_curves"]
