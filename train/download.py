"""Where the published data sets are found: a given folder, the caches, else the publishers."""

from __future__ import annotations

import gzip
import hashlib
import os
import struct
import sys
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.errors import DataUnavailable

Arrays = dict[str, NDArray[np.uint8]]
TIMEOUT_S = 30

IDX_FILES = {
    "x_train": "train-images-idx3-ubyte.gz",
    "y_train": "train-labels-idx1-ubyte.gz",
    "x_test": "t10k-images-idx3-ubyte.gz",
    "y_test": "t10k-labels-idx1-ubyte.gz",
}


@dataclass(frozen=True)
class Published:
    """A published data set: where it is had, and what its arrays must be."""

    title: str
    npz: str
    """Its file name in Keras's convention."""
    folder: str
    """Folder of its idx files, in our cache and in Keras's."""
    mirrors: tuple[str, ...]
    """Folders on the network that hold the four idx files."""
    sha256: dict[str, str]
    """Of each array's raw bytes in C order, whatever container they came in."""


MNIST = Published(
    title="MNIST",
    npz="mnist.npz",
    folder="mnist",
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    sha256={
        "x_train": "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
        "y_train": "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
        "x_test": "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
        "y_test": "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
    },
)

FASHION_MNIST = Published(
    title="Fashion-MNIST",
    npz="fashion_mnist.npz",
    folder="fashion-mnist",
    mirrors=(
        "https://fashion-mnist.s3.eu-central-1.amazonaws.com/",
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    ),
    sha256={
        "x_train": "2e487a6c89124f78f2d7521542223cafe96f7123c3ca13d447772ac6ecbb3012",
        "y_train": "657fbd221bfc9f4198cc14b5619cc33ec57c58dd0e47af4d99d6650759e869a7",
        "x_test": "c867c93ff95360594e8ec3287995350b824dd110b11595c0e13d5423f621867a",
        "y_test": "3d0e6c6ea990b53b6f8f500a41cac93881d981b315f84578b7d915342ade01e9",
    },
)


def fetch(published: Published, data_dir: Path | None) -> Arrays:
    """The four arrays of a published data set, checked.

    data_dir: `--data`; none means `$EDGEPROOF_DATA`. When either is given, the data must be
    there; otherwise our cache, Keras's cache and the publishers are tried in this order.

    Returns:
        uint8 `x_train` (n, 28, 28), `y_train` (n,), `x_test`, `y_test`, in published order.

    Raises:
        DataUnavailable: not found, not downloadable, or not the published content.
    """
    given = data_dir or (Path(os.environ["EDGEPROOF_DATA"]) if _given_by_environment() else None)
    if given is not None:
        where = "--data" if data_dir else "$EDGEPROOF_DATA"
        arrays = _read_folder(published, given)
        if arrays is None:
            raise DataUnavailable(
                f"{published.title}: expected {published.npz} or its four idx.gz files in "
                f"{given} (from {where}), found neither"
            )
        return arrays
    for folder in (cache_dir() / published.folder, _keras_cache(), _keras_cache(published)):
        arrays = _read_folder(published, folder)
        if arrays is not None:
            return arrays
    return _download(published, cache_dir() / published.folder)


def cache_dir() -> Path:
    """`$XDG_CACHE_HOME/edgeproof` or the platform's like."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("edgeproof"))


def _given_by_environment() -> bool:
    return bool(os.environ.get("EDGEPROOF_DATA"))


def _keras_cache(published: Published | None = None) -> Path:
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "datasets"
    return home / published.folder if published else home


def _read_folder(published: Published, folder: Path) -> Arrays | None:
    """The arrays in `folder`, checked; none when the folder does not hold them."""
    archive = folder / published.npz
    idx = {name: _idx_path(folder, file) for name, file in IDX_FILES.items()}
    try:
        if archive.is_file():
            arrays = _read_npz(archive)
            source = archive
        elif all(path.is_file() for path in idx.values()):
            arrays = {name: read_idx(path) for name, path in idx.items()}
            source = folder
        else:
            return None
    except (OSError, ValueError, EOFError, KeyError, zlib.error, zipfile.BadZipFile) as error:
        raise DataUnavailable(
            f"{published.title}: cannot read the data in {folder}: {error}; remove the damaged "
            "file and run again"
        ) from None
    _check(published, arrays, source)
    return arrays


def _idx_path(folder: Path, file: str) -> Path:
    """The idx file, compressed or already unpacked."""
    plain = folder / file.removesuffix(".gz")
    return plain if plain.is_file() and not (folder / file).is_file() else folder / file


def _read_npz(path: Path) -> Arrays:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        return {name: np.ascontiguousarray(archive[name]) for name in IDX_FILES}


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Reads an idx file of unsigned bytes, gzip or plain (format: the MNIST page of LeCun et al.).

    Raises:
        ValueError: not an idx file of bytes, or not as long as its header says.
    """
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    if len(data) < 4 or data[:3] != b"\x00\x00\x08":
        raise ValueError(f"{path.name} is not an idx file of unsigned bytes")
    if len(data) < 4 + 4 * data[3]:
        raise ValueError(f"{path.name}: ends within its header")
    shape = struct.unpack_from(f">{data[3]}I", data, 4)
    values = np.frombuffer(data, np.uint8, offset=4 + 4 * data[3])
    if values.size != int(np.prod(shape)):
        raise ValueError(f"{path.name}: expected {np.prod(shape)} values, got {values.size}")
    return values.reshape(shape)


def _check(published: Published, arrays: Arrays, source: Path) -> None:
    for name, expected in published.sha256.items():
        got = hashlib.sha256(np.ascontiguousarray(arrays[name]).tobytes()).hexdigest()
        if got != expected:
            raise DataUnavailable(
                f"{published.title}: {name} in {source} is not the published one: expected "
                f"sha256 {expected[:12]}..., got {got[:12]}...; remove that file and run again"
            )


def _download(published: Published, folder: Path) -> Arrays:
    """Downloads the four idx files into the cache, each landing whole or not at all."""
    try:
        import pooch
        import requests
    except ModuleNotFoundError as error:
        raise DataUnavailable(
            f"{published.title}: not in the caches, and downloading needs {error.name}: "
            "pip install 'edgeproof[train]'"
        ) from None
    pooch.get_logger().setLevel("WARNING")
    problems = []
    for mirror in published.mirrors:
        try:
            for file in IDX_FILES.values():
                print(f"{published.title}: {mirror}{file}", file=sys.stderr)
                pooch.retrieve(
                    mirror + file,
                    known_hash=None,  # the arrays are checked instead, below
                    fname=file,
                    path=folder,
                    downloader=pooch.HTTPDownloader(progressbar=True, timeout=TIMEOUT_S),
                )
            arrays = _read_folder(published, folder)
            if arrays is not None:
                return arrays
        except (requests.RequestException, OSError, ValueError) as error:
            problems.append(f"{mirror}: {_brief(error)}")
        except DataUnavailable as error:
            problems.append(f"{mirror}: {error}")
        # What a mirror served wrongly or partly must not be mistaken for the next one's.
        for file in IDX_FILES.values():
            (folder / file).unlink(missing_ok=True)
    raise DataUnavailable(
        f"{published.title}: not found in {folder} or Keras's cache, and no publisher could be "
        f"reached ({'; '.join(problems)}); connect to the network, or put {published.npz} in a "
        "folder and name it with --data DIR or EDGEPROOF_DATA=DIR"
    )


def _brief(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:120]}"
