"""The picture of the live page in docs/: a real run on a film of drawn numbers, in a real browser.

python -m tests.portrait docs/live-page.png
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.chromium import browser, look
from tests.conditions import plain, several
from tests.films import write_film
from tests.lettering import drawn_digits
from tests.mjpeg import wait_until
from tests.running import Camera
from tests.scenes import draw_scene

RATE, STRETCH = 20, 160
"""Frames a second, and how many of each number."""
RUN_S = 57.0


def numbers_on_paper() -> list[NDArray[np.uint8]]:
    """uint8 (H, W, 3): five numbers and an empty sheet, before a hand that shakes a little."""
    random = np.random.default_rng(5)
    digits = np.asarray(drawn_digits(200, 4).frames)
    frames = []
    for number, count in enumerate((4, 3, 5, 2, 4, 0)):
        setting = replace(several(plain(20 + number), number, max(1, count)), width=640, height=480)
        chosen = digits[random.choice(len(digits), max(1, count), replace=False)]
        still = draw_scene(list(chosen), setting, number).frame
        if count == 0:
            still = np.full_like(still, int(np.median(still)))
        for _ in range(STRETCH):
            moved = np.roll(still, random.integers(-2, 3, 2), (0, 1))
            noisy = moved + random.normal(0, 3, moved.shape)
            frames.append(np.clip(noisy, 0, 255).astype(np.uint8))
    return frames


def main(target: Path) -> None:
    target = target.resolve()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        write_film(Path("meter.avi"), numbers_on_paper(), RATE)
        options = ["--loop", "--regions", "auto", "--live", "127.0.0.1:0"]
        with (
            Camera(["meter.avi", *options], keep=False) as camera,
            browser(Path(folder) / "profile") as driver,
        ):
            assert wait_until(lambda: "live page: " in camera.told, 30)
            look(driver, 1100, 1170)
            driver.get(camera.told.split("live page: ")[1].split()[0])
            time.sleep(RUN_S)
            driver.save_screenshot(str(target))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
