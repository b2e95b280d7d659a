"""Ed25519: private keys, and the check of signatures; the one file that imports cryptography."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias

from edge.errors import EnvironmentFault, UsageError
from edge.trust.public import PublicKey, is_private, read_key_file

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    PrivateKey: TypeAlias = Ed25519PrivateKey

_OPENSSH = b"-----BEGIN OPENSSH PRIVATE KEY-----"
_OPENSSH_PLAIN = b"openssh-key-v1\x00\x00\x00\x00\x04none"
"""How one begins that has no passphrase (openssh-portable, PROTOCOL.key)."""


def need_library() -> ModuleType:
    """The library's module for Ed25519.

    Raises:
        EnvironmentFault: it is not installed, or does not load.
    """
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise EnvironmentFault(
            "signatures need the Python package 'cryptography': pip install 'edgeproof[sign]' "
            f"({error})"
        ) from None
    return ed25519


def read_private(path: Path, ask: Callable[[], str] | None) -> PrivateKey:
    """A private key, PEM (PKCS8) or OpenSSH's.

    ask: gives the passphrase, when one is needed; none: nobody is there to be asked.

    Raises:
        UsageError: not a private Ed25519 key, or another passphrase.
        EnvironmentFault: a library is missing.
    """
    ed25519 = need_library()
    content = read_key_file(path)
    if not is_private(content):
        is_public = b"PUBLIC KEY-----" in content or content.startswith((b"ssh-", b"ecdsa-"))
        raise UsageError(
            f"{path}: expected a private key, as `openssl genpkey -algorithm ed25519` or "
            f"`ssh-keygen -t ed25519` writes it, got {'a public key' if is_public else 'no key'}"
        )
    passphrase = None
    if _is_encrypted(content):
        if ask is None:
            raise UsageError(
                f"{path}: the key has a passphrase, and there is no terminal to ask for it: "
                "run this in one, or take a key without"
            )
        passphrase = ask().encode("utf-8", "surrogateescape")
    key = _load(content, passphrase, path)
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        kind = type(key).__name__.strip("_").removesuffix("PrivateKey")
        raise UsageError(
            f"{path}: expected an Ed25519 key, got {'ECDSA' if kind == 'EC' else kind}"
        )
    return key


def is_open_to_others(path: Path) -> str:
    """The mode of a file that more than its owner can read, such as `644`; else empty."""
    mode = os.stat(path).st_mode & 0o777
    return f"{mode:o}" if mode & 0o077 else ""


def public_of(private: PrivateKey) -> PublicKey:
    """The public half."""
    return PublicKey(private.public_key().public_bytes_raw())


def is_good(key: PublicKey, signature: bytes, text: bytes) -> bool:
    """Whether a signature, 64 bytes, is this key's of this text.

    Raises:
        EnvironmentFault: the library is missing.
    """
    ed25519 = need_library()
    from cryptography.exceptions import InvalidSignature

    try:
        ed25519.Ed25519PublicKey.from_public_bytes(key.raw).verify(signature, text)
    except (InvalidSignature, ValueError):
        return False
    return True


def _is_encrypted(content: bytes) -> bool:
    if _OPENSSH not in content:
        return b"ENCRYPTED" in content
    body = b"".join(content.partition(_OPENSSH)[2].partition(b"-----END")[0].split())
    try:
        return not base64.b64decode(body, validate=True).startswith(_OPENSSH_PLAIN)
    except binascii.Error:
        return False  # damaged: what reads it next says so


def _load(content: bytes, passphrase: bytes | None, path: Path) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    is_openssh = _OPENSSH in content
    load = serialization.load_ssh_private_key if is_openssh else serialization.load_pem_private_key
    try:
        return load(content, passphrase)
    except UnsupportedAlgorithm as error:
        if "bcrypt" in str(error):
            raise EnvironmentFault(
                f"{path}: a passphrase of ssh-keygen's needs the Python package 'bcrypt': "
                "pip install bcrypt"
            ) from None
        raise UsageError(f"{path}: expected an Ed25519 key, got another kind: {error}") from None
    except (ValueError, TypeError):  # its words are OpenSSL's, and differ between releases
        what = "the passphrase is not this key's" if passphrase is not None else "it is damaged"
        raise UsageError(f"{path}: the private key cannot be read: {what}") from None
