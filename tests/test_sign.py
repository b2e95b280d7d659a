"""Signatures: made with real keys, found wrong after any change, and read by one strict reader."""

from __future__ import annotations

import base64
import json
import time
import zipfile
from collections.abc import Callable

import pytest

from edge.bundle import pack_bundle, pack_entries, parse_bundle, split_archive
from edge.errors import ModelError, UsageError
from edge.trust.keys import is_good, public_of
from edge.trust.public import PublicKey
from edge.trust.sign import sign_bundle, version_now
from edge.trust.signed import check_signed, read_signed
from edge.trust.statement import encode
from tests.signing import (
    DIGITS,
    FASHION,
    MAKER,
    OTHER,
    WEAK,
    changed,
    device,
    entries_of,
    packed,
    resigned,
    restated,
    signed,
)

__all__ = ["device"]
L = 2**252 + 27742317777372353535851937790883648493
"""The group's order (RFC 8032, 5.1)."""


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
    size = len(parts.model)
    grown = pack_entries(parts.model + b"more", parts.entries)
    with pytest.raises(ModelError, match=f"expected a model of {size} bytes, got {size + 4}"):
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
    "NaN": (lambda s: s.update(version=float("nan")), "NaN is not a number"),
    "no version": (lambda s: s.update(version=0), "expected a version of 1 to"),
    "huge": (lambda s: s.update(version=10**3000), "expected a number of at most 63 bits"),
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
