"""Small wheels with the names of real ones, for installing without the network."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path

PROGRAM = """\
import os, signal, sys

def main():
    if sys.argv[1:] == ["where"]:
        print(sys.executable, VERSION)
    elif sys.argv[1] == "verify":
        if ENDS == "kill":
            os.kill(os.getppid(), signal.SIGKILL)
        print(*(sys.argv[2:] or ["digits"]), VERSION, ENDS)
        return 0 if ENDS == "ok" else 4
    return 0
"""


def make_wheel(
    folder: Path,
    name: str,
    version: str,
    files: Mapping[str, str] | None = None,
    *,
    requires: Iterable[str] = (),
    extras: Iterable[str] = (),
    tag: str = "py3-none-any",
) -> Path:
    """Writes NAME-VERSION-TAG.whl. files: path in site-packages -> text; else one empty module."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += ["Requires-Python: >=3.11"]
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    lines += [f"Provides-Extra: {extra}" for extra in extras]
    content = {
        **(files or {f"{module}.py": ""}),
        f"{info}/METADATA": "\n".join(lines) + "\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
        f"{info}/entry_points.txt": "",
    }
    if name == "edgeproof":
        content[f"{info}/entry_points.txt"] = "[console_scripts]\nedgeproof = edge.cli:main\n"
    record = "".join(f"{path},,\n" for path in [*content, f"{info}/RECORD"])
    path = folder / f"{module}-{version}-{tag}.whl"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for entry, text in {**content, f"{info}/RECORD": record}.items():
            archive.writestr(zipfile.ZipInfo(entry), text)
    return path


def fake_edgeproof(folder: Path, version: str, ends: str = "ok") -> Path:
    """An edgeproof whose `verify` ends well, fails, or kills who called it (a power cut)."""
    program = f"VERSION, ENDS = {version!r}, {ends!r}\n{PROGRAM}"
    files = {
        "edge/__init__.py": "",
        "edge/__main__.py": "from edge.cli import main\nraise SystemExit(main())\n",
        "edge/cli.py": program,
    }
    requires = ("click>=8", "paho-mqtt>=2; extra == 'mqtt'")
    return make_wheel(
        folder, "edgeproof", version, files, requires=requires, extras=["mqtt", "train"]
    )


def pip_wheel(folder: Path) -> Path:
    """The pip of this environment, packed as a wheel again."""
    pip = metadata.distribution("pip")
    path = folder / f"pip-{pip.version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file in pip.files or ():
            if ".." not in file.parts and file.suffix != ".pyc":
                archive.write(str(pip.locate_file(file)), str(file))
    return path
