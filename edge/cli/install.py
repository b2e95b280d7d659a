"""`edgeproof install`: a bundle is put in use under its name, safely."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from edge.store.install import Installed


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--downgrade", is_flag=True, help="Also below the highest version that ran here.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def install(model: Path, downgrade: bool, as_json: bool) -> None:
    """Put MODEL, the path of a .tflite, in use under its own name.

    It is copied, read back, checked and tried on its golden frames; then the name is switched to
    it in one step. What was in use before stays for `edgeproof rollback`, and stays in use when
    anything fails, the power included. A camera that runs with --model NAME switches by itself,
    between two frames. Root installs for all users, others for themselves.
    """
    from edge.cli.switched import err, services
    from edge.store.install import install as put_in_use

    if hasattr(os, "geteuid") and os.geteuid() == 0:
        os.umask(0o022)  # services under other users have to read it
    done = put_in_use(model, err, allow_downgrade=downgrade)
    reached = services(done.name)
    if not as_json:
        _tell(done, reached)
        return
    record = {
        "model": done.name,
        "variant": done.variant,
        "version": done.checked.version if done.checked else None,
        "seal": done.seal,
        "path": str(done.path),
        "before": done.before,
        "changed": done.checked is not None,
        "services": reached,
    }
    click.echo(json.dumps(record))


def _tell(done: Installed, reached: dict[str, str]) -> None:
    from edge.cli.switched import SHOWN, say, say_checked, say_reached
    from edge.zoo import shipped_models

    model = f"{done.name} {done.variant}, seal {done.seal[:SHOWN]}"
    checked = done.checked
    if checked is None:
        say("unchanged", f"{model} is in use already")
        return
    version = f", version {checked.version}" if checked.version is not None else ""
    say("installed", f"{model}{version}")
    back = f"back to it: edgeproof rollback {done.name}"
    if done.before == done.seal:
        say("before", "the same, of which the disk had lost something")
    elif done.before is not None:
        say("before", f"seal {done.before[:SHOWN]}; {back}")
    else:
        say("before", f"the shipped one; {back}" if done.name in shipped_models() else "none")
    say_checked(checked)
    say_reached(done.name, reached)
