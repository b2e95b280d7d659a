"""What to run to install the service, or to take it away, as a script that a person reads first."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

import edge
from edge.service.access import Account, obstacle, owner_of
from edge.service.arguments import ServiceArguments
from edge.service.unit import Unit


def service_command(arguments: ServiceArguments) -> tuple[str, ...]:
    """The camera in this very environment."""
    # Not resolved: a virtual environment's python is a link, and is known by the link's place.
    return (sys.executable, "-m", "edge", "camera", *arguments.words)


def install_steps(unit: Unit, written: Path, account: Account, is_root: bool) -> list[str]:
    """Shell lines that finish what `written`, the unit's file, began.

    is_root: whether they are run as root; else sudo is put before them.
    """
    steps = []
    if not account.exists:
        options = "--system --user-group --no-create-home --shell /usr/sbin/nologin"
        steps.append(f"useradd {options} {unit.user}")
    if written != unit.path:
        steps.append(f"cp {shlex.quote(str(written))} {unit.path}")
    for folder in unit.writable:
        if not folder.is_relative_to(unit.state_folder):
            steps.append(f"install -d -o {unit.user} {shlex.quote(str(folder))}")
    steps += [
        "systemctl daemon-reload",
        f"systemctl enable {unit.name}",
        f"systemctl restart {unit.name}",
    ]
    sudo = "" if is_root else "sudo "
    return [
        *(sudo + step for step in steps),
        f"# What it says:       {sudo}journalctl -u {unit.name} -f",
        f"# Another model:      {_as_user(unit, sudo)}edgeproof install MODEL",
        f"# --model is a path:  {sudo}systemctl reload {unit.name}",
        "# Secrets, one a line (EDGEPROOF_TOKEN=, EDGEPROOF_SOURCE=), for root alone to read: "
        f"{sudo}install -D -m 600 /dev/null {unit.secrets_file}, and then edit it",
    ]


def _as_user(unit: Unit, sudo: str) -> str:
    """What goes before `edgeproof install`, for the service to find what is installed."""
    return sudo if unit.owns_user else f"(as {unit.user}) "


def uninstall_steps(unit: Unit, is_root: bool) -> list[str]:
    """Shell lines that take the service away, and say what they leave."""
    sudo = "" if is_root else "sudo "
    return [
        f"{sudo}systemctl disable --now {unit.name}",
        f"{sudo}rm -f {unit.path}",
        f"{sudo}systemctl daemon-reload",
        f"# Kept: {unit.state_folder}, {unit.cache_folder}, {unit.secrets_file}, and the user: "
        f"{sudo}userdel {unit.user}",
    ]


def warnings(unit: Unit, arguments: ServiceArguments, account: Account) -> list[str]:
    """What would keep the service from working, or tell its secrets; a line each."""
    needed = [Path(sys.executable), Path(sys.prefix), Path(edge.__file__), *arguments.read]
    found = [*_unreadable(unit.user, needed, account), *_told_secrets(unit, arguments.words)]
    return list(dict.fromkeys(found))


def _unreadable(user: str, needed: Iterable[Path], account: Account) -> list[str]:
    found = []
    for path in needed:
        closed = obstacle(path, account)
        if closed is not None:
            mend = "install it outside (/opt/edgeproof)"
            owner = owner_of(closed)
            if owner not in (None, "root"):
                mend = f"{mend}, or --user {owner}"
            found.append(
                f"the user {user} cannot read {path}, for {closed} is closed to it: {mend}"
            )
    return found


def _told_secrets(unit: Unit, words: Iterable[str]) -> list[str]:
    for word in words:
        value = word.partition("=")[2] if word.startswith("-") else word
        try:
            has_password = "://" in value and urlsplit(value).password is not None
        except ValueError:
            continue
        if has_password:
            return [
                "an address among the arguments holds a password, which anybody on this machine "
                f"can read in {unit.path} and in the list of processes"
            ]
    return []
