"""What `edgeproof verify` says of a model's signature."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from edge.errors import EnvironmentFault
from edge.trust.public import PublicKey
from edge.trust.signed import check_signed, read_signed, read_statement


@dataclass(frozen=True)
class Signature:
    """A model's signature, for people and machines."""

    version: int
    key: str
    """Fingerprint of whose it is."""
    checked: bool
    """It is of this very content; false: the library to check it is not here."""
    trusted: bool
    """By a key that was asked for, or else by one that this device trusts."""

    def __str__(self) -> str:
        how = (
            "not checked: pip install 'edgeproof[sign]'"
            if not self.checked
            else "trusted"
            if self.trusted
            else "a key that this device has not been told of"
        )
        return f"signed as version {self.version} by {self.key} ({how})"


def signature_of(data: bytes, where: str, wanted: Collection[PublicKey]) -> Signature | None:
    """The signature of a bundle, which is parsed first; none: it has none, and none was asked for.

    wanted: one of these has to have signed it; none: whoever did.

    Raises:
        ModelError: the bundle cannot be used, its signature is wrong, or not by one of `wanted`.
        EnvironmentFault: the keys cannot be read; or `wanted`, and the library is missing.
    """
    from edge.bundle import parse_bundle
    from edge.trust.trusted import trusted_keys

    parse_bundle(data, where)
    if wanted:
        signed = check_signed(data, where, wanted)
        return Signature(signed.version, signed.key.fingerprint, True, True)
    statement = read_statement(data, where)
    if statement is None:
        return None
    key = statement.public_key
    try:
        read_signed(data, where)
    except EnvironmentFault:
        return Signature(statement.version, key.fingerprint, False, False)
    is_trusted = key in [trusted.key for trusted in trusted_keys()]
    return Signature(statement.version, key.fingerprint, True, is_trusted)
