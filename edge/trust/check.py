"""Whether this device takes a bundle: signed, by a key that it trusts, no older than before."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.errors import EnvironmentFault, ModelError
from edge.trust.trusted import folders, is_required, trusted_keys

if TYPE_CHECKING:
    from edge.bundle import Parts
    from edge.trust.public import PublicKey
    from edge.trust.statement import Statement


@dataclass(frozen=True)
class Signed:
    """What a signature says that was checked against all that it is of."""

    name: str
    """The contract's."""
    version: int
    key: PublicKey


def check_trusted(data: bytes, where: str, *, allow_downgrade: bool = False) -> Signed | None:
    """Refuses a bundle that this device does not trust; it remembers nothing.

    Not for shipped models, which are trusted as the software is. Costs two calls of stat and no
    import where no key is trusted.

    data: as `edge.bundle.parse_bundle` took it.
    where: the model's name for messages.
    allow_downgrade: also a version below one that this device has had.

    Returns:
        What is to be remembered once the model is at work (`edge.trust.versions.remember`); none
        where no key is trusted, for then nothing was checked.

    Raises:
        ModelError: not signed, wrongly, by another key, or as an older version.
        EnvironmentFault: the keys, the versions or the library cannot be had.
    """
    if not is_required():
        return None
    keys = [trusted.key for trusted in trusted_keys()]
    if not keys:
        there = " and ".join(str(folder) for folder in folders())
        raise EnvironmentFault(
            f"this device takes signed models only, and trusts no key: expected *.pub in {there}; "
            "edgeproof trust KEY.pub adds one, and without that folder any model is taken"
        )
    signed = check_signed(data, where, keys)
    if not allow_downgrade:
        _check_version(signed, where)
    return signed


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
        ModelError: it is not of this very content.
        EnvironmentFault: the library is missing.
    """
    from edge.contract import Contract
    from edge.trust.keys import is_good
    from edge.trust.statement import decode, signed_text

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
    from edge.bundle import CONTRACT

    expected = Contract.from_json(parts.entries[CONTRACT].decode(), where).name
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
    from edge.bundle import SIGNATURE, split_archive
    from edge.trust.statement import Statement

    parts = split_archive(data, where)
    if parts is None:
        raise ModelError(
            f"{where}: expected a bundle, got a file that ends without what it carries"
        )
    if SIGNATURE not in parts.entries:
        return parts, None
    try:
        return parts, Statement.from_json(parts.entries[SIGNATURE].decode(), where)
    except UnicodeDecodeError:
        raise ModelError(f"{where}: {SIGNATURE} is not UTF-8") from None


def _check_version(signed: Signed, where: str) -> None:
    from edge.trust.versions import remembered

    before = remembered(signed.name)
    if before is not None and signed.version < before:
        raise ModelError(
            f"{where}: version {signed.version} of {signed.name!r} is older than {before}, which "
            "this device has had; to go back on purpose: edgeproof install --downgrade, or rollback"
        )
