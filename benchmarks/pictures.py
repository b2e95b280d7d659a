"""Draws what is measured: digits as PNG, photos of digits on paper, a film. No data set is needed.

    python -m benchmarks.pictures OUT [MNIST.npz]

The handwriting is MNIST's test pictures where they are at hand, else optdigits, which comes inside
scikit-learn, brought to MNIST's look. The same pictures come out each time.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from multiprocessing import Pool
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.counts import CALLS, FILM_FRAMES, FRAMES, PHOTOS, PICTURES
from edge.classifier import Classifier
from tests.scenes import draw_scene, plain
from train.datasets import load_dataset
from train.samples import Samples

ANGLES = (0, 8, -8, 15, -15, 4)
"""Degrees: the 1,797 digits are used again, turned, until there are enough."""
SURE = 0.95
WIDTH, HEIGHT = 1280, 720
FILM_RATE = 30


def main() -> None:
    out, mnist = Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None
    everything = many_digits(FRAMES) if mnist is None else read_digits(mnist, FRAMES)
    np.save(out / "frames.npy", np.asarray(everything.frames))
    if mnist is not None:
        np.save(out / "mnist.npy", np.asarray(everything.frames))
    digits = clear_ones(everything, PICTURES)
    np.save(out / "calls.npy", np.asarray(digits.frames)[:CALLS])
    (out / "png").mkdir()
    for number in range(PICTURES):
        name = f"{number:04}-{digits.targets[number]}.png"
        Image.fromarray(digits.frames[number]).save(out / "png" / name)
    (out / "one.png").write_bytes((out / "png" / f"0000-{digits.targets[0]}.png").read_bytes())
    (out / "photos").mkdir()
    with Pool() as pool:
        pool.map(
            partial(write_photo, out / "photos", digits.take(np.arange(PHOTOS))), range(PHOTOS)
        )
    first = out / "photos" / f"0000-{digits.targets[0]}.jpg"
    (out / "one.jpg").write_bytes(first.read_bytes())
    photos = sorted((out / "photos").iterdir())
    write_film(out / "film.avi", photos, FILM_FRAMES)
    write_film(out / "one.avi", photos, 1)


def read_digits(path: str, count: int) -> Samples:
    """The first `count` of MNIST's test pictures."""
    with np.load(path) as arrays:
        return Samples(arrays["x_test"][:count], arrays["y_test"][:count].astype(np.int64))


def many_digits(count: int) -> Samples:
    """Digits in MNIST's look: frames uint8 (count, 28, 28)."""
    whole = load_dataset("optdigits")
    digits = np.concatenate([whole.test.frames, whole.train.frames])
    targets = np.concatenate([whole.test.targets, whole.train.targets])
    frames = []
    for number in range(count):
        again, index = divmod(number, len(digits))
        picture = Image.fromarray(digits[index])
        frames.append(np.asarray(picture.rotate(ANGLES[again], Image.Resampling.BICUBIC)))
    return Samples(np.stack(frames), np.resize(targets, count))


def clear_ones(digits: Samples, count: int) -> Samples:
    """The first `count` that the shipped model tells rightly and surely.

    Of the others, the float32 model and its int8 version may say different things.
    """
    chosen = []
    with Classifier.load("digits") as classifier:
        for index, frame in enumerate(digits):
            result = classifier.classify(frame)
            if result.label == str(digits.targets[index]) and result.score >= SURE:
                chosen.append(index)
            if len(chosen) == count:
                break
    return digits.take(np.array(chosen))


def write_photo(folder: Path, digits: Samples, number: int) -> None:
    """A page under a lamp with one digit on it, as NUMBER-LABEL.jpg."""
    setting = replace(plain(number), width=WIDTH, height=HEIGHT)
    scene = draw_scene([digits.frames[number]], setting, number)
    name = f"{number:04}-{digits.targets[number]}.jpg"
    Image.fromarray(scene.frame).save(folder / name, quality=90)


def write_film(path: Path, photos: Sequence[Path], count: int) -> None:
    """A page after the other, each for a second in a hand that shakes, as a USB camera records it.

    Motion JPEG: 1.4 ms a frame to decode here. A film of few bits takes less than half of that.
    """
    import cv2

    film = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), FILM_RATE, (WIDTH, HEIGHT))
    if not film.isOpened():
        raise SystemExit("pictures: this OpenCV cannot write an .avi")
    for number in range(count):
        page = cv2.imread(str(photos[number // FILM_RATE]))
        film.write(np.roll(page, (number % 5, number % 7), (0, 1)))
    film.release()


if __name__ == "__main__":
    main()
