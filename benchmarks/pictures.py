"""Draws what is measured: digits as PNG, photos of digits on paper, a film. No data set is needed.

    python -m benchmarks.pictures OUT [MNIST.npz]

The handwriting is optdigits, which comes inside scikit-learn, brought to MNIST's look. The same
pictures come out each time. With MNIST at hand, its test pictures are laid beside them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from multiprocessing import Pool
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
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
    out = Path(sys.argv[1])
    everything = many_digits(FRAMES)
    np.save(out / "frames.npy", np.asarray(everything.frames))
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
    write_film(out / "film.mp4", digits, FILM_FRAMES)
    write_film(out / "one.mp4", digits, 1)
    if len(sys.argv) > 2:
        np.save(out / "mnist.npy", np.load(sys.argv[2])["x_test"][:FRAMES])


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


def write_film(path: Path, digits: Samples, count: int) -> None:
    """A digit that moves over paper before a noisy sensor, MPEG-4 in an .mp4."""
    import cv2

    film = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FILM_RATE, (WIDTH, HEIGHT))
    if not film.isOpened():
        raise SystemExit("pictures: this OpenCV cannot write an .mp4")
    for frame in film_frames(digits.frames[0], count):
        film.write(frame)
    film.release()


def film_frames(digit: NDArray[np.uint8], count: int) -> Iterator[NDArray[np.uint8]]:
    """uint8 (HEIGHT, WIDTH, 3) each, gray in all three channels but for the noise."""
    random = np.random.default_rng(7)
    noises = random.normal(0, 3, (8, HEIGHT, WIDTH, 3)).astype(np.float32)
    side = HEIGHT // 2
    ink = np.asarray(Image.fromarray(digit).resize((side, side)), np.float32) / 255
    for number in range(count):
        paper = np.full((HEIGHT, WIDTH), 210, np.float32)
        left = round((WIDTH - side) * (0.2 + 0.6 * number / count))
        paper[HEIGHT // 4 : HEIGHT // 4 + side, left : left + side] -= 170 * ink
        shift = int(random.integers(WIDTH))
        noise = np.roll(noises[number % len(noises)], shift, axis=1)
        yield np.clip(paper[:, :, np.newaxis] + noise, 0, 255).astype(np.uint8)


if __name__ == "__main__":
    main()
