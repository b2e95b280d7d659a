"""Which wheels a device needs, and where they are: by the device's Python and board, not by ours.

pip's own `download` evaluates a requirement's markers for the Python it runs on, whatever
--python-version says; so the requirements are followed here, with the exact versions of
constraints.txt, and pip fetches one named wheel at a time.
"""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from functools import cached_property
from pathlib import Path

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import (
    InvalidWheelFilename,
    canonicalize_name,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion

from edge.errors import EnvironmentFault

GLIBC = 36
"""Minor release of the oldest C library that is served: Bookworm's 2.36. Trixie has 2.41."""
OLD_NAMES = {5: "manylinux1", 12: "manylinux2010", 17: "manylinux2014"}
"""glibc 2.N -> what manylinux_2_N was called before PEP 600."""
PIP = "26.3"
"""It installs on the device, where Debian may have none; any that knows manylinux_2_34 will do."""

DEVICE_EXTRAS = ("camera", "live", "mqtt", "sign")
"""What a device may have; the wheel's others are for training and for work on edgeproof itself."""
METADATA = re.compile(r"[^/]+\.dist-info/METADATA")

Fetch = Callable[["Target", str, str, Path], None]
"""(target, name, version, folder): puts that wheel into the folder, or raises EnvironmentFault."""


@dataclass(frozen=True)
class Target:
    """What runs on the device."""

    machine: str
    """As `uname -m` says it: aarch64, x86_64."""
    python: tuple[int, int]

    def __str__(self) -> str:
        return f"Python {self.version} on {self.machine}"

    @property
    def version(self) -> str:
        return "{}.{}".format(*self.python)

    @property
    def platforms(self) -> list[str]:
        """The platform tags that it can use, the most demanding first."""
        names = []
        for minor in range(GLIBC, 4, -1):
            names.append(f"manylinux_2_{minor}_{self.machine}")
            if minor in OLD_NAMES:
                names.append(f"{OLD_NAMES[minor]}_{self.machine}")
        return [*names, f"linux_{self.machine}"]

    @cached_property
    def tags(self) -> list[Tag]:
        """Every tag of a wheel that it can use, the best first."""
        abi = "cp{}{}".format(*self.python)
        return [
            *cpython_tags(self.python, abis=[abi], platforms=self.platforms),
            *compatible_tags(self.python, abi, self.platforms),
        ]

    def applies(self, marker: Marker | None, extras: Iterable[str] = ("",)) -> bool:
        if marker is None:
            return True
        environment = {
            "implementation_name": "cpython",
            "implementation_version": f"{self.version}.0",
            "os_name": "posix",
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": f"{self.version}.0",
            "python_version": self.version,
            "sys_platform": "linux",
        }
        return any(marker.evaluate({**environment, "extra": extra}) for extra in extras)


def read_constraints(text: str, target: Target) -> dict[str, str]:
    """Lines `name==version ; marker` -> name -> the version that the target gets."""
    pins = {}
    for line in text.splitlines():
        if "==" not in line or line.startswith("#"):
            continue
        requirement = Requirement(line)
        if target.applies(requirement.marker):
            (specifier,) = requirement.specifier
            pins[canonicalize_name(requirement.name)] = specifier.version
    return {str(name): version for name, version in pins.items()}


def gather(
    root: Path,
    extras: Iterable[str],
    target: Target,
    pins: Mapping[str, str],
    folder: Path,
    fetch: Fetch | None,
) -> list[Path]:
    """The wheels that `root` with these extras needs there, without itself, sorted by name.

    fetch: gets what the folder lacks; without it, a wheel that is not in the folder is an error.

    Raises:
        EnvironmentFault: a wheel that is not to be had, or no exact version of it is known.
    """
    found: dict[str, Path] = {}
    waiting = [(root, tuple(extras))]
    seen: set[tuple[str, tuple[str, ...]]] = set()
    while waiting:
        wheel, wanted = waiting.pop()
        for requirement in requirements(wheel):
            if not target.applies(requirement.marker, wanted or ("",)):
                continue
            name = str(canonicalize_name(requirement.name))
            step = (name, tuple(sorted(requirement.extras)))
            if step in seen:
                continue
            seen.add(step)
            if name not in pins:
                raise EnvironmentFault(
                    f"constraints.txt: expected a version of {name}, which {wheel.name} needs for "
                    f"{target}: make lock"
                )
            found[name] = one_wheel(name, pins[name], target, folder, fetch)
            waiting.append((found[name], step[1]))
    return [found[name] for name in sorted(found)]


def one_wheel(name: str, version: str, target: Target, folder: Path, fetch: Fetch | None) -> Path:
    """The wheel of `name` that fits the target best, from the folder, else fetched into it.

    Raises:
        EnvironmentFault: there is none.
    """
    found = _find(name, version, target, folder)
    if found is None and fetch is not None:
        fetch(target, name, version, folder)
        found = _find(name, version, target, folder)
    if found is None:
        raise EnvironmentFault(f"no wheel of {name}=={version} for {target} in {folder}")
    return found


def fetch_with_pip(target: Target, name: str, version: str, folder: Path) -> None:
    """Downloads one wheel from wherever this machine's pip is set up to look.

    Raises:
        EnvironmentFault: with pip's own reason.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary", ":all:", "--dest", str(folder)]
    command += ["--implementation", "cp", "--python-version", target.version]
    for platform in target.platforms:
        command += ["--platform", platform]
    done = subprocess.run(
        [*command, f"{name}=={version}"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        reasons = [line for line in done.stderr.splitlines() if "ERROR:" in line]
        reason = reasons[-1] if reasons else f"pip ended with {done.returncode}"
        raise EnvironmentFault(f"no wheel of {name}=={version} for {target}: {reason}")


def requirements(wheel: Path) -> list[Requirement]:
    """What a wheel's METADATA says that it needs."""
    return [Requirement(text) for text in _metadata(wheel).get_all("Requires-Dist") or ()]


def extras_of(wheel: Path) -> list[str]:
    return list(_metadata(wheel).get_all("Provides-Extra") or ())


def python_of(wheel: Path) -> SpecifierSet:
    """The Pythons that a wheel says it is for."""
    return SpecifierSet(_metadata(wheel).get("Requires-Python") or "")


def needed_glibc(wheels: Iterable[Path], target: Target) -> int:
    """N of the oldest glibc 2.N on which all of these wheels run."""
    old = {name: minor for minor, name in OLD_NAMES.items()}
    needed = 0
    for wheel in wheels:
        minors = []
        for tag in parse_wheel_filename(wheel.name)[3]:
            name = tag.platform.removesuffix(f"_{target.machine}")
            match = re.fullmatch(r"manylinux_2_(\d+)", name)
            if match or name in old:
                minors.append(int(match[1]) if match else old[name])
        needed = max(needed, min(minors, default=0))
    return needed


def unpacked_bytes(wheels: Iterable[Path]) -> int:
    total = 0
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            total += sum(entry.file_size for entry in archive.infolist())
    return total


def _metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (entry,) = (name for name in archive.namelist() if METADATA.fullmatch(name))
        return HeaderParser().parsestr(archive.read(entry).decode())


def _find(name: str, version: str, target: Target, folder: Path) -> Path | None:
    ranks = {tag: rank for rank, tag in enumerate(target.tags)}
    best: tuple[int, Path] | None = None
    for path in sorted(folder.glob("*.whl")):
        try:
            wheel_name, wheel_version, _, tags = parse_wheel_filename(path.name)
        except (InvalidWheelFilename, InvalidVersion):
            continue
        if (str(wheel_name), str(wheel_version)) != (name, version):
            continue
        rank = min((ranks[tag] for tag in tags if tag in ranks), default=None)
        if rank is not None and (best is None or rank < best[0]):
            best = (rank, path)
    return best and best[1]
