"""The data sets by name: optdigits (inside scikit-learn), digits, fashion, or your own folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.contract import Input, Preprocess
from edge.errors import UsageError
from edge.preprocess.ink import place_by_mass
from edge.preprocess.photo import resize
from train.download import FASHION_MNIST, MNIST, Published, fetch
from train.photos import load_folder
from train.samples import Dataset, Samples, split

NAMES = ("optdigits", "digits", "fashion")

DIGITS = tuple("0123456789")
FASHION = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

INK_28 = Input(28, 28, "gray", Preprocess("ink", mean=(0.0,), std=(255.0,)))
OBJECT_28 = Input(28, 28, "gray", Preprocess("object", mean=(0.0,), std=(255.0,)))

OPTDIGITS_TEST_FRACTION = 0.25
OPTDIGITS_SPLIT_SEED = 1998
"""Fixed, so that the test split is one and the same for every run (1998: the set's year)."""


def load_dataset(name: str, data_dir: Path | None = None) -> Dataset:
    """Loads a data set with its test split set apart.

    name: one of NAMES, or the path of a folder of class folders.
    data_dir: a folder that holds MNIST or Fashion-MNIST (`--data`).

    Raises:
        UsageError: no such name and no such folder, or a folder that is no data set.
        DataUnavailable: the published content cannot be had.
    """
    if name == "optdigits":
        return _optdigits()
    if name == "digits":
        return _published("digits", MNIST, DIGITS, INK_28, data_dir)
    if name == "fashion":
        return _published("fashion", FASHION_MNIST, FASHION, OBJECT_28, data_dir)
    if Path(name).is_dir():
        return load_folder(Path(name))
    raise UsageError(
        f"unknown data set {name!r}: expected {', '.join(NAMES)} or a folder of class folders, "
        "and there is no such folder"
    )


def _published(
    name: str, published: Published, labels: tuple[str, ...], spec: Input, data_dir: Path | None
) -> Dataset:
    arrays = fetch(published, data_dir)
    return Dataset(
        name,
        labels,
        spec,
        train=Samples(arrays["x_train"], arrays["y_train"].astype(np.int64)),
        test=Samples(arrays["x_test"], arrays["y_test"].astype(np.int64)),
    )


def _optdigits() -> Dataset:
    """Alpaydin and Kaynak's 1,797 handwritten digits (UCI, 1998), as scikit-learn carries them."""
    from sklearn.datasets import load_digits

    small, targets = load_digits(return_X_y=True)
    frames = np.stack([_enlarge(picture.reshape(8, 8)) for picture in small])
    everything = Samples(frames, np.asarray(targets, np.int64))
    train, test = split(everything.targets, OPTDIGITS_TEST_FRACTION, OPTDIGITS_SPLIT_SEED)
    return Dataset(
        "optdigits", DIGITS, INK_28, train=everything.take(train), test=everything.take(test)
    )


def _enlarge(picture: NDArray[np.float64]) -> NDArray[np.uint8]:
    """8x8 counts of 0 to 16 -> uint8 28x28 in the MNIST convention."""
    pixels = np.round(picture * (255 / 16)).astype(np.uint8)
    smooth = resize(pixels, 64, 64)
    rows, columns = np.flatnonzero(smooth.max(axis=1)), np.flatnonzero(smooth.max(axis=0))
    return place_by_mass(smooth[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], 28, 28)
