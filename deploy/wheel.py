"""`make wheel`: the wheel and the sdist, from what git tracks: the same tree makes the same bytes.

Both are built from a copy that holds tracked files alone, as they are in the tree now. What else
lies around (other models, runs, caches), the folder, the umask and the clock have no say.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import click

from deploy.archive import MTIME_S
from edge.errors import EdgeproofError, EnvironmentFault
from edge.files import write_atomic

ROOT = Path(__file__).parent.parent
PACKAGES = ("edge", "export", "train")


def tracked_files(root: Path) -> list[str]:
    """Paths relative to root; where there is no git (an unpacked sdist), every file there.

    Raises:
        EnvironmentFault: it is a checkout, and git cannot say what belongs to it.
    """
    if not (root / ".git").exists():
        every = (path for path in root.rglob("*") if path.is_file())
        return sorted(
            str(path.relative_to(root)) for path in every if "__pycache__" not in path.parts
        )
    names = _git(root, "ls-files", "-z").split("\0")
    return sorted(name for name in names if name and (root / name).is_file())


def untracked_files(root: Path) -> list[str]:
    """What lies in the packages, and is neither tracked nor ignored."""
    if not (root / ".git").exists():
        return []
    found = _git(root, "ls-files", "-z", "--others", "--exclude-standard", *PACKAGES)
    return sorted(filter(None, found.split("\0")))


def epoch_s(root: Path) -> int:
    """The time that all files in the wheel get: the last commit's, so that two clones agree."""
    if not (root / ".git").exists():
        return MTIME_S
    return int(_git(root, "log", "-1", "--format=%ct"))


def copy_files(root: Path, names: Iterable[str], target: Path) -> None:
    """With the modes 0644 and 0755, whatever the umask is."""
    for name in names:
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((root / name).read_bytes())
        path.chmod(0o755 if os.access(root / name, os.X_OK) else 0o644)


def build(root: Path, out: Path) -> list[Path]:
    """Writes wheel and sdist into `out`; their paths.

    Raises:
        EnvironmentFault: git or the build failed, with its last line.
    """
    with tempfile.TemporaryDirectory(prefix="edgeproof-wheel-") as folder:
        source, made = Path(folder, "source"), Path(folder, "made")
        copy_files(root, tracked_files(root), source)
        command = [sys.executable, "-m", "build", "--wheel", "--sdist", "--no-isolation"]
        done = subprocess.run(
            [*command, "--outdir", str(made), str(source)],
            env={**os.environ, "SOURCE_DATE_EPOCH": str(epoch_s(root))},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines() or ["it said nothing"]
            raise EnvironmentFault(f"python -m build ended with {done.returncode}: {said[-1]}")
        paths = []
        for path in sorted(made.iterdir()):
            paths.append(out / path.name)
            write_atomic(paths[-1], path.read_bytes())
        return paths


def _git(root: Path, *arguments: str) -> str:
    # Not the repository that a hook names, which may be another one.
    bare = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-C", str(root), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=bare)
    except OSError as error:
        raise EnvironmentFault(f"{root} is a checkout, and git cannot be run: {error}") from None
    if done.returncode:
        reason = " ".join(done.stderr.split()) or f"it ended with {done.returncode}"
        raise EnvironmentFault(f"git {arguments[0]} in {root}: {reason}")
    return done.stdout


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--out", type=click.Path(path_type=Path), default=Path("dist"), show_default=True)
def main(out: Path) -> None:
    """Build both; their paths are printed on stdout."""
    try:
        left = untracked_files(ROOT)
        if left:
            click.echo(f"make wheel: left out, for git does not track: {', '.join(left)}", err=True)
        for path in build(ROOT, out):
            click.echo(path)
    except EdgeproofError as error:
        click.echo(f"make wheel: error: {error}", err=True)
        raise SystemExit(error.exit_code) from None


if __name__ == "__main__":
    main()
