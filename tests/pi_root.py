"""A small Debian for ARM in a folder, whose programs run under emulation and without a network.

Raspberry Pi OS (64-bit) is Debian's arm64 with packages of its own. Only what is named here is
unpacked, as on a Lite image: no pip, no python3-venv, no picamera2. No root is needed, and nothing
of this machine is changed: programs run in a user namespace, in which binfmt_misc is private (Linux
6.7 on), so that qemu's user mode runs every ARM program in it, scripts' interpreters included.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

PYTHONS = {"bookworm": "3.11", "trixie": "3.13"}
"""Debian's release -> its Python."""
PACKAGES = (
    "coreutils", "dash", "findutils", "grep", "libstdc++6", "python3", "sed", "tar", "util-linux",
)  # fmt: skip
"""What a shell script may expect of any Debian, and Python. Their dependencies come with them."""
QEMU = "qemu-aarch64-static"
APT_CONF = """\
APT::Architecture "arm64";
APT::Architectures {{ "arm64"; }};
APT::Install-Recommends "0";
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::Retries "3";
Dir::Cache "{folder}";
Dir::Etc::preferencesparts "/dev/null";
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::State "{folder}";
Dir::State::status "{folder}/status";
"""
MAGIC = (
    r":arm64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
    r":\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:"
)
"""binfmt_misc's rule: 64-bit ELF files for AArch64, programs and shared ones (PIE)."""
INSIDE = """\
set -e
mount -t binfmt_misc none /proc/sys/fs/binfmt_misc
printf %s "$1" >/proc/sys/fs/binfmt_misc/register
mount -t proc none "$2/proc"
for device in null zero urandom; do mount --bind "/dev/$device" "$2/dev/$device"; done
root=$2
shift 2
exec chroot "$root" /usr/bin/env -i HOME=/home/pi PATH=/usr/bin:/bin "$@"
"""


def make_root(release: str, cache: Path) -> Path:
    """The root folder of that Debian release for arm64; downloaded and unpacked once.

    Raises:
        RuntimeError: no Debian server is known to this machine's apt, or a step failed.
    """
    root = cache / f"root-{release}"
    if root.exists():
        return root
    apt, making = cache / f"apt-{release}", cache / f"root-{release}.new"
    for folder in ("lists/partial", "archives/partial"):
        (apt / folder).mkdir(parents=True, exist_ok=True)
    (apt / "status").touch()
    (apt / "sources.list").write_text(f"deb {debian_mirror()} {release} main\n")
    (apt / "apt.conf").write_text(APT_CONF.format(folder=apt.resolve()))
    get = ["apt-get", "-qq", "--yes"]
    _run([*get, "update"], {"APT_CONFIG": str(apt / "apt.conf")})
    _run([*get, "install", "--download-only", *PACKAGES], {"APT_CONFIG": str(apt / "apt.conf")})
    shutil.rmtree(making, ignore_errors=True)
    for folder in ("dev", "home/pi", "proc", "tmp", "usr/bin", "usr/lib", "usr/sbin"):
        (making / folder).mkdir(parents=True)
    for folder in ("bin", "lib", "sbin"):
        (making / folder).symlink_to(f"usr/{folder}")
    for device in ("null", "zero", "urandom"):
        (making / "dev" / device).touch()
    for package in sorted((apt / "archives").glob("*.deb")):
        # Through tar, which keeps the links that / has to folders of /usr; dpkg -x replaces them.
        content = subprocess.check_output(["dpkg", "--fsys-tarfile", str(package)])
        command = ["tar", "-xf", "-", "-C", str(making)]
        command += ["--keep-directory-symlink", "--no-same-owner"]
        subprocess.run(command, input=content, check=True)
    (making / "bin/sh").unlink(missing_ok=True)
    (making / "bin/sh").symlink_to("dash")
    making.rename(root)
    return root


def debian_mirror() -> str:
    """$DEBIAN_MIRROR, else where this machine's apt gets Debian from."""
    if mirror := os.environ.get("DEBIAN_MIRROR"):
        return mirror
    listing = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(ORIGIN)|$(REPO_URI)"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    for line in listing.stdout.splitlines():
        origin, _, address = line.partition("|")
        if origin == "Debian" and address.rstrip("/").endswith("/debian"):
            return address
    raise RuntimeError("no Debian among apt's sources: set DEBIAN_MIRROR to the address of one")


def run_in(root: Path, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Runs a program of `root`, which sees no other files, no network and no other processes."""
    qemu = shutil.which(QEMU)
    if qemu is None:
        raise RuntimeError(f"{QEMU} is missing: apt-get install qemu-user-static")
    rule = f"{MAGIC}{qemu}:F"  # F: opened now, for it is not to be found behind chroot
    apart = ["unshare", "--user", "--map-root-user", "--mount", "--net", "--pid", "--fork"]
    return subprocess.run(
        [*apart, "--kill-child", "sh", "-c", INSIDE, "sh", rule, str(root), *command],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def _run(command: Sequence[str], environment: dict[str, str]) -> None:
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()}")
