"""Which wheels a device needs, and where they are: by the device's Python and board, not by ours.

pip's own `download` evaluates a requirement's markers for the Python it runs on, whatever
--python-version says; so the requirements are followed here, with the exact versions of
constraints.txt, and pip fetches one named wheel at a time.
"""

from __future__ import annotations

import re
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

from deploy.sums import SUMS, check_sum
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
    sums: Mapping[str, str] | None = None,
) -> list[Path]:
    """The wheels that `root` with these extras needs there, without itself, sorted by name.

    fetch: gets what the folder lacks; without it, a wheel that is not in the folder is an error.
    sums: see `one_wheel`.

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
            found[name] = one_wheel(name, pins[name], target, folder, fetch, sums)
            waiting.append((found[name], step[1]))
    return [found[name] for name in sorted(found)]


def one_wheel(
    name: str,
    version: str,
    target: Target,
    folder: Path,
    fetch: Fetch | None,
    sums: Mapping[str, str] | None = None,
) -> Path:
    """The wheel of `name` that fits the target best, from the folder, else fetched into it.

    sums: file name -> SHA-256. Then it is the best of those names, whatever else the folder holds,
        and has that sum. None: the best in the folder, whatever it is.

    Raises:
        EnvironmentFault: there is none, none is listed, or it has another sum.
    """
    listed = None if sums is None else _best(name, version, target, sums)
    if sums is not None and listed is None:
        raise EnvironmentFault(
            f"{SUMS.name}: expected a wheel of {name}=={version} for {target}, got none: make lock"
        )

    def find() -> Path | None:
        there = {path.name: path for path in folder.glob("*.whl")}
        return there.get(listed or _best(name, version, target, there) or "")

    found = find()
    if found is None and fetch is not None:
        fetch(target, name, version, folder)
        found = find()
    if found is None:
        which = listed or f"wheel of {name}=={version}"
        raise EnvironmentFault(f"no {which} for {target} in {folder}")
    if sums is not None:
        check_sum(found, sums)
    return found


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


def _best(name: str, version: str, target: Target, files: Iterable[str]) -> str | None:
    """Of these file names the one that fits best."""
    ranks = {tag: rank for rank, tag in enumerate(target.tags)}
    best: tuple[int, str] | None = None
    for file in sorted(files):
        try:
            wheel_name, wheel_version, _, tags = parse_wheel_filename(file)
        except (InvalidWheelFilename, InvalidVersion):
            continue
        if (str(wheel_name), str(wheel_version)) != (name, version):
            continue
        rank = min((ranks[tag] for tag in tags if tag in ranks), default=None)
        if rank is not None and (best is None or rank < best[0]):
            best = (rank, file)
    return best and best[1]
