"""Public keys of Ed25519: read from PEM or OpenSSH text, named by a fingerprint, written as a line.

Both forms hold 32 bytes behind a fixed prefix, so they are read here without a library.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path

from edge.errors import UsageError

MAX_FILE_BYTES = 64 * 1024
"""No key file comes near."""
KIND = "ssh-ed25519"
_SSH = b"\x00\x00\x00\x0b" + KIND.encode() + b"\x00\x00\x00\x20"  # RFC 8709, 4
_SPKI = bytes.fromhex("302a300506032b6570032100")  # RFC 8410, 4
_PEM = re.compile(rb"\s*-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----\s*")
_OTHERS = {
    bytes.fromhex("06092a864886f70d010101"): "RSA",
    bytes.fromhex("06072a8648ce3d0201"): "ECDSA",
    bytes.fromhex("06032b656e"): "X25519",
    bytes.fromhex("06032b6571"): "Ed448",
}
"""Object identifiers, as DER: RFC 3279, 2.3, and RFC 8410, 3."""
_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P
"""The field and the curve (RFC 8032, 5.1)."""


@dataclass(frozen=True)
class PublicKey:
    """Whose signature is looked for."""

    raw: bytes
    """32 bytes (RFC 8032, 5.1.2)."""
    comment: str = field(default="", compare=False)
    """What the key's file says of whose it is; nothing relies on it."""

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -l` prints it: SHA256: and 43 letters."""
        digest = hashlib.sha256(_SSH + self.raw).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")

    @property
    def line(self) -> str:
        """As in a .pub file of ssh-keygen."""
        blob = base64.b64encode(_SSH + self.raw).decode()
        return f"{KIND} {blob} {self.comment}".rstrip() + "\n"


def read_key_file(path: Path) -> bytes:
    """The bytes of a key's file.

    Raises:
        UsageError: it cannot be read, or is too big to be a key's.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path}: the key cannot be read: {error.strerror}") from None
    if len(content) > MAX_FILE_BYTES:
        raise UsageError(f"{path}: expected a key, got more than {MAX_FILE_BYTES} bytes")
    return content


def is_private(content: bytes) -> bool:
    """Whether a file holds a private key, of whatever kind."""
    return b"PRIVATE KEY" in content


def read_public(path: Path) -> PublicKey:
    """One public key, as `openssl pkey -pubout` or `ssh-keygen` writes it.

    Raises:
        UsageError: says what is there instead.
    """
    content = read_key_file(path)
    if is_private(content):
        raise UsageError(
            f"{path}: expected a public key, got a private one; its public half is made with: "
            f"openssl pkey -in {path} -pubout, or ssh-keygen -y -f {path}"
        )
    return parse_public(content, str(path))


def parse_public(content: bytes, where: str) -> PublicKey:
    """As `read_public`, from bytes. where: the file's name for messages."""
    pem = _PEM.fullmatch(content)
    raw, comment = _from_pem(pem[1], where) if pem else _from_line(content, where)
    return check_key(PublicKey(raw, comment), where)


def check_key(key: PublicKey, where: str) -> PublicKey:
    """Refuses keys under which everybody can sign; OpenSSL takes them.

    Those are the eight points of small order, and second ways to write a point.

    Raises:
        UsageError: it is one of them.
    """
    y = int.from_bytes(key.raw, "little") % 2**255  # the highest bit is the sign of x
    # Order 1, 2, 4; and 8: twice the point has y = 0, so y^2 = -x^2 on the curve.
    if y >= _P or y in (0, 1, _P - 1) or (_D * y**4 + 2 * y * y - 1) % _P == 0:
        raise UsageError(f"{where}: this key is worth nothing: anybody can sign under it")
    return key


def _from_pem(body: bytes, where: str) -> tuple[bytes, str]:
    der = _decode(b"".join(body.split()), where)
    if len(der) == len(_SPKI) + 32 and der.startswith(_SPKI):
        return der[len(_SPKI) :], ""
    kind = next((name for mark, name in _OTHERS.items() if mark in der[:40]), "another kind")
    raise UsageError(f"{where}: expected an Ed25519 key, got {kind}")


def _from_line(content: bytes, where: str) -> tuple[bytes, str]:
    lines = [line for line in content.decode("utf-8", "replace").splitlines() if line.strip()]
    words = lines[0].split(None, 2) if len(lines) == 1 else []
    if len(words) < 2 or not re.match(r"(sk-)?(ssh|ecdsa)-", words[0]):
        raise UsageError(
            f"{where}: expected one public key, PEM as `openssl pkey -pubout` writes it or a line "
            "as in ssh-keygen's .pub, got something else"
        )
    if words[0] != KIND:
        raise UsageError(f"{where}: expected an Ed25519 key, {KIND}, got {words[0]}")
    blob = _decode(words[1].encode(), where)
    if len(blob) != len(_SSH) + 32 or not blob.startswith(_SSH):
        raise UsageError(f"{where}: the key is damaged: it does not hold what {KIND} holds")
    comment = words[2] if len(words) == 3 else ""
    return blob[len(_SSH) :], "".join(filter(str.isprintable, comment)).strip()[:100]


def _decode(text: bytes, where: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise UsageError(f"{where}: the key is damaged: it is not base64") from None
