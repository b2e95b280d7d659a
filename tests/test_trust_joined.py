"""What loads and installs models asks whose they are: by path, by name, and on the way back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge import classifier
from edge.bundle import pack_entries, split_archive
from edge.classifier import Classifier
from edge.cli import run
from edge.errors import EnvironmentFault, ModelError
from edge.trust.versions import remember, remembered
from tests.signing import FASHION, OTHER, device, public_file, signed

__all__ = ["device"]


def unsigned() -> tuple[bytes, dict[str, bytes]]:
    """Another content than the shipped one: that needs no signature."""
    parts = split_archive(FASHION, "fashion")
    assert parts is not None
    return parts.model, {name: parts.entries[name] for name in reversed(parts.entries)}


@pytest.fixture
def models(tmp_path: Path, device: Path) -> Path:
    """Two versions, one of another maker, and one of nobody, on a device that trusts one key."""
    public_file(device / "trusted" / "maker.pub")
    for name, data in {
        "v7": signed(FASHION, version=7),
        "v8": signed(FASHION, version=8),
        "other": signed(FASHION, OTHER, version=9),
        "unsigned": pack_entries(*unsigned()),
    }.items():
        (tmp_path / f"{name}.tflite").write_bytes(data)
    return tmp_path


def load(path: Path | str) -> None:
    Classifier.load(path).close()


def test_what_is_not_trusted_gets_to_no_runtime(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        pytest.fail("a model was run that nobody vouches for")

    monkeypatch.setattr("edge.admission.trial.try_bundle", never)
    monkeypatch.setattr(classifier, "Interpreter", never)
    for name, reason in (("other", "got one signed by"), ("unsigned", "without a signature")):
        with pytest.raises(ModelError, match=reason):
            load(models / f"{name}.tflite")


def test_shipped_models_need_no_signature(models: Path) -> None:
    load("digits")
    load("fashion")


def test_a_forged_seal_is_no_shipped_model(models: Path) -> None:
    data = signed(FASHION, OTHER)
    (models / "forged.tflite").write_bytes(data[:-64] + FASHION[-64:])
    with pytest.raises(ModelError, match="the seal does not match"):
        load(models / "forged.tflite")


def test_what_was_loaded_is_remembered(models: Path) -> None:
    load(models / "v7.tflite")
    assert remembered("fashion") == 7
    load(models / "v8.tflite")
    with pytest.raises(ModelError, match="version 7 of 'fashion' is older than 8"):
        load(models / "v7.tflite")


def test_a_memory_that_cannot_be_written_does_not_stop_a_model(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise EnvironmentFault("versions.json: cannot be written")

    monkeypatch.setattr("edge.trust.versions.remember", full)
    load(models / "v7.tflite")


def test_install_takes_no_older_version_without_a_word(
    models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    v7, v8 = str(models / "v7.tflite"), str(models / "v8.tflite")
    assert run(["install", v8]) == 0
    assert run(["install", str(models / "other.tflite")]) == 4
    assert "got one signed by" in capsys.readouterr().err
    assert run(["install", v7]) == 4
    assert "older than 8" in capsys.readouterr().err
    assert run(["install", v7, "--downgrade"]) == 0
    assert remembered("fashion") == 7


def test_the_way_back_is_a_word_too(models: Path) -> None:
    assert run(["install", str(models / "v7.tflite")]) == 0
    assert run(["install", str(models / "v8.tflite")]) == 0
    assert remembered("fashion") == 8
    assert run(["rollback", "fashion"]) == 0
    assert remembered("fashion") == 7
    assert run(["rollback", "fashion"]) == 0  # to the shipped one, which has no version
    assert remembered("fashion") == 7


def test_an_installed_model_runs_whatever_was_seen_since(models: Path) -> None:
    # Or power that fails between the memory and the switch would leave no model at all.
    assert run(["install", str(models / "v7.tflite")]) == 0
    remember("fashion", 9)
    load("fashion")
    assert run(["verify", "fashion"]) == 0


def test_an_installed_model_of_a_key_that_is_trusted_no_more_is_refused(models: Path) -> None:
    assert run(["install", str(models / "v7.tflite")]) == 0
    public_file(Path(os.environ["EDGEPROOF_STORE"]) / "trusted" / "maker.pub", OTHER)
    with pytest.raises(ModelError, match="got one signed by"):
        load("fashion")
