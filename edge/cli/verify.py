"""`edgeproof verify`: is this model whole, and does it compute rightly here?"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from edge.selftest import SelfTest


@click.command()
@click.argument("model_names", nargs=-1, metavar="[MODEL]...")
@click.option(
    "--key",
    "key_files",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="PUBLIC",
    help="Each MODEL has to be signed by this key; again for others, one of which is enough.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a model.")
def verify(model_names: tuple[str, ...], key_files: tuple[Path, ...], as_json: bool) -> int:
    """Check models: hash, labels, tensors, proof, and the golden self-test on this device.

    Without MODEL, all shipped and installed ones. Exits with 4 when one of them must not be used.
    """
    from edge.bundle import read_model_file
    from edge.classifier import Classifier
    from edge.errors import EnvironmentFault, ModelError
    from edge.interpreter import with_kernels
    from edge.selftest import run_selftest
    from edge.store.listing import all_names
    from edge.terminal import printable
    from edge.trust.public import read_public
    from edge.trust.report import signature_of
    from edge.zoo import find_model

    keys = [read_public(file) for file in key_files]
    worst = 0
    for name in model_names or all_names():
        try:
            signature = signature_of(read_model_file(find_model(name)), name, keys)
            with Classifier.load(name) as classifier:
                proven = classifier.bundle.proof is not None
                test, off = run_selftest(classifier), classifier.passed_over
        except EnvironmentFault:
            raise
        except ModelError as error:
            worst = error.exit_code
            if as_json:
                click.echo(json.dumps({"model": name, "ok": False, "error": str(error)}))
            else:
                click.echo(f"{printable(name)}: REFUSED")
                click.echo(f"edgeproof: error: {printable(str(error))}", err=True)
            continue
        if as_json:
            record = {"model": name, "ok": True, "proven": proven, "self_test": asdict(test)}
            record["signature"] = asdict(signature) if signature else None
            click.echo(json.dumps(record))
        else:
            click.echo(
                f"{name}: ok, {'proven' if proven else 'UNPROVEN'}"
                f"{f', {signature}' if signature else ''}; self-test on "
                f"{with_kernels(test.runtime, test.kernels)}: "
                f"{test.identical} of {test.frames} golden frames identical{_others(test)}"
                f"{f'; XNNPACK int8 is off: {off}' if off else ''}"
            )
    return worst


def _others(test: SelfTest) -> str:
    if test.identical == test.frames:
        return ""
    return (
        f", the others within {test.largest_difference:.2g} ({test.meaning}), with the same labels"
    )
