"""Whom a device trusts: asked of two folders, kept through damage; no way back to old models."""

from __future__ import annotations

import base64
import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.cli import run
from edge.errors import EnvironmentFault, ModelError
from edge.store import place
from edge.trust import required, versions
from edge.trust.check import check_trusted
from edge.trust.keys import public_of
from edge.trust.public import PublicKey, read_public
from edge.trust.required import is_required
from edge.trust.trusted import add_key, trusted_keys
from edge.trust.versions import remember, remembered
from tests.signing import (
    DIGITS,
    FASHION,
    MAKER,
    OTHER,
    WEAK,
    device,
    private_file,
    public_file,
    signed,
)

__all__ = ["device"]
ANY = "this device takes any model that is whole: no key is trusted"


def test_a_device_without_keys_takes_everything(device: Path) -> None:
    assert check_trusted(DIGITS, "m.tflite") is None
    assert check_trusted(signed(), "m.tflite") is None  # and says nothing that it did not check
    assert check_trusted(b"", "m.tflite") is None


def test_a_device_without_keys_pays_two_stats(
    device: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    stat = os.stat

    def count(path: Path, *, follow_symlinks: bool) -> os.stat_result:
        calls.append(path)
        return stat(path, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(os, "stat", count)
    before = set(sys.modules)
    check_trusted(DIGITS, "m.tflite")
    monkeypatch.undo()
    assert len(calls) == 2
    assert set(sys.modules) == before


def test_a_device_without_keys_imports_nothing_for_it(tmp_path: Path) -> None:
    code = (
        "import sys; from edge.trust.check import check_trusted; check_trusted(b'', 'm');"
        "heavy = {'numpy', 'cryptography', 'json', 'zipfile', 'base64', 'edge.bundle'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    environment = os.environ | {"EDGEPROOF_STORE": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("place", ["store", "system"])
def test_a_device_with_a_key_takes_what_it_signed(place: str, device: Path) -> None:
    folder = device / "trusted" if place == "store" else required.SYSTEM_FOLDER
    public_file(folder / "maker.pub")
    said = check_trusted(signed(), "m.tflite")
    assert said is not None
    assert (said.name, said.version, said.key) == ("digits", 7, public_of(MAKER))
    for data, reason in (
        (DIGITS, "without a signature"),
        (signed(key=OTHER), "got one signed by"),
        (signed()[:-500], "a file that ends without them"),
    ):
        with pytest.raises(ModelError, match=f"^m.tflite: .*{reason}"):
            check_trusted(data, "m.tflite")


def test_two_keys_can_be_trusted_at_once(device: Path) -> None:
    public_file(device / "trusted" / "old.pub")
    public_file(required.SYSTEM_FOLDER / "new.pub", OTHER)
    assert check_trusted(signed(), "m.tflite")
    assert check_trusted(signed(key=OTHER), "m.tflite")


def test_without_the_library_nothing_is_taken(
    device: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    public_file(device / "trusted" / "maker.pub")
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric", None)
    with pytest.raises(EnvironmentFault, match="pip install 'edgeproof\\[sign\\]'"):
        check_trusted(signed(), "m.tflite")


# Damage: a device that asked for signatures never takes a model without because of it.


def empty(folder: Path) -> None:
    folder.mkdir(parents=True)


def other_names(folder: Path) -> None:
    public_file(folder / "maker.pem")
    public_file(folder / ".maker.pub")


def no_folder(folder: Path) -> None:
    folder.parent.mkdir(parents=True)
    folder.touch()


def lost_folder(folder: Path) -> None:
    folder.parent.mkdir(parents=True)
    folder.symlink_to("/nowhere/at/all")


def loop(folder: Path) -> None:
    folder.parent.mkdir(parents=True)
    folder.parent.joinpath("b").symlink_to(folder.name)
    folder.symlink_to("b")


def no_parent(folder: Path) -> None:
    folder.parent.parent.mkdir(parents=True, exist_ok=True)
    folder.parent.touch()


def beside_a_good_one(content: bytes) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        public_file(folder / "maker.pub")
        (folder / "bad.pub").write_bytes(content)

    return damage


def a_pipe(folder: Path) -> None:
    public_file(folder / "maker.pub")
    os.mkfifo(folder / "bad.pub")


def a_folder(folder: Path) -> None:
    public_file(folder / "maker.pub")
    (folder / "bad.pub").mkdir()


def a_lost_file(folder: Path) -> None:
    public_file(folder / "maker.pub")
    (folder / "bad.pub").symlink_to("/nowhere/at/all")


LINE = public_of(MAKER).line.encode()
DAMAGE = {
    "empty": (empty, r"trusts no key: expected \*.pub in .*trusted"),
    "other names": (other_names, r"trusts no key: expected \*.pub in .*trusted"),
    "no folder": (no_folder, "trusted: expected a folder of trusted keys .*Not a directory"),
    "lost folder": (lost_folder, "trusted: expected a folder of trusted keys .*No such file"),
    "loop": (loop, "trusted: expected a folder of trusted keys .*Too many levels"),
    "no parent": (no_parent, "trusted: cannot be looked at: Not a directory"),
    "pipe": (a_pipe, "bad.pub: expected a file"),
    "folder": (a_folder, "bad.pub: expected a file"),
    "lost file": (a_lost_file, "bad.pub: the key cannot be read: No such file"),
    "no bytes": (beside_a_good_one(b""), "bad.pub: expected one public key"),
    "zeros": (beside_a_good_one(bytes(4096)), "bad.pub: expected one public key"),
    "cut": (beside_a_good_one(LINE[:50]), "bad.pub: the key is damaged"),
    "private": (beside_a_good_one(b"-----BEGIN PRIVATE KEY-----"), "got a private one"),
    "weak": (beside_a_good_one(PublicKey(WEAK[1]).line.encode()), "key is worth nothing"),
}


@pytest.mark.parametrize("place", ["store", "system"])
@pytest.mark.parametrize("name", list(DAMAGE))
def test_damage_lets_nothing_in(name: str, place: str, device: Path) -> None:
    folder = device / "trusted" if place == "store" else required.SYSTEM_FOLDER
    damage, reason = DAMAGE[name]
    damage(folder)
    for data in (DIGITS, signed()):
        with pytest.raises(EnvironmentFault, match=reason) as caught:
            check_trusted(data, "m.tflite")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("call", ["stat", "listdir"])
def test_a_folder_that_may_not_be_looked_at_lets_nothing_in(
    call: str, device: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    public_file(device / "trusted" / "maker.pub")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(EnvironmentFault, match=r"trusted: .*Permission denied"):
        check_trusted(signed(), "m.tflite")


# The command.


def test_trust_adds_lists_and_removes(
    tmp_path: Path, device: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    maker, other = public_file(tmp_path / "a.pub", comment="me"), tmp_path / "b.pub"
    pem = public_of(OTHER).raw
    body = base64.b64encode(bytes.fromhex("302a300506032b6570032100") + pem).decode()
    other.write_text(f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n")
    assert run(["trust"]) == 0
    assert capsys.readouterr().out == f"now       {ANY}\n"

    assert run(["trust", str(maker)]) == 0
    lines = capsys.readouterr().out.splitlines()
    fingerprint = public_of(MAKER).fingerprint
    assert lines[0] == f"trusted   {fingerprint}  me"
    assert "for this user alone" in lines[1]
    assert lines[2] == (
        "from now  this device takes models signed by this key, and the shipped ones; no others"
    )
    assert run(["trust", str(maker), str(other)]) == 0
    out = capsys.readouterr().out
    assert f"known     {fingerprint}" in out
    assert "models signed by one of these 2 keys" in out
    assert {read_public(file) for file in (device / "trusted").iterdir()} == {
        public_of(MAKER),
        public_of(OTHER),
    }
    for file in (device / "trusted").iterdir():  # one form, whatever came
        assert file.read_text().startswith("ssh-ed25519 ")
        assert file.stat().st_mode & 0o777 == 0o644

    assert run(["trust", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["required"] is True
    assert {key["fingerprint"]: key["comment"] for key in listed["keys"]} == {
        fingerprint: "me",
        public_of(OTHER).fingerprint: "",
    }
    assert run(["trust", "--remove", fingerprint]) == 0
    assert [found.key for found in trusted_keys()] == [public_of(OTHER)]
    assert run(["trust", "--remove", str(maker)]) == 2
    assert "expected a key that this device trusts" in capsys.readouterr().err
    assert run(["trust", "--remove", str(other)]) == 0
    assert capsys.readouterr().out.endswith(f"from now  {ANY}\n")
    assert not (device / "trusted").exists()


def test_a_private_key_is_refused_loudly(
    tmp_path: Path, device: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, private = public_file(tmp_path / "a.pub"), private_file(tmp_path / "maker.pem")
    assert run(["trust", str(good), str(private)]) == 2
    said = capsys.readouterr().err
    assert "maker.pem is a PRIVATE key, and nothing was stored." in said
    assert "MC4C" not in said
    assert not device.exists()


@pytest.mark.parametrize("content", [b"", b"x", bytes(100), PublicKey(WEAK[0]).line.encode()])
def test_what_is_no_key_is_not_trusted(content: bytes, tmp_path: Path, device: Path) -> None:
    file = tmp_path / "k.pub"
    file.write_bytes(content)
    assert run(["trust", str(file)]) == 2
    assert not device.exists()


def test_a_damaged_key_can_be_removed(
    tmp_path: Path, device: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = device / "trusted" / "bad.pub"
    bad.parent.mkdir(parents=True)
    bad.write_bytes(b"")
    assert run(["trust"]) == 4
    assert f"(edgeproof trust --remove {bad})" in capsys.readouterr().err
    assert run(["trust", "--remove", str(bad)]) == 0
    assert capsys.readouterr().out.endswith(f"from now  {ANY}\n")


def test_the_last_key_leaves_the_requirement_where_its_folder_stays(
    device: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = public_file(device / "trusted" / "maker.pub")
    (file.parent / "README").touch()
    assert run(["trust", "--remove", str(file)]) == 0
    assert "takes the shipped models alone" in capsys.readouterr().out
    assert is_required()
    with pytest.raises(EnvironmentFault, match="trusts no key"):
        check_trusted(DIGITS, "m.tflite")


def test_roots_key_is_for_all(device: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.delenv("EDGEPROOF_STORE")
    assert add_key(public_of(MAKER)).file.parent == required.SYSTEM_FOLDER
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_DATA_HOME", str(device))
    assert add_key(public_of(MAKER)).file.parent == device / "edgeproof" / "store" / "trusted"


def test_one_thing_at_a_time(tmp_path: Path, device: Path) -> None:
    assert run(["trust", str(public_file(tmp_path / "a.pub")), "--list"]) == 2
    assert not device.exists()


# Versions.


def test_an_older_version_is_refused_after_a_newer_one(device: Path) -> None:
    public_file(device / "trusted" / "maker.pub")
    old, new = signed(version=7), signed(version=8)
    said = check_trusted(new, "m.tflite")
    assert said is not None
    assert remembered("digits") is None  # only who takes it remembers it
    remember(said.name, said.version)
    with pytest.raises(ModelError) as caught:
        check_trusted(old, "m.tflite")
    assert str(caught.value).startswith(
        "m.tflite: version 7 of 'digits' is older than 8, which this device has had; to go back"
    )
    assert check_trusted(new, "m.tflite") == said
    assert check_trusted(signed(FASHION, version=1), "m.tflite")  # another model's versions
    back = check_trusted(old, "m.tflite", allow_downgrade=True)
    assert back is not None
    remember(back.name, back.version, allow_downgrade=True)
    assert check_trusted(old, "m.tflite")


def test_a_word_for_an_older_version_is_none_for_a_wrong_signature(device: Path) -> None:
    public_file(device / "trusted" / "maker.pub")
    with pytest.raises(ModelError, match="got one signed by"):
        check_trusted(signed(key=OTHER), "m.tflite", allow_downgrade=True)


def test_what_root_had_counts_for_everybody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, "SYSTEM", tmp_path / "root")
    monkeypatch.setenv("EDGEPROOF_STORE", str(tmp_path / "root"))
    remember("a", 7)
    monkeypatch.delenv("EDGEPROOF_STORE")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user"))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert remembered("a") == 7
    remember("a", 9)
    assert remembered("a") == 9


def test_a_memory_only_grows(device: Path) -> None:
    for version, expected in ((5, 5), (4, 5), (5, 5), (9, 9)):
        remember("a", version)
        assert remembered("a") == expected
    assert remembered("b") is None
    remember("a", 2, allow_downgrade=True)
    assert remembered("a") == 2
    assert sorted(path.name for path in device.iterdir()) == ["versions.json", "versions.lock"]


def test_a_memory_that_says_nothing_new_is_not_written(
    device: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember("a", 5)
    (device / "versions.lock").unlink()
    remember("a", 5)
    remember("a", 4)
    assert not (device / "versions.lock").exists()


def remember_many(name: str) -> None:
    for version in range(1, 31):
        remember(name, version)
        remember("shared", version)


def test_writers_do_not_lose_each_others_versions(device: Path) -> None:
    context = multiprocessing.get_context("fork")
    names = ["a", "b", "c", "d"]
    children = [context.Process(target=remember_many, args=(name,)) for name in names]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert {remembered(name) for name in (*names, "shared")} == {30}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        '{"schema": 1}',
        '{"schema": 2, "versions": {}}',
        '{"schema": 1, "versions": {"digits": 0}}',
        '{"schema": 1, "versions": {"digits": true}}',
        '{"schema": 1, "versions": {"digits": 1.5}}',
        '{"schema": 1, "versions": {}, "more": 1}',
        "[" * 100_000,
        "\0" * 300,
        "\ud800",
    ],
)
def test_a_damaged_memory_lets_nothing_in(text: str, device: Path) -> None:
    public_file(device / "trusted" / "maker.pub")
    file = device / "versions.json"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(EnvironmentFault, match=r"versions.json: the versions .* remove the file"):
        check_trusted(signed(), "m.tflite")
    with pytest.raises(EnvironmentFault, match=r"versions.json: the versions"):
        remember("digits", 9)
    file.unlink()
    assert check_trusted(signed(), "m.tflite")


def test_a_damaged_memory_is_nothing_to_a_device_without_keys(device: Path) -> None:
    device.mkdir()
    (device / "versions.json").write_text("{")
    assert check_trusted(signed(), "m.tflite") is None


def test_a_memory_that_cannot_be_written_is_one_error(
    device: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    remember("a", 1)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(EnvironmentFault, match=r"versions.json: cannot be written: No space left"):
        remember("a", 2)
    assert remembered("a") == 1


def test_a_version_out_of_range_is_not_remembered(device: Path) -> None:
    for version in (0, 2**63):
        with pytest.raises(ValueError, match="expected a version of 1 to"):
            remember("a", version)
    remember("a", 2**63 - 1)
    assert versions.remembered("a") == 2**63 - 1


def test_a_key_that_cannot_be_written_leaves_the_device_as_it_was(
    device: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(EnvironmentFault, match=r"cannot be changed: No space left"):
        add_key(public_of(MAKER))
    assert check_trusted(DIGITS, "m.tflite") is None
