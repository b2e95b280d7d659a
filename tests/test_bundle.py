"""The bundle: read back as written, and refused for every kind of damage, each in its words."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge import bundle as bundles
from edge import classifier
from edge.bundle import Bundle, pack_bundle, parse_bundle
from edge.classifier import Classifier
from edge.errors import ModelError
from edge.selftest import run_selftest
from tests.conftest import Edgeproof, Exported


@pytest.fixture
def no_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails the test when anything gets as far as a runtime."""

    def build(*_: object, **__: object) -> None:
        pytest.fail("an interpreter was built for bytes that were not checked")

    monkeypatch.setattr(classifier, "Interpreter", build)


def rewrite(data: bytes, change: Callable[[dict[str, bytes]], None]) -> bytes:
    """The bundle with other entries, sealed again: what a careful meddler would make."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = {info.filename: archive.read(info) for info in archive.infolist()}
        start = min(info.header_offset for info in archive.infolist())
    change(entries)
    buffer = io.BytesIO(data[:start])
    buffer.seek(0, io.SEEK_END)
    with zipfile.ZipFile(buffer, "a") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
        archive.comment = b" " * bundles.SEAL_BYTES
    unsealed = buffer.getvalue()[: -bundles.SEAL_BYTES]
    return unsealed + (bundles.SEAL + hashlib.sha256(unsealed).hexdigest()).encode()


def edit_contract(data: bytes, edit: Callable[[dict[str, object]], None]) -> bytes:
    def change(entries: dict[str, bytes]) -> None:
        contract = json.loads(entries["contract.json"])
        edit(contract)
        entries["contract.json"] = json.dumps(contract).encode()

    return rewrite(data, change)


def test_bundle_comes_back_as_it_was_written(exported: Exported) -> None:
    data = exported.path().read_bytes()
    bundle = parse_bundle(data, "x")
    assert pack_bundle(bundle) == data
    assert data.startswith(bundle.model)
    assert bundle.labels == tuple("0123456789")
    assert bundle.contract.model.sha256 == hashlib.sha256(bundle.model).hexdigest()
    assert bundle.proof is not None
    assert bundle.golden is not None
    assert len(bundle.golden.frames) == 32


def test_unzip_lists_what_is_inside(exported: Exported) -> None:
    names = zipfile.ZipFile(exported.path()).namelist()
    assert names == ["labels.txt", "contract.json", "proof.json", "golden.npz"]


@pytest.mark.usefixtures("no_interpreter")
def test_any_flipped_byte_is_refused(exported: Exported, tmp_path: Path) -> None:
    data = exported.path().read_bytes()
    tail = range(len(data) - 2000, len(data))  # zip directory, seal
    spread = np.random.default_rng(4).integers(0, len(data), 300).tolist()
    for position in [0, 4, 5, len(data) - 1, *tail, *spread]:
        damaged = bytearray(data)
        damaged[position] ^= 0x20
        with pytest.raises(ModelError) as caught:
            Classifier(parse_bundle(bytes(damaged), "m.tflite"))
        assert str(caught.value).startswith("m.tflite: "), position


@pytest.mark.usefixtures("no_interpreter")
def test_every_truncation_is_refused(exported: Exported) -> None:
    data = exported.path().read_bytes()
    lengths = [0, 1, 7, 8, 100, *range(1000, len(data), 997), len(data) - 1]
    for length in lengths:
        with pytest.raises(ModelError):
            parse_bundle(data[:length], "m.tflite")


def flip_in_model(data: bytes) -> bytes:
    return data[:5000] + bytes([data[5000] ^ 1]) + data[5001:]


def flip_in_labels(data: bytes) -> bytes:
    at = data.index(b"labels.txt") + len("labels.txt") + 4
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def drop_label(entries: dict[str, bytes]) -> None:
    entries["labels.txt"] = b"".join(entries["labels.txt"].splitlines(keepends=True)[:-1])


def drop_contract(entries: dict[str, bytes]) -> None:
    del entries["contract.json"]


def set_schema(contract: dict[str, object]) -> None:
    contract["schema"] = 99


def add_key(contract: dict[str, object]) -> None:
    contract["mean"] = 3


DAMAGE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "flip": (flip_in_model, r"not the ones that were proven: expected sha256 \w+\.\.\., got"),
    "cut": (lambda data: data[:-500], "a file that ends without them: it was cut short"),
    "cut-model": (lambda data: data[:5000], "a file that ends without them: it was cut short"),
    "archive": (flip_in_labels, "the archive behind the model is damaged: "),
    "no-model": (lambda _: b"PK nothing here", "expected a TFLite model, got something else"),
    "labels": (
        lambda data: rewrite(data, drop_label),
        r"model 'tiny' expects 10 labels for output \(1, 10\), got 9 in labels.txt",
    ),
    "same-labels": (
        lambda data: rewrite(data, lambda e: e.update({"labels.txt": b"a\n" * 10})),
        "expected distinct, non-empty labels",
    ),
    "no-contract": (
        lambda data: rewrite(data, drop_contract),
        "expected the entries contract.json, .* got golden.npz, labels.txt, proof.json",
    ),
    "schema": (lambda data: edit_contract(data, set_schema), "reads contract schema 1, got 99"),
    "unknown-key": (lambda data: edit_contract(data, add_key), "unknown key 'mean'"),
    "not-json": (
        lambda data: rewrite(data, lambda e: e.update({"contract.json": b"{"})),
        "contract.json is not JSON",
    ),
    "seal": (lambda data: data[:-1] + b"?", "the seal does not match"),
}


@pytest.mark.parametrize("damage", list(DAMAGE))
def test_damage_is_refused_in_its_own_words_with_exit_4(
    exported: Exported, edgeproof: Edgeproof, tmp_path: Path, damage: str
) -> None:
    make, message = DAMAGE[damage]
    path = tmp_path / "damaged.tflite"
    path.write_bytes(make(exported.path().read_bytes()))
    with pytest.raises(ModelError, match=message):
        Classifier.load(path)
    done = edgeproof("classify", "photo.png", "--model", path)
    assert_refused(done)
    assert_refused(edgeproof("verify", path))


def assert_refused(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 4
    assert done.stderr.startswith("edgeproof: error: ")
    assert len(done.stderr.splitlines()) == 1


def test_input_shape_must_fit_the_contract(exported: Exported) -> None:
    bundle = exported.bundle()
    lying = replace(bundle.contract, input=replace(bundle.contract.input, height=20))
    with pytest.raises(ModelError, match=r"says input \(1, 20, 28, 1\), its tensor is \(1, 28,"):
        Classifier(replace(bundle, contract=lying))


def test_selftest_passes_on_what_was_exported_and_fails_on_other_outputs(
    exported: Exported,
) -> None:
    bundle = exported.bundle()
    with Classifier(bundle) as honest:
        result = run_selftest(honest)
    assert result.identical == result.frames == 32
    assert bundle.golden is not None
    turned = {name: np.roll(raw, 1, axis=1) for name, raw in bundle.golden.outputs.items()}
    with (
        Classifier(with_golden(bundle, turned)) as lying,
        pytest.raises(ModelError, match="computes wrongly here: 32 of 32"),
    ):
        run_selftest(lying)


def with_golden(bundle: Bundle, outputs: dict[str, NDArray[np.generic]]) -> Bundle:
    assert bundle.golden is not None
    return replace(bundle, golden=replace(bundle.golden, outputs=outputs))
