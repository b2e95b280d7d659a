"""Which machine this is, and with which software: what makes two measurements comparable."""

from __future__ import annotations

import platform
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from edge.device import read_health
from edge.doctor.child import opencv_packages
from edge.doctor.machine import read_cores
from edge.doctor.python import read_runtimes, read_version

CPUFREQ = "sys/devices/system/cpu/cpu0/cpufreq"
KERNEL_ARCH = "proc/sys/kernel/arch"
"""The kernel's own architecture, since Linux 6.1; emulators do not change it."""
FAMILIES = {
    "x86_64": "x86",
    "i386": "x86",
    "i486": "x86",
    "i586": "x86",
    "i686": "x86",
    "aarch64": "arm",
    "armv8l": "arm",
    "armv7l": "arm",
    "armv6l": "arm",
    "riscv64": "riscv",
}
"""As `uname -m` says -> whose instructions: a 64-bit processor runs its family's 32-bit ones."""
FINGERPRINTS = {"vendor_id": "x86", "CPU implementer": "arm", "isa": "riscv"}
"""What only this family's /proc/cpuinfo has."""
ARM_PARTS = {
    ("0x41", "0xb76"): "ARM1176",
    ("0x41", "0xc07"): "Cortex-A7",
    ("0x41", "0xd03"): "Cortex-A53",
    ("0x41", "0xd05"): "Cortex-A55",
    ("0x41", "0xd08"): "Cortex-A72",
    ("0x41", "0xd0b"): "Cortex-A76",
}
"""Implementer and part (Arm, MIDR_EL1) -> the core's name: those of the Raspberry Pis and others
like them. Kernels for ARM tell the numbers alone."""


@dataclass(frozen=True)
class Machine:
    """The machine. Numbers of two machines are never compared."""

    cpu: str
    board: str | None
    """As the device tree names it; none on a PC."""
    arch: str
    """Of the kernel, as `uname -m`."""
    bits: int
    """Of the Python interpreter."""
    cores: int
    """Those that may be used."""
    governor: str | None
    """How the kernel chooses the processor's clock; none: it does not say."""
    max_mhz: int | None
    """The fastest clock, overclocking included; none: the kernel does not say."""
    emulation: str | None
    """What shows that an emulator runs this; none: nothing does."""


@dataclass(frozen=True)
class Software:
    """What ran on it. A difference is reported: to see its effect may be the purpose."""

    os: str
    kernel: str
    ram_mb: int | None
    python: str
    numpy: str
    pillow: str
    opencv: str | None
    """None: not installed."""
    runtimes: dict[str, str]
    """Package -> version, those that are installed."""
    edgeproof: str


def read_machine(root: Path = Path("/")) -> Machine:
    """root: where proc/ and sys/ are."""
    text = _text(root / "proc/cpuinfo") or ""
    arch = platform.machine()
    max_khz = _text(root / CPUFREQ / "cpuinfo_max_freq") or ""
    return Machine(
        cpu=cpu_name(text) or platform.processor() or arch,
        board=read_health(root).board,
        arch=arch,
        bits=64 if sys.maxsize > 1 << 32 else 32,
        cores=usable_cores(root),
        governor=_text(root / CPUFREQ / "scaling_governor"),
        max_mhz=int(max_khz) // 1000 if max_khz.isdecimal() else None,
        emulation=find_emulation(root, arch),
    )


def read_software(root: Path = Path("/")) -> Software:
    """root: where proc/ and etc/ are."""
    opencv = opencv_packages()
    return Software(
        os=_os_name(root),
        kernel=platform.release(),
        ram_mb=_ram_mb(root),
        python=platform.python_version(),
        numpy=read_version("numpy") or "unknown",
        pillow=read_version("pillow") or "unknown",
        opencv=read_version(opencv[0]) if opencv else None,
        runtimes=read_runtimes(),
        edgeproof=read_version("edgeproof") or "unknown",
    )


def usable_cores(root: Path = Path("/")) -> int:
    """Whole cores that this process may use: by its affinity and by its container's quota."""
    cores = read_cores(root)
    return max(1, min(cores.usable, int(cores.quota) if cores.quota else cores.usable))


def cpu_name(cpuinfo: str) -> str | None:
    """The processor by /proc/cpuinfo; none where that does not say."""
    parts = zip(
        re.findall(r"^CPU implementer\s*:\s*(\S+)", cpuinfo, re.MULTILINE),
        re.findall(r"^CPU part\s*:\s*(\S+)", cpuinfo, re.MULTILINE),
        strict=False,
    )
    cores = [ARM_PARTS.get(part, f"ARM {part[0]} part {part[1]}") for part in parts]
    if cores:
        return " and ".join(dict.fromkeys(cores))
    named = re.search(r"^(?:model name|uarch|cpu model)\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    return " ".join(named[1].split()) if named else None


def find_emulation(root: Path, arch: str) -> str | None:
    """What shows that another processor's instructions are translated; none: nothing does.

    User-mode emulators change what `uname` says; older ones leave /proc as the host's.
    """
    family = FAMILIES.get(arch, arch)
    kernel_arch = _text(root / KERNEL_ARCH)
    if kernel_arch and FAMILIES.get(kernel_arch, kernel_arch) != family:
        return f"the kernel is {kernel_arch}'s and this process {arch}'s"
    cpuinfo = _text(root / "proc/cpuinfo") or ""
    for key, host in FINGERPRINTS.items():
        if host != family and re.search(rf"^{key}\s*:", cpuinfo, re.MULTILINE):
            return f"/proc/cpuinfo is of {host} and this process {arch}'s"
    if (_text(root / "proc/self/comm") or "").startswith("qemu-"):
        return "the process is qemu's"
    return None


def _os_name(root: Path) -> str:
    text = _text(root / "etc/os-release") or ""
    found = re.search(r'^PRETTY_NAME="?([^"\n]+)', text, re.MULTILINE)
    return found[1] if found else platform.system()


def _ram_mb(root: Path) -> int | None:
    found = re.search(r"^MemTotal:\s+([0-9]+) kB", _text(root / "proc/meminfo") or "", re.MULTILINE)
    return int(found[1]) * 1024 // 1_000_000 if found else None


def _text(path: Path) -> str | None:
    try:
        return path.read_text("utf-8", "replace").strip() or None
    except OSError:
        return None
