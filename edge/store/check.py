"""What a bundle has to pass before a name stands for it on this device."""

from __future__ import annotations

from dataclasses import dataclass

from edge.admission.admit import admit
from edge.bundle import Bundle
from edge.classifier import Classifier
from edge.selftest import SelfTest, run_selftest


@dataclass(frozen=True)
class Checked:
    """A bundle that computes rightly here."""

    bundle: Bundle
    test: SelfTest
    version: int | None = None
    """Of its signature; none: not signed."""


def check(data: bytes, where: str, *, allow_downgrade: bool = False) -> Checked:
    """Admits a bundle's bytes and runs the golden self-test.

    A bundle without golden frames is refused: nobody could tell whether it computes rightly here,
    which is what installing promises. `adopt` and `export` write them; by its path such a model is
    used all the same.

    Raises:
        ModelError: why it must not be used here.
    """
    bundle, signed = admit(data, where, allow_downgrade=allow_downgrade)
    with Classifier(bundle) as classifier:
        return Checked(bundle, run_selftest(classifier), signed.version if signed else None)
