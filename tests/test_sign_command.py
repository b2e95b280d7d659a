"""`edgeproof sign` and `verify --key`: what they ask, write and refuse."""

from __future__ import annotations

import importlib.util
import json
import os
import pty
import sys
import time
from pathlib import Path

import pytest

from edge.cli import run
from edge.trust.keys import public_of
from edge.trust.public import read_public
from edge.trust.signed import check_signed, read_signed
from edge.zoo import shipped_models
from tests.signing import (
    DIGITS,
    MAKER,
    OTHER,
    changed,
    device,
    needs_openssl,
    needs_ssh_keygen,
    private_file,
    public_file,
    signed,
    tool,
)

__all__ = ["device"]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "m.tflite"
    path.write_bytes(DIGITS)
    return path


def test_a_private_key_that_others_can_read_is_warned_of(
    model: Path, tmp_path: Path, device: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = private_file(tmp_path / "key.pem")
    key.chmod(0o644)
    assert run(["sign", str(model), "--key", str(key)]) == 0
    assert "(mode 644), who could sign with it: chmod 600" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("public.pem", "got a public key"),
        ("public.ssh", "got a public key"),
        ("text", "got no key"),
        ("damaged.pem", "the private key cannot be read: it is damaged"),
        ("damaged.ssh", "the private key cannot be read: it is damaged"),
        ("big", "expected a key, got more than 65536 bytes"),
        ("missing", "the key cannot be read: No such file"),
    ],
)
def test_a_key_that_cannot_sign_is_refused(
    name: str,
    reason: str,
    model: Path,
    tmp_path: Path,
    device: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ssh = b"OPENSSH PRIVATE KEY-----"
    files = {
        "public.pem": b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        "public.ssh": public_of(MAKER).line.encode(),
        "text": b"hello",
        "damaged.pem": private_file(tmp_path / "k").read_bytes().replace(b"MC4C", b"AAAA"),
        "damaged.ssh": b"-----BEGIN " + ssh + b"\n!AAA\n-----END " + ssh + b"\n",
        "big": b"x" * 70_000,
    }
    if name in files:
        (tmp_path / name).write_bytes(files[name])
    assert run(["sign", str(model), "--key", str(tmp_path / name)]) == 2
    assert reason in capsys.readouterr().err
    assert model.read_bytes() == DIGITS


@needs_openssl
def test_a_passphrase_is_asked_for_on_a_terminal(
    model: Path, tmp_path: Path, device: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = tmp_path / "key.pem"
    tool("openssl", "genpkey", "-algorithm", "ed25519", "-aes256", "-pass", "pass:geheim",
         "-out", key)  # fmt: skip
    assert run(["sign", str(model), "--key", str(key)]) == 2
    assert "there is no terminal to ask for it" in capsys.readouterr().err
    code, said = in_terminal(["sign", str(model), "--key", str(key)], b"falsch\n")
    assert code == 2
    assert "the passphrase is not this key's" in said
    assert model.read_bytes() == DIGITS
    code, said = in_terminal(["sign", str(model), "--key", str(key)], b"geheim\n")
    assert (code, "geheim" in said) == (0, False)
    assert read_signed(model.read_bytes(), "m.tflite")


@needs_ssh_keygen
def test_a_passphrase_of_ssh_keygens_works_or_names_what_it_needs(
    model: Path, tmp_path: Path, device: Path
) -> None:
    key = tmp_path / "key"
    tool("ssh-keygen", "-q", "-t", "ed25519", "-N", "geheim", "-f", key)
    code, said = in_terminal(["sign", str(model), "--key", str(key)], b"geheim\n")
    if importlib.util.find_spec("bcrypt"):
        assert code == 0
        assert check_signed(model.read_bytes(), "m.tflite", [read_public(tmp_path / "key.pub")])
    else:
        assert code == 4
        assert "a passphrase of ssh-keygen's needs the Python package 'bcrypt'" in said


def in_terminal(words: list[str], typed: bytes) -> tuple[int, str]:
    """Runs a command in a terminal of its own, and types."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-m", "edge", *words])
    said = b""
    try:
        while part := os.read(terminal, 1000):
            said += part
            if typed and b"passphrase" in said:
                time.sleep(0.1)  # the echo is switched off before the question, and input dropped
                os.write(terminal, typed)
                typed = b""
    except OSError:  # Linux says so of a terminal whose other side has gone
        pass
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said.decode()


def test_sign_writes_where_it_is_told(model: Path, tmp_path: Path, device: Path) -> None:
    key, out = str(private_file(tmp_path / "key.pem")), tmp_path / "out.tflite"
    assert run(["sign", str(model), "--key", key, "--version", "7", "--out", str(out)]) == 0
    assert (model.read_bytes(), out.read_bytes()) == (DIGITS, signed())
    again = ["sign", str(model), "--key", key, "--version", "8", "--out", str(out)]
    assert run(again) == 2
    assert out.read_bytes() == signed()
    assert run([*again, "--force"]) == 0
    assert out.read_bytes() == signed(version=8)


def test_sign_leaves_a_link_a_link(model: Path, tmp_path: Path, device: Path) -> None:
    link = tmp_path / "link.tflite"
    link.symlink_to(model.name)
    key = str(private_file(tmp_path / "key.pem"))
    assert run(["sign", str(link), "--key", key, "--version", "7"]) == 0
    assert link.is_symlink()
    assert model.read_bytes() == signed()


def test_what_edgeproof_keeps_is_not_signed_in_its_place(
    tmp_path: Path, device: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = device / "models" / "digits" / "x.tflite"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(DIGITS)
    key = str(private_file(tmp_path / "key.pem"))
    for path in (kept, shipped_models()["digits"]):
        assert run(["sign", str(path), "--key", key]) == 2
        assert "a model that edgeproof keeps here; sign a copy" in capsys.readouterr().err
        assert path.read_bytes() == DIGITS


def test_verify_holds_models_against_keys(
    model: Path, tmp_path: Path, device: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    maker, other = public_file(tmp_path / "a.pub"), public_file(tmp_path / "b.pub", OTHER)
    assert run(["verify", str(model), "--key", str(maker)]) == 4
    assert capsys.readouterr().out == f"{model}: REFUSED\n"
    model.write_bytes(signed())
    assert run(["verify", str(model), "--key", str(other)]) == 4
    assert capsys.readouterr().out == f"{model}: REFUSED\n"
    assert run(["verify", str(model), "--key", str(other), "--key", str(maker), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["signature"] == {
        "version": 7,
        "key": public_of(MAKER).fingerprint,
        "checked": True,
        "trusted": True,
    }
    assert run(["verify", str(model), "--key", str(private_file(tmp_path / "k.pem"))]) == 2
    assert "expected a public key, got a private one" in capsys.readouterr().err


def test_verify_says_what_a_signature_says(
    model: Path, device: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["verify", str(model), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["signature"] is None
    model.write_bytes(signed())
    said = f"signed as version 7 by {public_of(MAKER).fingerprint}"
    assert run(["verify", str(model)]) == 0
    assert f"{said} (a key that this device has not been told of)" in capsys.readouterr().out
    public_file(device / "trusted" / "a.pub")
    assert run(["verify", str(model)]) == 0
    assert f"{said} (trusted)" in capsys.readouterr().out


def test_verify_refuses_a_wrong_signature_wherever_it_is(model: Path, device: Path) -> None:
    model.write_bytes(changed(signed(), lambda entries: entries.pop("proof.json")))
    assert run(["verify", str(model)]) == 4


def test_verify_without_the_library_says_so(
    model: Path,
    tmp_path: Path,
    device: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model.write_bytes(signed())
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric", None)
    assert run(["verify", str(model)]) == 0
    assert "(not checked: pip install 'edgeproof[sign]')" in capsys.readouterr().out
    for words in (
        ["verify", str(model), "--key", str(public_file(tmp_path / "a.pub"))],
        ["sign", str(model), "--key", str(private_file(tmp_path / "a.pem"))],
        ["trust", str(tmp_path / "a.pub")],
    ):
        assert run(words) == 4
        assert "pip install 'edgeproof[sign]'" in capsys.readouterr().err
    assert not device.exists()
