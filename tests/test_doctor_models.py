"""What the doctor says of installed models, trusted keys and the cache for trials."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.bundle import seal_of
from edge.doctor.models import (
    Cache,
    check_cache,
    check_installed,
    check_keys,
    read_cache,
    read_installed,
    read_keys,
)
from edge.store.state import State, write_state
from edge.zoo import shipped_models

DIGITS = shipped_models()["digits"].read_bytes()


def put(store: Path, name: str, data: bytes, seal: str | None = None) -> Path:
    path = store / "models" / name / f"{seal or seal_of(data)}.tflite"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    write_state(path.parent / "state.json", State(path.stem))
    return path


def test_installed_models_are_named_and_staged_ones_are_not(tmp_path: Path) -> None:
    assert check_installed(read_installed(tmp_path)).found == "none installed"
    put(tmp_path, "digits", DIGITS)
    put(tmp_path, "cups", DIGITS)
    (tmp_path / "models/cups/.staged.tflite").write_bytes(b"half")
    check = check_installed(read_installed(tmp_path))
    assert (check.state, check.found) == ("ok", "installed: cups, digits")


@pytest.mark.parametrize("harm", ["cut", "flipped", "another"])
def test_installed_model_that_rotted_is_a_fault_with_its_path(tmp_path: Path, harm: str) -> None:
    data = bytearray(DIGITS)
    if harm == "cut":
        del data[-1000:]
    elif harm == "flipped":
        data[5000] ^= 1
    path = put(tmp_path, "digits", bytes(data), "0" * 64 if harm == "another" else seal_of(DIGITS))
    check = check_installed(read_installed(tmp_path))
    assert check.state == "fault"
    assert str(path) in check.found
    assert "rollback digits" in str(check.remedy)


def test_a_name_of_which_the_card_lost_what_it_stands_for_is_a_fault(tmp_path: Path) -> None:
    put(tmp_path, "digits", DIGITS)
    (tmp_path / "models/digits/state.json").write_text("{")
    check = check_installed(read_installed(tmp_path))
    assert check.state == "fault"
    assert "cannot be told" in check.found


def test_what_a_rollback_left_behind_is_not_installed(tmp_path: Path) -> None:
    (put(tmp_path, "digits", DIGITS).parent / "state.json").unlink()
    assert check_installed(read_installed(tmp_path)).found == "none installed"


def test_keys_need_the_library_that_checks_them(tmp_path: Path) -> None:
    assert check_keys(read_keys(tmp_path, tmp_path / "store"), None).state == "ok"
    for folder in (tmp_path / "store/trusted", tmp_path / "etc/edgeproof/trusted"):
        folder.mkdir(parents=True)
        (folder / "one.pub").write_text("a key")
    (folder / "notes.txt").write_text("no key")
    keys = read_keys(tmp_path, tmp_path / "store")
    check = check_keys(keys, "50.0.2")
    assert (check.state, check.found) == (
        "ok", "signed models only: 2 trusted keys; cryptography 50.0.2",
    )  # fmt: skip
    check = check_keys(keys, None)
    assert (check.state, check.remedy) == ("fault", "pip install 'edgeproof[sign]'")


@pytest.mark.parametrize("kind", ["empty", "file"])
def test_folder_of_keys_without_a_key_lets_nothing_in(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "store/trusted"
    folder.parent.mkdir()
    if kind == "empty":
        folder.mkdir()
    else:
        folder.write_text("no folder")
    check = check_keys(read_keys(tmp_path, tmp_path / "store"), "50.0.2")
    assert check.state == "fault"
    assert "no other model than the shipped ones is taken" in check.found


def test_cache_is_the_service_s_else_the_user_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    assert read_cache() == Cache(tmp_path / "user/edgeproof", True)
    monkeypatch.setenv("CACHE_DIRECTORY", f"{tmp_path}/service:{tmp_path}/other")
    assert read_cache() == Cache(tmp_path / "service", True)
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("CACHE_DIRECTORY", str(tmp_path / "file" / "below"))
    assert check_cache(read_cache()).state == "warning"
