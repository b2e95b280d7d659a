"""A small Debian for ARM in a folder, whose programs run under emulation and without a network.

Raspberry Pi OS (64-bit) is Debian's arm64 with packages of its own. Only what is named here is
unpacked, as on a Lite image: no pip, no python3-venv, no picamera2. No root is needed, and nothing
of this machine is changed: programs run in a user namespace, in which binfmt_misc is private (Linux
6.7 on), so that qemu's user mode runs every ARM program in it, scripts' interpreters included.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.arm import debian
from tests.arm.emulate import BUILD, emulators

PYTHONS = {"bookworm": "3.11", "trixie": "3.13"}
"""Debian's release -> its Python."""
PACKAGES = (
    "coreutils", "dash", "findutils", "grep", "libstdc++6", "python3", "sed", "tar", "util-linux",
)  # fmt: skip
"""What a shell script may expect of any Debian, and Python. Their dependencies come with them."""
DEVICES = ("null", "zero", "urandom")
PATIENCE_S = 300
"""Until a program there is taken to hang."""
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
mount --rbind /sys "$2/sys"
for device in null zero urandom; do mount --bind "/dev/$device" "$2/dev/$device"; done
root=$2
shift 2
exec chroot "$root" /usr/bin/env -i HOME=/home/pi PATH=/usr/bin:/bin "$@"
"""


def make_root(release: str, cache: Path) -> Path:
    """The root folder of that Debian release for arm64; downloaded and unpacked once.

    Raises:
        EnvironmentFault: no Debian server, or a step failed.
    """
    root, making = cache / f"root-{release}", cache / f"root-{release}.new"
    if root.exists():
        return root
    archives = debian.download(cache / f"apt-{release}", release, "arm64", PACKAGES)
    shutil.rmtree(making, ignore_errors=True)
    debian.unpack(archives, making)
    for folder in ("dev", "home/pi", "proc", "sys", "tmp"):
        (making / folder).mkdir(parents=True, exist_ok=True)
    for device in DEVICES:
        (making / "dev" / device).touch()
    (making / "bin/sh").unlink(missing_ok=True)
    (making / "bin/sh").symlink_to("dash")
    making.rename(root)
    return root


def run_in(
    root: Path, command: Sequence[str], cache: Path = BUILD
) -> subprocess.CompletedProcess[str]:
    """Runs a program of `root`, which sees no other files, no network and no other processes."""
    qemu = emulators(cache)["qemu-aarch64"]
    rule = f"{MAGIC}{qemu.resolve()}:F"  # F: opened now, for behind chroot it is not to be found
    apart = ["unshare", "--user", "--map-root-user", "--mount", "--net", "--pid", "--fork"]
    return subprocess.run(
        [*apart, "--kill-child", "sh", "-c", INSIDE, "sh", rule, str(root), *command],
        capture_output=True, text=True, check=False, timeout=PATIENCE_S,
    )  # fmt: skip
