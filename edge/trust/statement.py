"""signature.json, and the text that is signed."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from edge.bundle import SIGNATURE
from edge.errors import ModelError, UsageError
from edge.strict import Mismatch, from_dict, parse_json
from edge.trust.public import PublicKey, check_key

SCHEMA = 1
"""Version of signature.json and of the text; a reader refuses any other."""
MAX_VERSION = 2**63 - 1
MAX_TEXT_BYTES = 4096
"""Of signature.json, before it is parsed."""


@dataclass(frozen=True)
class Statement:
    """signature.json: which version of which model this is, and who says so."""

    schema: int
    name: str
    """The contract's."""
    version: int
    """Grows with each release, 1 to 2^63 - 1; by default the time of signing, `version_now`."""
    key: str
    """The public key, 32 bytes as base64."""
    signature: str
    """Of `signed_text`, 64 bytes as base64; Ed25519 without a prehash (RFC 8032, 5.1.6)."""

    def __post_init__(self) -> None:
        check_version(self.version)
        decode(self.key, 32, "key")
        decode(self.signature, 64, "signature")

    @property
    def public_key(self) -> PublicKey:
        return PublicKey(decode(self.key, 32, "key"))

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str) -> Statement:
        """Parses signature.json; it has to be written as `to_json` writes it, letter for letter,
        so that nobody can read something else in it.

        Raises:
            ModelError: it is not, or its key is worth nothing.
        """
        try:
            if len(text) > MAX_TEXT_BYTES:
                raise Mismatch(f"expected at most {MAX_TEXT_BYTES} bytes, got {len(text)}")
            table = parse_json(text)
            schema = table.get("schema") if isinstance(table, dict) else None
            if schema != SCHEMA:
                raise Mismatch(f"expected schema {SCHEMA}, got {schema!r}; install a newer release")
            statement = from_dict(cls, table, "its keys")
            if statement.to_json() != text:
                raise Mismatch("it is not written as `edgeproof sign` writes it")
            check_key(statement.public_key, "its key")
        except (Mismatch, UsageError, ValueError, RecursionError) as error:
            raise ModelError(f"{where}: {SIGNATURE}: {error}") from None
        return statement


def signed_text(
    name: str, version: int, key: PublicKey, model: bytes, entries: Mapping[str, bytes]
) -> bytes:
    """What a signature is of: all that a bundle holds but the signature itself.

    Hashes of contents, so that it does not matter how the zip was packed. No value can bring a line
    of its own: names stand as JSON, in ASCII.

    model: the flatbuffer's bytes.
    entries: name -> content, of the zip; `signature.json` is passed over.
    """
    lines = [
        f"edgeproof signature {SCHEMA}",
        f"name {json.dumps(name)}",
        f"version {version}",
        f"key {encode(key.raw)}",
        f"model {hashlib.sha256(model).hexdigest()}",
    ]
    lines += [
        f"entry {json.dumps(entry)} {hashlib.sha256(content).hexdigest()}"
        for entry, content in sorted(entries.items())
        if entry != SIGNATURE
    ]
    return "".join(f"{line}\n" for line in lines).encode("ascii")


def check_version(version: int) -> None:
    """Refuses what is no version.

    Raises:
        ValueError: names the range.
    """
    if not 0 < version <= MAX_VERSION:
        raise ValueError(f"expected a version of 1 to {MAX_VERSION}, got {version}")


def encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def decode(text: str, size_bytes: int, what: str) -> bytes:
    """Base64 that could not have been written in another way.

    Raises:
        ValueError: it could, or is of another length.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):  # ValueError: letters beyond ASCII
        data = b""
    if len(data) != size_bytes or encode(data) != text:
        raise ValueError(f"expected {what!r} as base64 of {size_bytes} bytes, got {text[:100]!r}")
    return data
