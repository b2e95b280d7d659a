"""Signatures: made with real keys, found wrong after any change, and read by one strict reader."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import os
import pty
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.bundle import pack_bundle, pack_entries, parse_bundle, split_archive
from edge.cli import run
from edge.errors import ModelError, UsageError
from edge.trust.keys import is_good, public_of, read_private
from edge.trust.public import PublicKey, parse_public, read_public
from edge.trust.sign import sign_bundle, version_now
from edge.trust.signed import check_signed, read_signed
from edge.trust.statement import Statement, encode, signed_text
from edge.zoo import shipped_models
from tests.signing import (
    DIGITS,
    FASHION,
    MAKER,
    OTHER,
    WEAK,
    changed,
    device,
    packed,
    private_file,
    public_file,
    resigned,
    restated,
    signed,
)

__all__ = ["device"]
L = 2**252 + 27742317777372353535851937790883648493
"""The group's order (RFC 8032, 5.1)."""

needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl")
needs_ssh_keygen = pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="needs ssh-keygen")


def tool(*words: str | Path) -> str:
    return subprocess.run(list(map(str, words)), check=True, capture_output=True, text=True).stdout


def entries_of(data: bytes) -> dict[str, bytes]:
    parts = split_archive(data, "m.tflite")
    assert parts is not None
    return parts.entries


def test_a_signed_bundle_is_the_same_but_for_its_signature() -> None:
    before, after = parse_bundle(DIGITS, "x"), parse_bundle(signed(), "x")
    assert after.signature_json is not None
    entries = entries_of(signed())
    assert list(entries)[-1] == "signature.json"
    del entries["signature.json"]
    assert entries == entries_of(DIGITS)
    assert (after.model, after.labels, after.contract) == (
        before.model,
        before.labels,
        before.contract,
    )
    assert signed() == signed()
    assert pack_bundle(after) == signed()


def test_a_signature_says_which_version_of_what_and_whose() -> None:
    said = check_signed(signed(), "m.tflite", [public_of(OTHER), public_of(MAKER)])
    assert (said.name, said.version, said.key) == ("digits", 7, public_of(MAKER))
    assert read_signed(DIGITS, "m.tflite") is None


def test_it_does_not_matter_how_the_zip_was_packed() -> None:
    def store(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
        archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_STORED)

    other = packed(signed(), store)
    assert other != signed()
    assert read_signed(other, "m.tflite") == read_signed(signed(), "m.tflite")


def test_a_new_signature_replaces_the_old_one() -> None:
    made = sign_bundle(signed(), "m.tflite", OTHER, 8)
    assert made.replaced == 7
    assert made.data == signed(key=OTHER, version=8)


def test_an_older_version_needs_a_word() -> None:
    with pytest.raises(UsageError, match="signed as version 7, got 6, which is older"):
        signed(signed(), version=6)
    assert signed(signed(), version=6, force=True) == signed(version=6)


def test_the_version_is_the_time_in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "gmtime", lambda: time.struct_time((2026, 1, 2, 3, 4, 5, 4, 2, 0)))
    assert version_now() == 20260102030405


@pytest.mark.parametrize("version", [0, -1, 2**63])
def test_what_is_no_version_is_refused(version: int) -> None:
    with pytest.raises(UsageError, match="expected a version of 1 to 9223372036854775807, got"):
        signed(version=version)
    assert parse_bundle(signed(version=2**63 - 1), "x").signature_json


def test_a_damaged_bundle_is_not_signed() -> None:
    with pytest.raises(ModelError, match="the seal does not match"):
        signed(DIGITS[:-1] + b"?")


# What a meddler without the key can do: every change that leaves a bundle which is sealed rightly.


def flip(name: str) -> Callable[[dict[str, bytes]], None]:
    def change(entries: dict[str, bytes]) -> None:
        content = bytearray(entries[name])
        content[len(content) // 2] ^= 1
        entries[name] = bytes(content)

    return change


def put(name: str, content: bytes) -> Callable[[dict[str, bytes]], None]:
    return lambda entries: entries.update({name: content})


def drop(name: str) -> Callable[[dict[str, bytes]], object]:
    return lambda entries: entries.pop(name)


def rename(old: str, new: str) -> Callable[[dict[str, bytes]], None]:
    return lambda entries: entries.update({new: entries.pop(old)})


def swap(one: str, two: str) -> Callable[[dict[str, bytes]], None]:
    return lambda entries: entries.update({one: entries[two], two: entries[one]})


NAMES = ["labels.txt", "contract.json", "proof.json", "golden.npz"]
KEPT, OTHERS = entries_of(DIGITS), entries_of(FASHION)
CHANGES: dict[str, Callable[[dict[str, bytes]], object]] = {
    **{f"flip {name}": flip(name) for name in NAMES},
    **{f"cut {name}": put(name, KEPT[name][:-1]) for name in NAMES},
    **{f"grow {name}": put(name, KEPT[name] + b"\n") for name in NAMES},
    **{f"without {name}": drop(name) for name in NAMES},
    **{f"other's {name}": put(name, OTHERS[name]) for name in NAMES},
    "one more": lambda entries: entries.update({"more.txt": b""}),
    "renamed": rename("proof.json", "proof.jsonx"),
    "swapped": swap("labels.txt", "proof.json"),
    "labels in another order": lambda e: e.update(
        {"labels.txt": b"".join(reversed(e["labels.txt"].splitlines(keepends=True)))}
    ),
    "another's signature": lambda e: e.update(
        {"signature.json": entries_of(signed(FASHION))["signature.json"]}
    ),
}


@pytest.mark.parametrize("change", list(CHANGES.values()), ids=list(CHANGES))
def test_any_change_of_an_entry_breaks_the_signature(
    change: Callable[[dict[str, bytes]], object],
) -> None:
    with pytest.raises(ModelError, match="the signature is not of this content"):
        read_signed(changed(signed(), change), "m.tflite")


def test_any_change_of_the_model_breaks_the_signature() -> None:
    data = signed()
    for at in (0, 20, 50_000, len(parse_bundle(data, "x").model) - 1):
        with pytest.raises(ModelError, match="the signature is not of this content"):
            read_signed(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :], "m.tflite")


def test_bytes_between_model_and_zip_are_the_model() -> None:
    parts = split_archive(signed(), "m.tflite")
    assert parts is not None
    grown = pack_entries(parts.model + b"more", parts.entries)
    with pytest.raises(ModelError, match="expected a model of 92200 bytes, got 92204"):
        parse_bundle(grown, "m.tflite")
    with pytest.raises(ModelError, match="the signature is not of this content"):
        read_signed(grown, "m.tflite")


LOOSE = "bytes that belong to none|does not begin where the |expected the entries"


@pytest.mark.parametrize("at", ["labels.txt", "signature.json"])
def test_bytes_between_entries_are_refused(at: str) -> None:
    def write(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
        archive.writestr(name, content)
        if name == at:  # behind the last, it is before the directory
            assert archive.fp is not None
            archive.fp.seek(archive.start_dir)
            archive.fp.write(b"junk")
            archive.start_dir += 4

    with pytest.raises(ModelError, match=LOOSE):
        parse_bundle(packed(signed(), write), "m.tflite")


def test_an_entry_that_the_directory_does_not_list_is_refused() -> None:
    def write(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
        if name == "proof.json":  # a reader that goes from header to header sees it
            archive.writestr("labels.txt ", b"x")
            archive.filelist.pop()
        archive.writestr(name, content)

    with pytest.raises(ModelError, match=LOOSE):
        parse_bundle(packed(signed(), write), "m.tflite")


@pytest.mark.parametrize("name", ["signature.json", "labels.txt"])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_stands_twice_is_refused(name: str) -> None:
    def write(archive: zipfile.ZipFile, entry: str, content: bytes) -> None:
        archive.writestr(entry, content)
        if entry == name:
            archive.writestr(entry, content)

    data = packed(signed(), write)
    for read in (parse_bundle, read_signed):
        with pytest.raises(
            ModelError, match="the archive behind the model is damaged: two entries"
        ):
            read(data, "m.tflite")


def test_a_name_with_a_hidden_end_is_refused() -> None:
    def write(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
        info = zipfile.ZipInfo(name)
        if name == "proof.json":
            info.filename = "proof.json\0.exe"  # zipfile reads as far as the 0
        archive.writestr(info, content)

    with pytest.raises(ModelError, match=LOOSE):
        parse_bundle(packed(signed(), write), "m.tflite")


def test_another_key_is_named() -> None:
    with pytest.raises(ModelError) as caught:
        check_signed(signed(key=OTHER), "m.tflite", [public_of(MAKER)])
    assert str(caught.value) == (
        f"m.tflite: expected a model signed by {public_of(MAKER).fingerprint}, "
        f"got one signed by {public_of(OTHER).fingerprint}"
    )
    with pytest.raises(ModelError, match="got one without a signature"):
        check_signed(DIGITS, "m.tflite", [public_of(MAKER)])


def test_a_name_that_is_not_the_contracts_is_refused() -> None:
    data = resigned(DIGITS, "fashion")
    with pytest.raises(ModelError, match="signed as 'fashion', and its contract says 'digits'"):
        read_signed(data, "m.tflite")
    assert read_signed(resigned(DIGITS, "digits"), "m.tflite")


@pytest.mark.parametrize("content", [None, b"", b"\xff", b"{}"])
def test_nonsense_that_is_rightly_signed_is_one_error(content: bytes | None) -> None:
    def change(entries: dict[str, bytes]) -> None:
        entries.pop("contract.json")
        if content is not None:
            entries["contract.json"] = content

    for name in ("digits", "../../x\n"):
        with pytest.raises(ModelError, match=r"^m.tflite: "):
            read_signed(resigned(changed(DIGITS, change), name), "m.tflite")


def high_s(signature: str) -> str:
    """The same S, a second time around the group: not reduced (RFC 8032, 5.1.7)."""
    raw = base64.b64decode(signature)
    return encode(raw[:32] + (int.from_bytes(raw[32:], "little") + L).to_bytes(32, "little"))


def with_key(raw: bytes) -> Callable[[dict[str, object]], object]:
    return lambda statement: statement.update(key=encode(raw))


STATEMENTS: dict[str, tuple[Callable[[dict[str, object]], object], str]] = {
    "version": (lambda s: s.update(version=8), "not of this content"),
    "name": (lambda s: s.update(name="fashion"), "not of this content"),
    "key": (lambda s: s.update(key=encode(public_of(OTHER).raw)), "not of this content"),
    "high S": (lambda s: s.update(signature=high_s(str(s["signature"]))), "not of this content"),
    "zeros": (lambda s: s.update(signature=encode(bytes(64))), "not of this content"),
    "short": (lambda s: s.update(signature=encode(bytes(63))), "base64 of 64 bytes"),
    "empty": (lambda s: s.update(signature=""), "base64 of 64 bytes"),
    "hex": (lambda s: s.update(key=public_of(MAKER).raw.hex().upper()), "base64 of 32 bytes"),
    "letters": (lambda s: s.update(key="é" * 44), "base64 of 32 bytes"),
    "spaces": (lambda s: s.update(key=f" {s['key']}"), "base64 of 32 bytes"),
    "loose bits": (lambda s: s.update(key="A" * 42 + "B="), "base64 of 32 bytes"),
    "one more": (lambda s: s.update(more=1), "unknown key 'more'"),
    "one less": (lambda s: s.pop("name"), "key 'name' is missing"),
    "schema": (lambda s: s.update(schema=2), "expected schema 1, got 2"),
    "true": (lambda s: s.update(schema=True), "expected int, got bool"),
    "float": (lambda s: s.update(version=7.0), "expected int, got float"),
    "word": (lambda s: s.update(version="7"), "expected int, got str"),
    "none": (lambda s: s.update(version=None), "expected int, got NoneType"),
    "NaN": (lambda s: s.update(version=float("nan")), "expected int, got float"),
    "no version": (lambda s: s.update(version=0), "expected a version of 1 to"),
    "huge": (lambda s: s.update(version=10**3000), "expected a version of 1 to"),
    "larger": (lambda s: s.update(name="x" * 5000), "expected at most 4096 bytes"),
    **{f"weak {index}": (with_key(weak), "worth nothing") for index, weak in enumerate(WEAK)},
}


@pytest.mark.parametrize(("change", "reason"), list(STATEMENTS.values()), ids=list(STATEMENTS))
def test_another_statement_is_refused(
    change: Callable[[dict[str, object]], object], reason: str
) -> None:
    with pytest.raises(ModelError, match=reason):
        read_signed(restated(signed(), change), "m.tflite")


@pytest.mark.parametrize(
    "rewrite",
    [
        lambda text: text.replace(b'"version": 7', b'"version": 7,\n "version": 7'),
        lambda text: text.replace(b"digits", b"\\u0064igits"),
        lambda text: text.rstrip(),
        lambda text: text + b" ",
        lambda text: json.dumps(json.loads(text)).encode(),
        lambda text: text.replace(b'"schema": 1', b'"schema": 1.0'),
        lambda text: text.replace(b"7\n", b"07\n"),
        lambda text: text.replace(b"7\n", b"9" * 5000 + b"\n"),
        lambda text: b"[" * 4000,
        lambda text: b"null",
        lambda text: b"",
        lambda text: b"\xff" + text,
        lambda text: b"\xef\xbb\xbf" + text,
    ],
)
def test_a_statement_is_read_in_one_way_only(rewrite: Callable[[bytes], bytes]) -> None:
    def change(entries: dict[str, bytes]) -> None:
        before = entries["signature.json"]
        entries["signature.json"] = rewrite(before)
        assert entries["signature.json"] != before

    with pytest.raises(ModelError, match=r"m.tflite: signature.json"):
        read_signed(changed(signed(), change), "m.tflite")


def test_anybody_signs_under_a_weak_key() -> None:
    # Why they are refused here: the library takes them.
    identity = b"\x01" + bytes(31)
    assert is_good(PublicKey(identity), identity + bytes(32), b"whatever")


# Keys, as other tools make them.


@needs_openssl
def test_keys_of_openssl_sign_and_verify(tmp_path: Path, device: Path) -> None:
    key, public = tmp_path / "maker.pem", tmp_path / "maker.pub"
    tool("openssl", "genpkey", "-algorithm", "ed25519", "-out", key)
    public.write_text(tool("openssl", "pkey", "-in", key, "-pubout"))
    model = tmp_path / "m.tflite"
    model.write_bytes(DIGITS)
    assert run(["sign", str(model), "--key", str(key)]) == 0
    said = check_signed(model.read_bytes(), "m.tflite", [read_public(public)])
    assert abs(said.version - version_now()) < 10_000


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


# The command.


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
        "public.ssh": LINE,
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
    model.write_bytes(changed(signed(), CHANGES["grow proof.json"]))
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
