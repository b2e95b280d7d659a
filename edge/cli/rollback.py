"""`edgeproof rollback`: back to the model before."""

from __future__ import annotations

import json
import os

import click


@click.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def rollback(name: str | None, as_json: bool) -> None:
    """Put the model in use that was before the installed NAME; again: the one before that.

    It is checked and tried as at its install; a lower version is fine. Where none was installed
    before, NAME is the shipped model again. Without NAME: the one that is installed.
    """
    from edge.cli.switched import SHOWN, err, say, say_checked, say_reached, services
    from edge.store.rollback import rollback as go_back
    from edge.store.rollback import rollback_name

    if hasattr(os, "geteuid") and os.geteuid() == 0:
        os.umask(0o022)  # services under other users have to read it
    done = go_back(rollback_name(name), err)
    reached = services(done.name)
    if as_json:
        record = {
            "model": done.name,
            "variant": done.checked.bundle.contract.variant,
            "version": done.checked.version,
            "seal": done.seal,
            "path": str(done.path),
            "left": done.left,
            "services": reached,
        }
        click.echo(json.dumps(record))
        return
    say("back to", f"{done.name} {done.checked.bundle.contract.variant}, {done.path}")
    say("left", f"seal {done.left[:SHOWN]}; to have it again: edgeproof install MODEL")
    say_checked(done.checked)
    say_reached(done.name, reached)
