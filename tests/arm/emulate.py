"""Brings up a Python of another processor, and runs it like any other.

    python -m tests.arm.emulate --python 3.11 -- -c 'import platform; print(platform.machine())'
    python -m tests.arm.emulate --python 3.13 --path     # a folder for PATH, with its python3

No root, no container, nothing registered with the kernel: `python3` is a script of the host that
starts the emulator. It is found again as `sys.executable`, so `-m venv`, `-m pip`, console scripts
and child processes work. Programs that are not Python are the host's own.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from edge.errors import EnvironmentFault
from tests.arm import debian
from tests.arm.machines import MACHINES, Machine, machine

BUILD = Path(__file__).resolve().parents[2] / "build" / "arm"

QEMU_SUITE, QEMU_PACKAGE = "trixie", "qemu-user"
"""QEMU 10.0, linked statically. Under Bookworm's 7.2, LiteRT 2.3 dies of SIGSEGV at every model."""

WRAPPER = """\
#!/bin/sh
# The emulator reads {root} where a program asks for /usr or /lib. -0: Python finds itself, and a
# virtual environment around it, by the name that it was called by.
export QEMU_LD_PREFIX='{root}' QEMU_CPU="${{QEMU_CPU:-{cpu}}}"
exec '{qemu}' -0 "$0" '{program}' "$@"
"""


def bring_up(board: Machine, build: Path = BUILD) -> Path:
    """The emulated interpreter, downloaded and unpacked when it is not there yet.

    Raises:
        EnvironmentFault: no network, no apt, or the interpreter does not start.
    """
    qemu = emulators(build)[board.qemu]
    root = build / board.name / "root"
    python = root / "usr" / "bin" / f"python{board.python}"
    stamp = build / board.name / "complete"
    recipe = _recipe(board, qemu, root)
    if stamp.exists() and stamp.read_text() == recipe:
        return python
    shutil.rmtree(build / board.name, ignore_errors=True)
    name = f"python{board.python}"
    packages = (name, f"{name}-venv", "libstdc++6")
    archives = debian.download(
        build / board.name / "apt", board.suite, board.architecture, packages
    )
    debian.unpack(archives, root)
    _wrap(board, qemu, root, python)
    shutil.rmtree(build / board.name / "apt")
    debian.run([str(python), "-c", "import ssl, sqlite3, ctypes"], f"starting {board.name}")
    stamp.write_text(recipe)
    return python


def environment(base: Mapping[str, str] | None = None) -> dict[str, str]:
    """The caller's environment without what is meant for the host's Python."""
    given = os.environ if base is None else base
    return {name: value for name, value in given.items() if not name.startswith("PYTHON")}


def emulators(build: Path = BUILD) -> dict[str, Path]:
    """Name -> path of the emulators, taken out of their package."""
    names = sorted({board.qemu for board in MACHINES})
    folder = build / "qemu"
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        host = debian.run(["dpkg", "--print-architecture"], "asking for the host's architecture")
        package = debian.download_alone(folder / "apt", QEMU_SUITE, host.strip(), QEMU_PACKAGE)
        members = " ".join(f"./usr/bin/{name}" for name in names)
        unpacking = f"dpkg --fsys-tarfile '{package}' | tar -x -C '{folder}' {members}"
        debian.run(["sh", "-c", unpacking], f"unpacking {package.name}")
        shutil.rmtree(folder / "apt")
        (folder / "complete").touch()
    return {name: folder / "usr" / "bin" / name for name in names}


def _wrap(board: Machine, qemu: Path, root: Path, python: Path) -> None:
    """Puts the script in the interpreter's place, and away what the host cannot run."""
    programs = root / "usr" / "bin"
    program = programs / f"{python.name}.elf"
    python.rename(program)
    python.write_text(WRAPPER.format(root=root, qemu=qemu, program=program, cpu=board.cpu))
    python.chmod(0o755)
    for other in programs.iterdir():  # else a `tar` of ours would stand before the host's in PATH
        if other not in (python, program):
            other.unlink()
    for alias in ("python3", "python"):
        (programs / alias).symlink_to(python.name)
    # Not every system call's path is redirected, and Debian's ensurepip copies its wheels.
    for settings in (root / "usr/lib" / python.name).glob("_sysconfigdata*.py"):
        text = settings.read_text()
        settings.write_text(
            text.replace("'/usr/share/python-wheels", f"'{root}/usr/share/python-wheels")
        )


def _recipe(board: Machine, qemu: Path, root: Path) -> str:
    """What the unpacked interpreter was made from, and where: changed, it is made anew."""
    parts = (board, qemu, root, WRAPPER, debian.CONFIGURATION)
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.arm.emulate")
    parser.add_argument("--python", default=MACHINES[0].name, help="3.11, 3.13 or a machine's name")
    parser.add_argument("--path", action="store_true", help="print the folder with its python3")
    parser.add_argument("rest", nargs="*", metavar="-- ARGUMENT", help="for the emulated Python")
    asked = parser.parse_args(arguments)
    try:
        python = bring_up(machine(asked.python))
    except (EnvironmentFault, ValueError) as error:
        print(f"emulate: error: {error}", file=sys.stderr)
        return 4
    if asked.path:
        print(python.parent)
        return 0
    return os.spawnve(os.P_WAIT, python, [str(python), *asked.rest], environment())


if __name__ == "__main__":
    sys.exit(main())
