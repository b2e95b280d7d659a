"""`make bundle`: one archive that installs edgeproof on a Pi without internet.

In it: wheels for each Python, models, `install`, and the sums of all files.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from packaging.utils import parse_wheel_filename

from deploy.archive import write_archive
from deploy.fetch import fetch_with_pip
from deploy.sums import SUMS, read_sums, sum_of
from deploy.wheels import (
    DEVICE_EXTRAS,
    PIP,
    Fetch,
    Target,
    extras_of,
    gather,
    needed_glibc,
    one_wheel,
    python_of,
    read_constraints,
    unpacked_bytes,
)
from edge.bundle import read_bundle
from edge.errors import EdgeproofError, UsageError

ROOT = Path(__file__).parent.parent
INSTALL = Path(__file__).parent / "install"
PYTHONS = ("3.11", "3.13")
"""Raspberry Pi OS Bookworm has the one, Trixie the other."""
COMPILED_SHARE = 1.4
"""Space on the card for each byte unpacked: pip compiles all modules, and blocks are not full."""
README = """\
edgeproof {version} for {machine} and Python {pythons}: sh install
It needs no network, and no root. What it does and where: sh install --help
What is in it, to the byte: SHA256SUMS and requirements-*.txt
"""


@dataclass(frozen=True)
class Content:
    """What an archive is made from."""

    wheel: Path
    """edgeproof's own."""
    extras: tuple[str, ...]
    models: tuple[Path, ...]
    machine: str
    pythons: tuple[str, ...]

    @property
    def version(self) -> str:
        return str(parse_wheel_filename(self.wheel.name)[1])

    @property
    def name(self) -> str:
        """`edgeproof-0.1.0-camera-linux-aarch64`"""
        return "-".join(["edgeproof", self.version, *self.extras, "linux", self.machine])

    @property
    def targets(self) -> list[Target]:
        return [_target(self.machine, version, self.wheel) for version in self.pythons]


def bundle(
    content: Content,
    constraints: str,
    cache: Path,
    out: Path,
    fetch: Fetch | None,
    sums: Mapping[str, str] | None = None,
) -> Path:
    """Writes the archive to out/NAME.tar.

    constraints: text of constraints.txt. cache: the folder with wheels. fetch: see `gather`.
    sums: see `one_wheel`.

    Raises:
        UsageError: an extra or a Python that edgeproof does not have, two models of one name.
        ModelError: a model that is no bundle, or a damaged one.
        EnvironmentFault: a wheel that is not to be had, or not the one in `sums`.
    """
    offered = [extra for extra in DEVICE_EXTRAS if extra in extras_of(content.wheel)]
    unknown = set(content.extras) - set(offered)
    if unknown:
        known = ", ".join(offered)
        raise UsageError(f"EXTRAS: expected some of {known}, got {', '.join(sorted(unknown))}")
    cache.mkdir(parents=True, exist_ok=True)
    files = _models(content.models)
    models_kb = sum(map(len, files.values())) // 1024
    wheels = {content.wheel.name: content.wheel}
    for target in content.targets:
        pins = read_constraints(constraints, target)
        needed = gather(content.wheel, content.extras, target, pins, cache, fetch, sums)
        pip = one_wheel("pip", PIP, target, cache, fetch, sums)
        wheels |= {path.name: path for path in (*needed, pip)}
        kb = int(unpacked_bytes([*needed, content.wheel]) * COMPILED_SHARE) // 1024 + models_kb
        files[f"requirements-{target.version}.txt"] = (
            f"# needs_kb: {kb}\n# glibc: 2.{needed_glibc(needed, target)}\n"
            + _requirement(content.wheel, content.extras)
            + "".join(map(_requirement, needed))
        ).encode()
    files |= {f"wheels/{name}": path.read_bytes() for name, path in wheels.items()}
    pythons = " ".join(content.pythons)
    readme = README.format(
        version=content.version, machine=content.machine, pythons=" or ".join(content.pythons)
    )
    files |= {
        "install": INSTALL.read_bytes(),
        "README.txt": readme.encode(),
        "about": f"version: {content.version}\nmachine: {content.machine}\n"
        f"pythons: {pythons}\nextras: {' '.join(content.extras)}\n".encode(),
    }
    path = out / f"{content.name}.tar"
    write_archive(path, files, {"install"})
    return path


def _target(machine: str, version: str, wheel: Path) -> Target:
    supported = python_of(wheel)
    match = re.fullmatch(r"(\d+)\.(\d+)", version)
    if match is None or not supported.contains(version):
        raise UsageError(f"PYTHONS: expected versions of {supported}, such as 3.11, got {version}")
    return Target(machine, (int(match[1]), int(match[2])))


def _models(paths: Iterable[Path]) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for path in paths:
        read_bundle(path)
        name = f"models/{path.name}"
        if name in files:
            raise UsageError(f"MODELS: expected one model of a name, got two: {path.name}")
        files[name] = path.read_bytes()
    return files


def _requirement(wheel: Path, extras: Sequence[str] = ()) -> str:
    """A line for pip: the exact version, and the sum of the one file that is meant."""
    name, version, _, _ = parse_wheel_filename(wheel.name)
    brackets = f"[{','.join(extras)}]" if extras else ""
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return f"{name}{brackets}=={version} --hash=sha256:{digest}\n"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--wheel", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--extras", default="", help=f"Of {', '.join(DEVICE_EXTRAS)}, by commas or spaces.")
@click.option("--models", default="", help="Bundles to take along beside the shipped ones.")
@click.option("--machine", default="aarch64", show_default=True, help="As `uname -m` says it.")
@click.option("--pythons", default=" ".join(PYTHONS), show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("dist"), show_default=True)
@click.option(
    "--wheels",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Take dependencies from this folder alone, without the network.",
)
def main(
    wheel: Path, extras: str, models: str, machine: str, pythons: str, out: Path,
    wheels: Path | None,
) -> None:  # fmt: skip
    """Make the archive; its path is printed on stdout."""
    content = Content(
        wheel, tuple(sorted(_words(extras))), tuple(map(Path, _words(models))), machine,
        tuple(_words(pythons)),
    )  # fmt: skip
    constraints = (ROOT / "constraints.txt").read_text()
    cache, fetch = (wheels, None) if wheels else (ROOT / "build/wheels", fetch_with_pip)
    try:
        path = bundle(content, constraints, cache, out, fetch, read_sums(SUMS.read_text()))
    except EdgeproofError as error:
        click.echo(f"make bundle: error: {error}", err=True)
        raise SystemExit(error.exit_code) from None
    size_mb = path.stat().st_size / 1e6
    what = f"Python {' and '.join(content.pythons)}, extras: {', '.join(content.extras) or 'none'}"
    click.echo(f"{size_mb:.1f} MB for {machine}; {what}", err=True)
    click.echo(f"sha256 {sum_of(path)}: to compare where it arrives", err=True)
    click.echo(path)


def _words(text: str) -> list[str]:
    return text.replace(",", " ").split()


if __name__ == "__main__":
    main()
