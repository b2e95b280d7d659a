"""Key files: those of openssl and ssh-keygen are read, and all else is named in one line."""

from __future__ import annotations

import base64
import hashlib
import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.bundle import split_archive
from edge.cli import run
from edge.errors import ModelError, UsageError
from edge.trust.keys import public_of, read_private
from edge.trust.public import PublicKey, parse_public, read_public
from edge.trust.sign import version_now
from edge.trust.signed import check_signed
from edge.trust.statement import Statement, signed_text
from tests.signing import (
    DIGITS,
    MAKER,
    WEAK,
    device,
    needs_openssl,
    needs_ssh_keygen,
    private_file,
    signed,
    tool,
)

__all__ = ["device"]


@needs_openssl
def test_keys_of_openssl_sign_and_verify(tmp_path: Path, device: Path) -> None:
    key, public = tmp_path / "maker.pem", tmp_path / "maker.pub"
    tool("openssl", "genpkey", "-algorithm", "ed25519", "-out", key)
    public.write_text(tool("openssl", "pkey", "-in", key, "-pubout"))
    model = tmp_path / "m.tflite"
    model.write_bytes(DIGITS)
    began = version_now()
    assert run(["sign", str(model), "--key", str(key)]) == 0
    said = check_signed(model.read_bytes(), "m.tflite", [read_public(public)])
    assert began <= said.version <= version_now()


@needs_ssh_keygen
def test_keys_of_ssh_keygen_sign_and_have_its_fingerprint(
    tmp_path: Path, device: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key, model = tmp_path / "maker", tmp_path / "m.tflite"
    tool("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key, "-C", "me at desk")
    model.write_bytes(DIGITS)
    assert run(["sign", str(model), "--key", str(key), "--version", "3"]) == 0
    public = read_public(tmp_path / "maker.pub")
    assert public.fingerprint == tool("ssh-keygen", "-l", "-f", key).split()[1]
    assert public.comment == "me at desk"
    assert public.line == (tmp_path / "maker.pub").read_text()
    assert check_signed(model.read_bytes(), "m.tflite", [public]).version == 3
    assert capsys.readouterr().out.splitlines() == [
        "signed    digits, version 3",
        f"by        {public.fingerprint}",
        f"wrote     {model}",
        f"next      on the device: edgeproof trust KEY.pub (once), then edgeproof install {model}",
    ]


@needs_openssl
def test_openssl_agrees_on_what_is_signed(tmp_path: Path) -> None:
    parts = split_archive(signed(), "m.tflite")
    assert parts is not None
    text = signed_text("digits", 7, public_of(MAKER), parts.model, parts.entries)
    assert text.decode().splitlines() == [
        "edgeproof signature 1",
        'name "digits"',
        "version 7",
        f"key {base64.b64encode(public_of(MAKER).raw).decode()}",
        f"model {hashlib.sha256(parts.model).hexdigest()}",
        *(
            f'entry "{name}" {hashlib.sha256(parts.entries[name]).hexdigest()}'
            for name in ("contract.json", "golden.npz", "labels.txt", "proof.json")
        ),
    ]
    signature = json.loads(parts.entries["signature.json"])["signature"]
    (tmp_path / "text").write_bytes(text)
    (tmp_path / "signature").write_bytes(base64.b64decode(signature))
    key = private_file(tmp_path / "key.pem")
    words = "-verify", "-inkey", key, "-rawin", "-in", tmp_path / "text", "-sigfile"
    assert "Verified Successfully" in tool("openssl", "pkeyutl", *words, tmp_path / "signature")


@needs_openssl
@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("RSA", ["-algorithm", "rsa"]),
        ("ECDSA", ["-algorithm", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]),
        ("X25519", ["-algorithm", "x25519"]),
        ("Ed448", ["-algorithm", "ed448"]),
    ],
)
def test_a_key_of_another_kind_is_named(
    kind: str, words: list[str], tmp_path: Path, device: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key, public, model = tmp_path / "key.pem", tmp_path / "key.pub", tmp_path / "m.tflite"
    tool("openssl", "genpkey", *words, "-out", key)
    public.write_text(tool("openssl", "pkey", "-in", key, "-pubout"))
    model.write_bytes(DIGITS)
    assert run(["sign", str(model), "--key", str(key)]) == 2
    assert f"key.pem: expected an Ed25519 key, got {kind}\n" in capsys.readouterr().err
    assert model.read_bytes() == DIGITS
    with pytest.raises(UsageError, match=f"key.pub: expected an Ed25519 key, got {kind}$"):
        read_public(public)


@needs_ssh_keygen
def test_an_rsa_key_of_ssh_is_named(tmp_path: Path) -> None:
    tool("ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", tmp_path / "key")
    with pytest.raises(UsageError, match="expected an Ed25519 key, ssh-ed25519, got ssh-rsa"):
        read_public(tmp_path / "key.pub")


LINE = public_of(MAKER).line.encode()
SHORT_PEM = b"-----BEGIN PUBLIC KEY-----\n%s\n-----END PUBLIC KEY-----" % base64.b64encode(
    bytes.fromhex("302a300506032b6570032100") + bytes(31)
)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "expected one public key"),
        (b"hello there", "expected one public key"),
        (LINE + LINE, "expected one public key"),
        (LINE[:40], "the key is damaged"),
        (LINE.replace(b"AAAA", b"AA\xffA"), "the key is damaged: it is not base64"),
        (b"ssh-ed25519 AAAA", "the key is damaged: it does not hold"),
        (b"sk-ssh-ed25519@openssh.com AAAA", "got sk-ssh-ed25519@openssh.com"),
        (b"ssh-ed25519-cert-v01@openssh.com AAAA", "got ssh-ed25519-cert-v01@openssh.com"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "got another kind"),
        (SHORT_PEM, "got another kind"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "expected one public"),
        *((PublicKey(weak).line.encode(), "this key is worth nothing") for weak in WEAK),
    ],
)
def test_what_is_no_public_key_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(UsageError, match=f"^k.pub: .*{reason}"):
        parse_public(content, "k.pub")


@given(st.binary(max_size=200) | st.from_regex(rb"(ssh-ed25519 |-----BEGIN )[ -~\n]{,99}"))
def test_any_bytes_are_a_key_or_one_error(content: bytes) -> None:
    with suppress(UsageError):
        parse_public(content, "k.pub")


@given(
    st.text(max_size=200) | st.dictionaries(st.text(), st.integers() | st.text()).map(json.dumps)
)
def test_any_text_is_a_statement_or_one_error(text: str) -> None:
    with pytest.raises(ModelError, match=r"^m.tflite: signature.json: "):
        Statement.from_json(text, "m.tflite")


@pytest.mark.parametrize("form", ["", "OPENSSH ", "ENCRYPTED ", "RSA "])
def test_any_private_key_is_one_or_one_error(form: str, tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    for size in (0, 1, 16, 32, 48, 100):
        body = base64.b64encode(b"openssh-key-v1\0" * (form == "OPENSSH ") + bytes(size)).decode()
        marks = [f"-----{word} {form}PRIVATE KEY-----\n" for word in ("BEGIN", "END")]
        file.write_text(f"{marks[0]}{body}\n{marks[1]}")
        with pytest.raises(UsageError, match=r"key.pem: "):
            read_private(file, lambda: "geheim")


def test_a_comment_brings_no_control_characters() -> None:
    line = LINE.strip() + b" me\x1b[31m \xff desk\r\n"
    assert parse_public(line, "k.pub").comment == "me[31m \ufffd desk"
