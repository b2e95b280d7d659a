"""Whether this device takes a bundle: signed, by a key that it trusts, no older than before.

On the way of every model that did not come with edgeproof, so what only a device with trusted keys
needs is imported there alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.errors import EnvironmentFault, ModelError
from edge.trust.required import folders, is_required

if TYPE_CHECKING:
    from edge.trust.signed import Signed


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
    from edge.trust.signed import check_signed
    from edge.trust.trusted import trusted_keys

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


def _check_version(signed: Signed, where: str) -> None:
    from edge.trust.versions import remembered

    before = remembered(signed.name)
    if before is not None and signed.version < before:
        raise ModelError(
            f"{where}: version {signed.version} of {signed.name!r} is older than {before}, which "
            "this device has had; to go back on purpose: edgeproof install --downgrade, or rollback"
        )
