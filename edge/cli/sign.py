"""`edgeproof sign`: the maker's word for a model."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

_file = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("model", type=_file)
@click.option(
    "--key",
    "key_file",
    type=_file,
    required=True,
    metavar="PRIVATE",
    help="Ed25519: PEM of `openssl genpkey -algorithm ed25519`, or of `ssh-keygen -t ed25519`.",
)
@click.option(
    "--version",
    type=int,
    metavar="N",
    help="Grows with each release of a model; default: the time, YYYYMMDDHHMMSS (UTC).",
)
@click.option("--out", type=_file, help="Default: MODEL itself.")
@click.option(
    "--force",
    is_flag=True,
    help="Replace another file at --out, or a newer version's signature.",
)
def sign(model: Path, key_file: Path, version: int | None, out: Path | None, force: bool) -> None:
    """Sign MODEL, a bundle, so that devices can tell that it comes from you.

    The signature goes into the bundle; nothing else in it changes, and an older one is replaced. A
    device that trusts the key's public half (`edgeproof trust`) takes no other models.
    """
    from edge.bundle import read_model_file
    from edge.files import write_atomic
    from edge.trust.keys import is_open_to_others, read_private
    from edge.trust.sign import sign_bundle

    target = _target(model, out, force)
    data = read_model_file(model)
    private = read_private(key_file, _ask if sys.stdin and sys.stdin.isatty() else None)
    if mode := is_open_to_others(key_file):
        click.echo(
            f"edgeproof: warning: {key_file} is open to others on this machine (mode {mode}), who "
            f"could sign with it: chmod 600 {key_file}",
            err=True,
        )
    signing = sign_bundle(data, str(model), private, version, force)
    write_atomic(target, signing.data)
    shown = shlex.quote(str(out or model))
    before = "" if signing.replaced is None else f", before {signing.replaced}"
    for what, value in (
        ("signed", f"{signing.name}, version {signing.version}{before}"),
        ("by", signing.key.fingerprint),
        ("wrote", str(out or model)),
        ("next", f"on the device: edgeproof trust KEY.pub (once), then edgeproof install {shown}"),
    ):
        click.echo(f"{what:8}  {value}")


def _ask() -> str:
    answer = click.prompt(
        "passphrase of the key", hide_input=True, default="", show_default=False, err=True
    )
    assert isinstance(answer, str)
    return answer


def _target(model: Path, out: Path | None, force: bool) -> Path:
    """Where the signed bundle goes.

    Raises:
        UsageError: to a place that is not to be written to.
    """
    from edge.errors import UsageError
    from edge.store.place import store_folder
    from edge.zoo import FOLDER

    target = (out or model).resolve()  # a link stays a link, to the signed file
    if any(folder.resolve() in target.parents for folder in (FOLDER, store_folder())):
        raise UsageError(
            f"{out or model}: expected a file of your own, got a model that edgeproof keeps here; "
            "sign a copy with --out FILE"
        )
    if out and target.exists() and target != model.resolve() and not force:
        raise UsageError(f"--out: {out} exists; --force replaces it")
    return target
