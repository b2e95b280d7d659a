"""What the signature of a bundle says, held against all that the bundle holds."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from edge.bundle import SIGNATURE, Parts, parse_bundle, split_bundle
from edge.errors import ModelError
from edge.trust.keys import is_good
from edge.trust.public import PublicKey
from edge.trust.statement import Statement, decode, signed_text


@dataclass(frozen=True)
class Signed:
    """What a signature says that was checked against all that it is of."""

    name: str
    """The contract's."""
    version: int
    key: PublicKey


def check_signed(data: bytes, where: str, keys: Collection[PublicKey]) -> Signed:
    """What the signature of a bundle says, when it is good and by one of these keys.

    Raises:
        ModelError: it is not.
        EnvironmentFault: the library is missing.
    """
    signed = read_signed(data, where)
    wanted = ", ".join(key.fingerprint for key in keys)
    if signed is None:
        raise ModelError(
            f"{where}: expected a model signed by {wanted}, got one without a signature"
        )
    if signed.key not in keys:
        raise ModelError(
            f"{where}: expected a model signed by {wanted}, got one signed by "
            f"{signed.key.fingerprint}"
        )
    return signed


def read_signed(data: bytes, where: str) -> Signed | None:
    """What the signature of a bundle says, whoever made it; none: it has none.

    Raises:
        ModelError: it is not of this very content, or the bundle cannot be used.
        EnvironmentFault: the library is missing.
    """
    parts, statement = _parts(data, where)
    if statement is None:
        return None
    name, key = statement.name, statement.public_key
    text = signed_text(name, statement.version, key, parts.model, parts.entries)
    if not is_good(key, decode(statement.signature, 64, "signature"), text):
        raise ModelError(
            f"{where}: the signature is not of this content: the model, its name, version, labels, "
            "contract, proof or golden frames were changed after it was signed"
        )
    expected = parse_bundle(data, where).contract.name  # whoever signs can sign nonsense
    if name != expected:
        raise ModelError(f"{where}: it is signed as {name!r}, and its contract says {expected!r}")
    return Signed(name, statement.version, key)


def read_statement(data: bytes, where: str) -> Statement | None:
    """What signature.json says, unchecked; none: there is none.

    Raises:
        ModelError: it is not written as a signature is.
    """
    return _parts(data, where)[1]


def _parts(data: bytes, where: str) -> tuple[Parts, Statement | None]:
    parts = split_bundle(data, where)
    if SIGNATURE not in parts.entries:
        return parts, None
    try:
        return parts, Statement.from_json(parts.entries[SIGNATURE].decode(), where)
    except UnicodeDecodeError:
        raise ModelError(f"{where}: {SIGNATURE} is not UTF-8") from None
