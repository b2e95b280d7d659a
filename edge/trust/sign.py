"""A bundle becomes a signed one; nothing else in it changes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.bundle import SIGNATURE, pack_entries, parse_bundle, split_bundle
from edge.errors import UsageError
from edge.trust.keys import public_of
from edge.trust.public import PublicKey
from edge.trust.signed import read_signed
from edge.trust.statement import SCHEMA, Statement, check_version, encode, signed_text

if TYPE_CHECKING:
    from edge.trust.keys import PrivateKey


@dataclass(frozen=True)
class Signing:
    """What was made."""

    data: bytes
    """The signed bundle."""
    name: str
    version: int
    key: PublicKey
    replaced: int | None
    """The version that it carried before; none: it was not signed."""


def sign_bundle(
    data: bytes, where: str, private: PrivateKey, version: int | None, force: bool = False
) -> Signing:
    """Signs a bundle as a version; an older signature goes.

    version: none takes the time, see `version_now`.
    force: also as a version below the one that it carries.

    Raises:
        ModelError: the bundle cannot be used.
        UsageError: not a version, or one below the one that it carries.
    """
    bundle = parse_bundle(data, where)
    parts = split_bundle(data, where)
    version = version_now() if version is None else version
    try:
        check_version(version)
    except ValueError as error:
        raise UsageError(f"--version: {error}") from None
    before = None
    if bundle.signature_json is not None and not force:
        before = Statement.from_json(bundle.signature_json, where).version
        if version < before:
            raise UsageError(
                f"{where}: it is signed as version {before}, got {version}, which is older; "
                "devices that saw the newer one would refuse it: --version N, or --force"
            )
    name, key = bundle.contract.name, public_of(private)
    text = signed_text(name, version, key, parts.model, parts.entries)
    statement = Statement(SCHEMA, name, version, encode(key.raw), encode(private.sign(text)))
    entries = parts.entries | {SIGNATURE: statement.to_json().encode()}
    signed = pack_entries(parts.model, entries)
    parse_bundle(signed, where)
    read_signed(signed, where)
    return Signing(signed, name, version, key, before)


def version_now() -> int:
    """The time as a version: YYYYMMDDHHMMSS, UTC."""
    return int(time.strftime("%Y%m%d%H%M%S", time.gmtime()))
