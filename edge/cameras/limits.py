"""When a camera counts as not well, and how soon it is opened again."""

from __future__ import annotations

from dataclasses import dataclass

SLICE_S = 0.1
"""The longest wait without a look at anything else: a signal, the camera's pulse."""


@dataclass(frozen=True)
class Limits:
    """All in seconds."""

    stall_s: float = 1.9
    """Without a new frame; told within 2 s, for the pulse is felt every `SLICE_S`."""
    replay_stall_s: float = 30.0
    """The same of films and folders, which may lie on a slow card."""
    open_s: float = 10.0
    """For starting the process and opening the camera: a small board takes some seconds."""
    frozen_s: float = 10.0
    """With the same picture again and again, from what is live; 0: that is never looked at."""
    kill_s: float = 3.0
    """For the kernel to let go of a killed process, before the camera is called wedged."""
    first_wait_s: float = 0.1
    """Before the first reopening; each further one waits twice as long, to `longest_wait_s`."""
    longest_wait_s: float = 2.0
    """So that a camera that comes back is seen again within 5 s."""
    healthy_s: float = 10.0
    """After so long without trouble, waiting begins small again."""
    look_s: float = 0.5
    """Between two looks whether a device is plugged in again."""
