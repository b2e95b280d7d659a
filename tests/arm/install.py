"""The built wheel and its real dependencies in an emulated virtual environment."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from edge.errors import EnvironmentFault
from tests.arm import debian
from tests.arm.emulate import BUILD, bring_up, environment
from tests.arm.machines import Machine

CONSTRAINTS = Path(__file__).resolve().parents[2] / "constraints.txt"


def install(board: Machine, wheel: Path) -> Path:
    """Brings the machine up, installs, and returns its virtual environment's Python.

    uv asks that Python what it is and takes its wheels: a wheel for the host cannot get in.

    Raises:
        EnvironmentFault: no network and nothing cached, no uv, or a dependency without a wheel.
    """
    base = bring_up(board)
    python = BUILD / board.name / "venv" / "bin" / "python3"
    if not python.exists():
        making = [str(base), "-m", "venv", "--without-pip", str(python.parents[1])]
        debian.run(making, f"making {board.name}'s environment", env=environment())
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if uv is None:
        raise EnvironmentFault("uv is needed to install for another processor: pip install uv")
    command = [uv, "pip", "install", "--quiet", "--cache-dir", str(BUILD / "uv")]
    command += ["--python", str(python), "--only-binary", ":all:", "--constraint", str(CONSTRAINTS)]
    what, settings = f"installing {wheel.name} for {board.name}", environment()
    # Always this wheel; its dependencies only where they changed, so that it runs offline again.
    debian.run([*command, "--no-deps", "--reinstall", str(wheel)], what, env=settings)
    debian.run([*command, str(wheel)], what, env=settings)
    return python


def sizes_mb(python: Path) -> dict[str, float]:
    """What lies in the environment's site-packages: top-level name -> MB, largest first."""
    (site,) = (python.parents[1] / "lib").glob("python3*/site-packages")
    sizes: dict[str, int] = {}
    for path in site.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            name = path.relative_to(site).parts[0].removesuffix(".libs")
            sizes[name] = sizes.get(name, 0) + path.stat().st_size
    ordered = sorted(sizes.items(), key=lambda item: -item[1])
    return {name: round(size / 1e6, 1) for name, size in ordered}
