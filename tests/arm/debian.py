"""Debian packages of another release and architecture, unpacked; the host's own packages stay."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from edge.errors import EnvironmentFault

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
MIRROR_VARIABLE = "DEBIAN_MIRROR"

CONFIGURATION = """\
APT::Architecture "{architecture}";
APT::Architectures {{ "{architecture}"; }};
APT::Install-Recommends "0";
APT::Sandbox::User "";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::Retries "3";
Dir::State "{folder}/";
Dir::State::lists "{folder}/lists/";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}/";
Dir::Cache::archives "{folder}/archives/";
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
"""
"""An apt of our own, in which nothing is installed. The host's proxies and certificates still hold:
this file is read on top of its configuration."""


def download(folder: Path, suite: str, architecture: str, packages: Sequence[str]) -> list[Path]:
    """Downloads packages with all that they depend on; needs no root and touches nothing else.

    folder: apt's own lists and archives, made here.

    Raises:
        EnvironmentFault: no apt, no mirror, or no network.
    """
    _configure(folder, suite, architecture)
    what = f"{suite}'s packages for {architecture}"
    _apt(folder, what, "update")
    _apt(folder, what, "install", "--yes", "--download-only", *packages)
    return sorted((folder / "archives").glob("*.deb"))


def download_alone(folder: Path, suite: str, architecture: str, package: str) -> Path:
    """Downloads one package without what it depends on.

    Raises:
        EnvironmentFault: as `download`.
    """
    _configure(folder, suite, architecture)
    what = f"{suite}'s package {package}"
    _apt(folder, what, "update")
    _apt(folder, what, "download", package)
    (found,) = folder.glob(f"{package}_*.deb")
    return found


def unpack(archives: Sequence[Path], root: Path) -> None:
    """Unpacks packages into a file system below `root`; no script of theirs is run."""
    for name in ("lib", "bin", "sbin"):  # Debian's merged /usr, of which packages know nothing
        (root / "usr" / name).mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(f"usr/{name}")
    for archive in archives:
        run(["dpkg", "-x", str(archive), str(root)], f"unpacking {archive.name}")


def run(command: Sequence[str], what: str, **options: object) -> str:
    """Runs a program of the host and returns its output.

    Raises:
        EnvironmentFault: it is not there, or it failed; with the last line that it said.
    """
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            **options,  # type: ignore[call-overload]
        )
    except FileNotFoundError:
        raise EnvironmentFault(f"{what}: {command[0]} is needed and not installed") from None
    if done.returncode:
        said = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        raise EnvironmentFault(f"{what} failed: {said[0] if said else 'no word why'}")
    return str(done.stdout)


def mirror() -> str:
    """The Debian mirror that the host's apt uses, or the one in DEBIAN_MIRROR.

    Raises:
        EnvironmentFault: neither is there.
    """
    if os.environ.get(MIRROR_VARIABLE):
        return os.environ[MIRROR_VARIABLE]
    listed = run(["apt-get", "indextargets", "--format", "$(REPO_URI)"], "asking apt for a mirror")
    for address in listed.splitlines():
        if address.rstrip("/").endswith("/debian"):
            return address
    raise EnvironmentFault(
        f"expected a Debian mirror among apt's sources, found none: set {MIRROR_VARIABLE}"
    )


def _configure(folder: Path, suite: str, architecture: str) -> None:
    if not KEYRING.exists():
        raise EnvironmentFault(f"{KEYRING} is needed to trust packages: install its package")
    for name in ("lists/partial", "archives/partial"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "status").touch()
    (folder / "sources.list").write_text(f"deb [signed-by={KEYRING}] {mirror()} {suite} main\n")
    values = {"architecture": architecture, "folder": folder}
    (folder / "apt.conf").write_text(CONFIGURATION.format(**values))


def _apt(folder: Path, what: str, *arguments: str) -> None:
    environment = {**os.environ, "APT_CONFIG": str(folder / "apt.conf"), "LC_ALL": "C.UTF-8"}
    fetching = f"fetching {what} (needed once)"
    run(["apt-get", "--quiet=2", *arguments], fetching, cwd=folder, env=environment)
