"""Memory that two processes share: what one of them may do to the other."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import pytest

from edge.handoff import Counter, SharedFrame


@pytest.mark.parametrize("make", [SharedFrame, Counter], ids=["frame", "count"])
def test_shared_memory_cannot_be_cut_off_under_the_other_process(
    make: Callable[[], SharedFrame | Counter],
) -> None:
    shared = make()
    os.ftruncate(shared.descriptor, 100_000)
    with pytest.raises(PermissionError):
        os.ftruncate(shared.descriptor, 0)
    shared.close()


def test_shared_frame_still_grows() -> None:
    frame = SharedFrame()
    for side in (10, 300):
        pixels = np.full((side, side, 3), side % 256, np.uint8)
        frame.write(pixels)
        assert (frame.view(pixels.shape) == pixels).all()
    frame.close()
