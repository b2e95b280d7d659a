"""Signed bundles and keys for the tests: made here, changed as a meddler would."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge import bundle as bundles
from edge.bundle import pack_entries, split_archive
from edge.trust import required
from edge.trust.keys import public_of
from edge.trust.public import PublicKey
from edge.trust.sign import sign_bundle
from edge.trust.statement import SCHEMA, Statement, encode, signed_text
from edge.zoo import shipped_models

DIGITS = shipped_models()["digits"].read_bytes()
FASHION = shipped_models()["fashion"].read_bytes()
needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl")
needs_ssh_keygen = pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="needs ssh-keygen")
MAKER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
WEAK = [
    bytes(32),
    b"\x01" + bytes(31),
    b"\x01" + bytes(30) + b"\x80",
    b"\xec" + b"\xff" * 30 + b"\x7f",
    b"\xed" + b"\xff" * 30 + b"\x7f",
    b"\xee" + b"\xff" * 30 + b"\xff",
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"),
]
"""Points of order 1, 2, 4 and 8, some in a second way: keys that anybody can sign under."""


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of this test's own, and a folder of root's that is not the machine's."""
    monkeypatch.setenv("EDGEPROOF_STORE", str(tmp_path / "store"))
    monkeypatch.setattr(required, "SYSTEM_FOLDER", tmp_path / "etc" / "trusted")
    return tmp_path / "store"


def tool(*words: str | Path) -> str:
    return subprocess.run(list(map(str, words)), check=True, capture_output=True, text=True).stdout


def signed(
    data: bytes = DIGITS, key: Ed25519PrivateKey = MAKER, version: int = 7, force: bool = False
) -> bytes:
    return sign_bundle(data, "m.tflite", key, version, force).data


def private_file(path: Path, key: Ed25519PrivateKey = MAKER) -> Path:
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(pem)
    path.chmod(0o600)
    return path


def public_file(path: Path, key: Ed25519PrivateKey = MAKER, comment: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(PublicKey(public_of(key).raw, comment).line)
    return path


def entries_of(data: bytes) -> dict[str, bytes]:
    parts = split_archive(data, "m.tflite")
    assert parts is not None
    return parts.entries


def changed(data: bytes, change: Callable[[dict[str, bytes]], object]) -> bytes:
    """The bundle with other entries, sealed again."""
    parts = split_archive(data, "m.tflite")
    assert parts is not None
    entries = dict(parts.entries)
    change(entries)
    return pack_entries(parts.model, entries)


def restated(data: bytes, change: Callable[[dict[str, object]], object]) -> bytes:
    """With another signature.json, written as edgeproof writes it."""

    def edit(entries: dict[str, bytes]) -> None:
        table = json.loads(entries["signature.json"])
        change(table)
        entries["signature.json"] = (json.dumps(table, indent=1, sort_keys=True) + "\n").encode()

    return changed(data, edit)


def resigned(data: bytes, name: str, key: Ed25519PrivateKey = MAKER, version: int = 7) -> bytes:
    """Signed with a name of its own choice, as only who has the key can."""

    def edit(entries: dict[str, bytes]) -> None:
        parts = split_archive(data, "m.tflite")
        assert parts is not None
        public = public_of(key)
        text = signed_text(name, version, public, parts.model, entries)
        statement = Statement(SCHEMA, name, version, encode(public.raw), encode(key.sign(text)))
        entries["signature.json"] = statement.to_json().encode()

    return changed(data, edit)


def packed(data: bytes, write: Callable[[zipfile.ZipFile, str, bytes], None]) -> bytes:
    """The same entries, each written by `write`, and sealed."""
    parts = split_archive(data, "m.tflite")
    assert parts is not None
    buffer = io.BytesIO(parts.model)
    buffer.seek(0, io.SEEK_END)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.entries.items():
            write(archive, name, content)
        archive.comment = b" " * bundles.SEAL_BYTES
    unsealed = buffer.getvalue()[: -bundles.SEAL_BYTES]
    return unsealed + (bundles.SEAL + hashlib.sha256(unsealed).hexdigest()).encode()
