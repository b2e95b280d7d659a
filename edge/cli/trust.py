"""`edgeproof trust`: from whom this device takes models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from edge.trust.trusted import Trusted


@click.command()
@click.argument("key_files", nargs=-1, type=click.Path(path_type=Path), metavar="[KEY.pub]...")
@click.option("--list", "as_list", is_flag=True, help="Show the trusted keys; the default.")
@click.option("--json", "as_json", is_flag=True, help="The list as one JSON object.")
@click.option("--remove", metavar="FINGERPRINT|FILE", help="Trust a key no longer.")
def trust(key_files: tuple[Path, ...], as_list: bool, as_json: bool, remove: str | None) -> None:
    """Trust public keys: from then on this device takes models only that are signed by one of them,
    and those that came with edgeproof.

    KEY.pub: PEM of `openssl pkey -pubout`, or ssh-keygen's .pub. As root, for all users.
    """
    if sum((bool(key_files), as_list or as_json, remove is not None)) > 1:
        raise click.UsageError("expected KEY.pub, --list or --remove, got more than one of them.")
    if key_files:
        _add(key_files)
    elif remove is not None:
        _remove(remove)
    else:
        _list(as_json)


def _add(key_files: tuple[Path, ...]) -> None:
    from edge.trust.keys import need_library
    from edge.trust.public import parse_public
    from edge.trust.trusted import add_key, trusted_keys

    need_library()  # or this device could check nothing that it is told to check
    contents = [(file, _read(file)) for file in key_files]
    keys = [parse_public(content, str(file)) for file, content in contents]  # all, or none is added
    for key in keys:
        known = [trusted for trusted in trusted_keys() if trusted.key == key]
        added = known[0] if known else add_key(key)
        _show(added, "known" if known else "trusted")
    click.echo(f"from now  {_consequence()}")
    click.echo("          a running service: from its next start, or its next model")


def _read(file: Path) -> bytes:
    """Raises UsageError of a private key, in words that nobody passes over."""
    from edge.errors import UsageError
    from edge.trust.public import is_private, read_key_file

    content = read_key_file(file)
    if is_private(content):
        raise UsageError(
            f"{file} is a PRIVATE key, and nothing was stored. Whoever has it can sign models in "
            "your name: take it away from this device, and make a new one if others could read it "
            "here. What belongs here is its public half, made on your computer with: "
            f"openssl pkey -in {file.name} -pubout, or ssh-keygen -y -f {file.name}"
        )
    return content


def _remove(what: str) -> None:
    from edge.trust.trusted import remove_file

    for file in _files_of(what):
        remove_file(file)
        click.echo(f"removed   {file}")
    click.echo(f"from now  {_consequence()}")


def _files_of(what: str) -> list[Path]:
    """The files in the trusted folders that are meant by a fingerprint or by a key's file."""
    from edge.errors import UsageError
    from edge.trust.public import read_public
    from edge.trust.required import folders
    from edge.trust.trusted import trusted_keys

    file = Path(what)
    if file.parent.resolve() in [folder.resolve() for folder in folders()] and file.is_file():
        return [file]  # a damaged one, too
    if not what.startswith("SHA256:"):
        what = read_public(file).fingerprint
    found = [trusted.file for trusted in trusted_keys() if trusted.key.fingerprint == what]
    if not found:
        raise UsageError(f"expected a key that this device trusts (edgeproof trust), got {what}")
    return found


def _list(as_json: bool) -> None:
    from edge.trust.required import is_required
    from edge.trust.trusted import trusted_keys

    keys = trusted_keys()
    if as_json:
        listed = [
            {
                "fingerprint": trusted.key.fingerprint,
                "comment": trusted.key.comment,
                "file": str(trusted.file),
            }
            for trusted in keys
        ]
        click.echo(json.dumps({"required": is_required(), "keys": listed}))
        return
    for trusted in keys:
        _show(trusted, "trusted")
    click.echo(f"now       {_consequence()}")


def _show(trusted: Trusted, word: str) -> None:
    comment = f"  {trusted.key.comment}" if trusted.key.comment else ""
    click.echo(f"{word:8}  {trusted.key.fingerprint}{comment}")
    click.echo(f"in        {trusted.file}, for {_for_whom(trusted.file)}")


def _for_whom(file: Path) -> str:
    from edge.trust.required import SYSTEM_FOLDER

    if file.parent == SYSTEM_FOLDER:
        return "all users of this device"
    return "this user alone; for all: sudo edgeproof trust"


def _consequence() -> str:
    from edge.trust.required import folders, is_required
    from edge.trust.trusted import trusted_keys

    if not is_required():
        return "this device takes any model that is whole: no key is trusted"
    count = len({trusted.key for trusted in trusted_keys()})
    if not count:
        there = " and ".join(str(folder) for folder in folders() if folder.is_dir())
        return (
            f"this device takes the shipped models alone: no key in {there}; remove it to end that"
        )
    of = "this key" if count == 1 else f"one of these {count} keys"
    return f"this device takes models signed by {of}, and the shipped ones; no others"
