"""The one door for a model's bytes on their way to an interpreter in a process that serves."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from edge.bundle import Bundle, parse_bundle, seal_of
from edge.zoo.seals import is_shipped

if TYPE_CHECKING:
    from edge.trust.signed import Signed


class Admitted(NamedTuple):
    """What may be given to an interpreter."""

    bundle: Bundle
    signed: Signed | None
    """What its signature says, where this device asks for one."""


def admit(
    data: bytes, where: str, *, runtime: str | None = None, allow_downgrade: bool = False
) -> Admitted:
    """Asks whose a bundle is, checks it, and tries it in a process of its own unless that was done.

    Its hashes, length, labels and seal say that the bytes are whole, never that they mean well: a
    model is a program, and many that are a little wrong kill the process that runs them. So what
    is not known, by its seal, has to agree with its contract and to run elsewhere first. Known is
    what is shipped, and what this machine has tried with the same runtime.

    data: the file, as `read_model_file` gives it.
    where: the model's name for messages.
    runtime: package name; none takes the first installed, as `Classifier` does.
    allow_downgrade: as `edge.trust.check.check_trusted`.

    Raises:
        ModelError: says which check failed, what was expected and what came.
        EnvironmentFault: no usable runtime, or no process to be had.
    """
    seal = seal_of(data)
    if is_shipped(seal):
        return Admitted(parse_bundle(data, where), None)  # which holds the seal against the bytes
    from edge.admission.records import Record, is_known, remember
    from edge.interpreter import runtime_version
    from edge.trust.check import check_trusted

    signed = check_trusted(data, where, allow_downgrade=allow_downgrade)
    bundle = parse_bundle(data, where)
    record = Record(seal, runtime_version(runtime))
    if not is_known(record):
        from edge.admission.agreement import check_agreement
        from edge.admission.trial import try_bundle

        check_agreement(bundle, where)
        try_bundle(data, where, runtime=runtime)
        remember(record)
    return Admitted(bundle, signed)
