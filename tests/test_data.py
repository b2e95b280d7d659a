"""Data sets: split without leaks, verified whatever their container, downloaded whole or not."""

from __future__ import annotations

import gzip
import hashlib
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edge.errors import DataUnavailable, UsageError
from tests.conftest import DATA
from train import download
from train.datasets import load_dataset
from train.download import IDX_FILES, MNIST, Published, fetch, read_idx
from train.runs import Split
from train.samples import split

Capture = pytest.CaptureFixture[str]


def test_optdigits_is_the_mnist_convention_with_its_test_apart() -> None:
    dataset = load_dataset("optdigits")
    frames = np.asarray(dataset.train.frames)
    assert frames.shape == (1347, 28, 28)
    assert len(dataset.test) == 450
    assert not set(dataset.train.digests()) & set(dataset.test.digests())
    ink = frames.max(axis=2) > 0
    assert np.median(ink.sum(axis=1)) == 20
    assert frames[:, [0, 0, -1, -1], [0, -1, 0, -1]].max() == 0
    assert load_dataset("optdigits").test.fingerprint() == dataset.test.fingerprint()


def test_split_is_stratified_seeded_and_disjoint() -> None:
    targets = np.repeat([0, 1, 2], [80, 15, 2])
    rest, held_out = split(targets, 0.2, seed=3)
    assert sorted([*rest, *held_out]) == list(range(97))
    assert np.bincount(targets[held_out]).tolist() == [16, 3, 1]
    again, other = split(targets, 0.2, seed=3)[1], split(targets, 0.2, seed=4)[1]
    assert np.array_equal(held_out, again)
    assert not np.array_equal(held_out, other)


def test_split_is_the_one_that_shipped_runs_were_made_with() -> None:
    rest, held_out = split(np.arange(1000) * 7 % 11, 0.15, seed=5)
    assert Split(rest, held_out).fingerprint() == (
        "bb1f0a349c547a44f7cec7dd1c52a6e4f4e64f6612533b7e3e7dee0d8b70fc79"
    )


@pytest.mark.parametrize("seed", range(5))
def test_split_keeps_groups_on_one_side_and_classes_on_both(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = rng.choice([1, 1, 1, 2, 5, 12], 200)
    groups = rng.permutation(200).repeat(sizes)
    targets = (groups % 4).astype(np.int64)
    targets[rng.choice(len(groups), 5)] = 3  # some groups are of two classes
    rest, held_out = split(targets, 0.2, seed, groups)
    assert sorted([*rest, *held_out]) == list(range(len(targets)))
    assert not set(groups[rest]) & set(groups[held_out])
    shares = np.bincount(targets[held_out]) / np.bincount(targets)
    assert shares.min() > 0.13
    assert shares.max() < 0.21
    assert np.array_equal(held_out, split(targets, 0.2, seed, groups)[1])


def test_split_of_large_groups_takes_the_smallest_and_never_the_last() -> None:
    targets = np.repeat([0, 1, 2], [9, 6, 2])
    groups = np.repeat([7, 3, 5, 2, 9, 4], [4, 2, 3, 3, 3, 2])
    _, held_out = split(targets, 0.2, 1, groups)
    assert groups[held_out].tolist() in ([3, 3, 2, 2, 2], [3, 3, 9, 9, 9])


@pytest.mark.parametrize("name", ["digits", "fashion"])
def test_published_data_is_what_was_published(name: str) -> None:
    """Runs where the data is at hand; elsewhere the same code is tested on data made here."""
    if DATA is None:
        pytest.skip("MNIST and Fashion-MNIST are not at hand, and tests use no network")
    dataset = load_dataset(name, DATA)
    assert (len(dataset.train), len(dataset.test)) == (60_000, 10_000)
    frame = np.asarray(dataset.test.frames)[0]
    assert np.array_equal(
        dataset.test.take(np.array([0])).tensors(dataset.input)[0, :, :, 0],
        frame / np.float32(255),
    )


RNG = np.random.default_rng(7)
ARRAYS = {
    "x_train": RNG.integers(0, 256, (30, 28, 28), np.uint8),
    "y_train": np.repeat(np.arange(10, dtype=np.uint8), 3),
    "x_test": RNG.integers(0, 256, (10, 28, 28), np.uint8),
    "y_test": np.arange(10, dtype=np.uint8),
}
SMALL = replace(
    MNIST, sha256={name: hashlib.sha256(a.tobytes()).hexdigest() for name, a in ARRAYS.items()}
)


def idx(array: NDArray[np.uint8]) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return gzip.compress(header + array.tobytes())


class Publisher(ThreadingHTTPServer):
    """A publisher on this machine: good/, wrong/ (other content), cut/ (ends in the middle)."""

    requests: list[str]


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Publisher)
        self.server.requests.append(self.path)
        kind, file = self.path.strip("/").split("/")
        name = next(name for name, known in IDX_FILES.items() if known == file)
        body = idx(ARRAYS[name] if kind != "wrong" else np.invert(ARRAYS[name]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if kind == "cut" else body)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def publisher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Publisher]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with Publisher(("127.0.0.1", 0), _Handler) as server:
        server.requests = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def at(server: Publisher, *kinds: str) -> Published:
    port = server.server_address[1]
    return replace(SMALL, mirrors=tuple(f"http://127.0.0.1:{port}/{kind}/" for kind in kinds))


def same(arrays: download.Arrays) -> bool:
    return all(np.array_equal(arrays[name], array) for name, array in ARRAYS.items())


def test_download_lands_in_the_cache_and_is_not_repeated(
    publisher: Publisher, capsys: Capture
) -> None:
    published = at(publisher, "good")
    assert same(fetch(published, None))
    assert same(fetch(published, None))
    assert len(publisher.requests) == 4
    assert sorted(os.listdir(download.cache_dir() / "mnist")) == sorted(IDX_FILES.values())
    assert "train-images" in capsys.readouterr().err


@pytest.mark.parametrize("bad", ["wrong", "cut"])
def test_bad_mirror_leaves_nothing_behind_and_the_next_is_asked(
    publisher: Publisher, bad: str
) -> None:
    assert same(fetch(at(publisher, bad, "good"), None))
    with pytest.raises(DataUnavailable, match="EDGEPROOF_DATA=DIR"):
        fetch(replace(at(publisher, bad), folder="elsewhere"), None)
    assert not os.listdir(download.cache_dir() / "elsewhere")


def test_no_network_names_the_remedy(publisher: Publisher) -> None:
    unreachable = replace(SMALL, mirrors=("http://127.0.0.1:9/",))
    with pytest.raises(
        DataUnavailable, match=r"put mnist\.npz in a folder and name it with --data"
    ):
        fetch(unreachable, None)


def test_npz_and_idx_files_are_alike_to_us(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez_compressed(tmp_path / "mnist.npz", **ARRAYS)
    assert same(fetch(SMALL, tmp_path))
    (tmp_path / "mnist.npz").unlink()
    for name, file in IDX_FILES.items():
        (tmp_path / file.removesuffix(".gz")).write_bytes(gzip.decompress(idx(ARRAYS[name])))
    monkeypatch.setenv("EDGEPROOF_DATA", str(tmp_path))
    assert same(fetch(SMALL, None))


def test_other_content_is_refused_and_the_folder_is_not_passed_over(tmp_path: Path) -> None:
    changed = {**ARRAYS, "y_test": ARRAYS["y_test"][::-1].copy()}
    np.savez(tmp_path / "mnist.npz", **changed)
    with pytest.raises(DataUnavailable, match=r"y_test in .* is not the published one: expected"):
        fetch(SMALL, tmp_path)
    (tmp_path / "mnist.npz").write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(DataUnavailable, match="cannot read the data in"):
        fetch(SMALL, tmp_path)


def test_idx_reader_checks_header_and_length(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for data, message in [
        (b"hello", "not an idx file"),
        (b"\0\0\x08\x03\0", "ends within"),
        (b"\0\0\x08\x01\0\0\0\x05ab", "expected 5"),
    ]:
        path.write_bytes(data)
        with pytest.raises(ValueError, match=message):
            read_idx(path)


def make_folder(root: Path, counts: dict[str, int]) -> Path:
    for number, (name, count) in enumerate(counts.items()):
        (root / name).mkdir(parents=True)
        for index in range(count):
            pixels = np.random.default_rng((number, index)).integers(0, 256, (30, 40, 3), np.uint8)
            Image.fromarray(pixels).save(root / name / f"{index}.png")
    return root


def test_folder_of_class_folders_becomes_a_data_set(tmp_path: Path, capsys: Capture) -> None:
    root = make_folder(tmp_path / "fruit", {"pear": 10, "apple": 20})
    (root / "pear" / "copy.png").write_bytes((root / "pear" / "3.png").read_bytes())
    (root / "pear" / "torn.png").write_bytes(b"\x89PNG")
    (root / "pear" / "notes.txt").write_text("not a picture")
    dataset = load_dataset(str(root))
    assert (dataset.name, dataset.labels) == ("fruit", ("apple", "pear"))
    assert np.bincount(dataset.test.targets).tolist() == [4, 2]
    assert np.bincount(dataset.train.targets).tolist() == [16, 8]
    assert dataset.train.tensors(dataset.input).shape == (24, 64, 64, 3)
    assert not set(dataset.train.digests()) & set(dataset.test.digests())
    told = capsys.readouterr().err
    assert "pear/copy.png: same pixels as pear/3.png" in told
    assert "torn.png" in told
    assert f"30 pictures are used; to see all: edgeproof scan {root}" in told
    assert "notes" not in told


def test_folder_with_its_own_test_split_keeps_it(tmp_path: Path) -> None:
    make_folder(tmp_path / "train", {"a": 5, "b": 5})
    for name in "ab":
        (tmp_path / "test" / name).mkdir(parents=True)
        Image.new("RGB", (9, 9), (ord(name), 0, 0)).save(tmp_path / "test" / name / "x.png")
    dataset = load_dataset(str(tmp_path))
    assert (len(dataset.train), len(dataset.test)) == (10, 2)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({}, "expected at least two class folders with pictures in them, got 0"),
        ({"only": 9}, "expected at least two class folders with pictures in them, got 1"),
        ({"many": 9, "few": 2}, "few: expected at least 3 readable, distinct pictures, got 2"),
    ],
    ids=["empty", "one-class", "too-few"],
)
def test_folder_that_is_no_data_set_says_why(
    tmp_path: Path, counts: dict[str, int], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        load_dataset(str(make_folder(tmp_path, counts)))
