"""Makes the environments under build/bench, one for each runtime, and keeps them between runs."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
REQUIREMENTS = Path(__file__).parent / "requirements"
STAMP = "edgeproof-bench.stamp"
FROM_WHEEL = {"ours": "", "ours-opencv": "[camera]"}
"""Environments with our wheel -> the extras in them."""
BORROWED = "tensorflow"
"""Measured in the environment that `make setup` made: TensorFlow alone is over a gigabyte."""
NAMES = ("ours", "ours-opencv", "plain", "litert", "onnxruntime", "opencv", "mediapipe", BORROWED)
TIMEOUT_S = 900

LIST = """\
import importlib.metadata, json, platform
found = {one.metadata["Name"]: one.version for one in importlib.metadata.distributions()}
print(json.dumps({"python": platform.python_version(), "packages": dict(sorted(found.items()))}))
"""


class Unavailable(Exception):
    """An environment cannot be made; says why in one line."""


@dataclass(frozen=True)
class Environment:
    """A folder with a Python of its own."""

    name: str
    bin: Path
    python: str
    packages: dict[str, str]
    """Name -> version."""
    size_mb: float | None
    """Of what pip installed, on disk, 10^6 bytes; none: it holds more than this contender."""
    bytecode_mb: float | None
    """The part of it that Python can write again."""


def build_wheel(folder: Path) -> Path:
    """The wheel of this tree.

    Raises:
        Unavailable: it does not build.
    """
    shutil.rmtree(folder, ignore_errors=True)
    _run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)])
    (wheel,) = folder.glob("*.whl")
    return wheel


def make(name: str, folder: Path, wheel: Path, say: Callable[[str], None]) -> Environment:
    """An environment by name; what is there already and fits is taken as it is.

    Raises:
        Unavailable: an installation failed.
    """
    if name == BORROWED:
        return look(name, Path(sys.executable).parent)
    arguments, stamp = wanted(name, wheel)
    place = folder / name
    if not (place / STAMP).is_file() or (place / STAMP).read_text() != stamp:
        say(f"installing {name}")
        shutil.rmtree(place, ignore_errors=True)
        # Without pip in it: what is there is what runs.
        _run([sys.executable, "-m", "venv", "--without-pip", str(place)])
        pip = [sys.executable, "-m", "pip", "--python", str(place / "bin" / "python")]
        _run([*pip, "install", "--quiet", "--disable-pip-version-check", *arguments])
        (place / STAMP).write_text(stamp)
    return look(name, place / "bin")


def wanted(name: str, wheel: Path) -> tuple[list[str], str]:
    """What pip is told, and a stamp that changes with it."""
    if name in FROM_WHEEL:
        constraints = ROOT / "constraints.txt"
        arguments = ["--constraint", str(constraints), f"{wheel}{FROM_WHEEL[name]}"]
        contents = [constraints.read_bytes(), wheel.read_bytes()]
    else:
        requirements = REQUIREMENTS / f"{name}.txt"
        arguments, contents = ["--requirement", str(requirements)], [requirements.read_bytes()]
    digest = hashlib.sha256(b"".join([sys.version.encode(), *contents])).hexdigest()
    return arguments, f"{digest}\n"


def look(name: str, bin: Path) -> Environment:
    """What is installed there."""
    found = json.loads(_run([str(bin / "python"), "-c", LIST]))
    size_mb = bytecode_mb = None
    if name != BORROWED:
        (packages,) = (bin.parent / "lib").glob("python*/site-packages")
        size_mb, bytecode_mb = disk_mb(packages)
    return Environment(name, bin, found["python"], found["packages"], size_mb, bytecode_mb)


def disk_mb(folder: Path) -> tuple[float, float]:
    """What all files, and the .pyc among them, take on disk: whole blocks, as `du` counts."""
    taken = {path: 512e-6 * path.lstat().st_blocks for path in [folder, *folder.rglob("*")]}
    return sum(taken.values()), sum(mb for path, mb in taken.items() if path.suffix == ".pyc")


def run_python(environment: Environment, *arguments: str) -> None:
    """Runs Python there.

    Raises:
        Unavailable: it failed.
    """
    _run([str(environment.bin / "python"), *arguments])


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{Path(command[0]).name}: {error}") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("ERROR")] or lines[-1:]
        raise Unavailable((errors or [f"exit {done.returncode}"])[-1].strip()[:200])
    return done.stdout
