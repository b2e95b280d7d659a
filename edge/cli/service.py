"""`edgeproof service`: the camera as a systemd service."""

from __future__ import annotations

import os
import re
from pathlib import Path

import click

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,59}")
"""Of a unit that is a folder and a file as well."""
USER = re.compile(r"[a-z_][a-z0-9_-]{0,30}")
"""What every useradd accepts (systemd's strict syntax of user names)."""


@click.group()
def service() -> None:
    """Run `edgeproof camera` from the start of the machine, for ever."""


@service.command()
@click.option("--user", default="edgeproof", show_default=True, help="Who it runs as; not root.")
@click.option("--name", default="edgeproof", show_default=True, help="Of the service.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The unit's file. Else /etc/systemd/system for root, and the current folder for others.",
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="-- [CAMERA ARGUMENTS]...")
def install(user: str, name: str, output: Path | None, arguments: tuple[str, ...]) -> None:
    """Write a systemd unit, and print what to run.

    Behind -- comes what `edgeproof camera` is to be called with; it is checked now. Nothing is
    started.

    Example: edgeproof service install -- --live --model digits
    """
    _check_names(user, name)
    from edge.cli.camera import camera
    from edge.files import write_atomic
    from edge.service.access import find_account
    from edge.service.arguments import service_arguments
    from edge.service.install import install_steps, service_command, warnings
    from edge.service.reach import stores_of
    from edge.service.unit import Unit, unit_text

    stated = os.environ.get("EDGEPROOF_STORE")
    store = Path(os.path.abspath(stated)) if stated else None
    wanted = service_arguments(camera, arguments, (store,) if store else stores_of(user))
    account = find_account(user)
    command = service_command(wanted)
    unit = Unit(name, user, command, wanted.written, account.is_for_services, store)
    is_root = os.geteuid() == 0
    path = output or (unit.path if is_root else Path(f"{name}.service"))
    write_atomic(path, unit_text(unit).encode())
    for line in warnings(unit, wanted, account):
        click.echo(f"edgeproof: warning: {line}", err=True)
    click.echo(f"# {path} is written. Run:")
    for line in install_steps(unit, path, account, is_root):
        click.echo(line)


@service.command()
@click.option("--user", default="edgeproof", show_default=True, help="Who it runs as.")
@click.option("--name", default="edgeproof", show_default=True, help="Of the service.")
def uninstall(user: str, name: str) -> None:
    """Print what to run to take the service away."""
    from edge.service.install import uninstall_steps
    from edge.service.unit import Unit

    _check_names(user, name)
    for line in uninstall_steps(Unit(name, user, ()), os.geteuid() == 0):
        click.echo(line)


def _check_names(user: str, name: str) -> None:
    from edge.errors import UsageError

    if not NAME.fullmatch(name):
        raise UsageError(f"--name: expected letters, digits, - and _, got {name!r}")
    if not USER.fullmatch(user):
        raise UsageError(f"--user: expected a user's name in small letters, got {user!r}")
    if user == "root":
        raise UsageError("--user: expected an unprivileged user, got root")
