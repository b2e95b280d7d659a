"""What the house is made from, and gives away: the wheel's bytes, the workflows, the audit."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from deploy.audit import pins_of, read_accepted
from deploy.wheel import PACKAGES, build, copy_files, tracked_files
from deploy.wheels import Target, read_constraints
from edge.errors import EnvironmentFault
from tests.conftest import ROOT

CLOCK = {"GIT_AUTHOR_DATE": "2026-11-01T12:00:00Z", "GIT_COMMITTER_DATE": "2026-11-01T12:00:00Z"}
NOBODY = ("-c", "user.name=nobody", "-c", "user.email=nobody@localhost")


def git(folder: Path, *arguments: str) -> None:
    """In that very folder: not in the repository that a hook, or a .git that came along, names."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    subprocess.run(
        ["git", "-C", str(folder), *NOBODY, *arguments],
        check=True, capture_output=True, env={**bare, **CLOCK},
    )  # fmt: skip


@pytest.fixture(scope="module")
def clones(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """This tree as a repository, and a clone of it in another place that somebody worked in."""
    folder = tmp_path_factory.mktemp("clones")
    first, second = folder / "first", folder / "another place" / "second"
    copy_files(ROOT, tracked_files(ROOT), first)
    assert not (first / ".git").exists()  # of a worktree it is a file that leads to the real one
    git(folder, "init", "--quiet", str(first))
    git(first, "add", "--all")
    git(first, "commit", "--quiet", "--message", "all")
    git(folder, "clone", "--quiet", str(first), str(second))
    leave_behind(second)
    return first, second


def leave_behind(tree: Path) -> None:
    """What lies around after a day's work."""
    for name in (
        "edge/zoo/mine-int8.tflite",
        "edge/notes.py",
        "train/secret.env",
        "runs/a/run.json",
    ):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text("not tracked")
    cache = tree / "edge/__pycache__"
    cache.mkdir()
    (cache / "__init__.cpython-311.pyc").write_bytes(b"stale")
    (tree / "build").mkdir()
    for path in sorted(tree.rglob("*.py")):
        os.utime(path, (1, 1))
        path.chmod(0o600)


@pytest.fixture(scope="module")
def made(clones: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Folders with what each clone built: here, and with another umask, clock and language."""
    out = tmp_path_factory.mktemp("made")
    build(clones[0], out / "0")
    script = (
        "import os, sys; os.umask(0o077); from pathlib import Path; from deploy.wheel import build"
    )
    script += "; build(Path(sys.argv[1]), Path(sys.argv[2]))"
    others = {
        "TZ": "Pacific/Kiritimati",
        "LC_ALL": "C",
        "PYTHONHASHSEED": "7",
        "PYTHONPATH": str(ROOT),
    }
    subprocess.run(
        [sys.executable, "-c", script, str(clones[1]), str(out / "1")],
        check=True, env={**os.environ, **others}, cwd=out,
    )  # fmt: skip
    return [out / "0", out / "1"]


def test_two_clones_make_the_same_bytes(made: list[Path]) -> None:
    names = [sorted(path.name for path in folder.iterdir()) for folder in made]
    assert names[0] == names[1]
    assert [name.rpartition(".")[2] for name in names[0]] == ["whl", "gz"]
    for name in names[0]:
        assert (made[0] / name).read_bytes() == (made[1] / name).read_bytes(), name


def test_wheel_holds_the_packages_as_they_are_tracked_and_nothing_else(made: list[Path]) -> None:
    (wheel,) = made[1].glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    tracked = {name for name in tracked_files(ROOT) if name.split("/")[0] in PACKAGES}
    own = {name for name in held if ".dist-info/" not in name}
    assert own == tracked
    assert all(held[name] == (ROOT / name).read_bytes() for name in own)


def test_sdist_builds_the_same_wheel_without_git(made: list[Path], tmp_path: Path) -> None:
    (sdist,) = made[0].glob("*.tar.gz")
    (wheel,) = made[0].glob("*.whl")
    with tarfile.open(sdist) as archive:
        assert not [entry.name for entry in archive if entry.uname or entry.uid]
        archive.extractall(tmp_path, filter="data")
    (tree,) = tmp_path.iterdir()
    (again,) = (path for path in build(tree, tmp_path / "out") if path.suffix == ".whl")
    with zipfile.ZipFile(wheel) as first, zipfile.ZipFile(again) as second:
        assert first.namelist() == second.namelist()
        assert all(first.read(name) == second.read(name) for name in first.namelist())


def test_checkout_that_git_cannot_read_is_not_built_from_what_lies_there(
    clones: tuple[Path, Path], tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(clones[0], tree)
    (tree / ".git/HEAD").write_text("nonsense")
    with pytest.raises(EnvironmentFault, match="git ls-files"):
        build(tree, tmp_path / "out")


def test_every_action_is_pinned_to_a_commit() -> None:
    uses = []
    for path in sorted((ROOT / ".github/workflows").glob("*.y*ml")):
        for line in path.read_text().splitlines():
            if found := re.search(r"\buses:\s*(\S+)(.*)", line):
                uses.append((path.name, found[1], found[2]))
    assert uses
    for name, action, rest in uses:
        assert re.fullmatch(r"[\w.-]+(/[\w.-]+)+@[0-9a-f]{40}", action), (name, action)
        assert re.fullmatch(r"\s+# v\d+\.\d+\.\d+", rest), (name, action, "which version is that?")


class Database:
    """A small osv.dev: which pins have which holes."""

    def __init__(self, holes: dict[str, dict[str, object]], pins: dict[str, list[str]]) -> None:
        """holes: id -> what is told of it; pins: "name==version" -> ids."""
        self.asked: list[str] = []
        database = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._send(holes[self.path.rpartition("/")[2]])

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                self._send({"results": [self._page(query) for query in body["queries"]]})

            def _page(self, query: dict[str, Any]) -> dict[str, object]:
                pin = f"{query['package']['name']}=={query['version']}"
                database.asked.append(pin)
                found, page = pins.get(pin, []), int(query.get("page_token") or 0)
                more = {"next_page_token": str(page + 1)} if page + 1 < len(found) else {}
                return {"vulns": [{"id": name} for name in found[page : page + 1]], **more}

            def _send(self, told: object) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps(told).encode())

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


HOLES: dict[str, dict[str, object]] = {
    "PYSEC-1": {"id": "PYSEC-1", "aliases": ["CVE-1"], "summary": "writes\nwhere it should not"},
    "GHSA-1": {
        "id": "GHSA-1",
        "aliases": ["CVE-1"],
        "affected": [
            {
                "package": {"name": "pillow"},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "13"}]}],
            }
        ],
    },
    "GHSA-2": {"id": "GHSA-2", "withdrawn": "2026-01-01T00:00:00Z"},
}


def audit(tmp_path: Path, address: str, accepted: str = "accepted = []\n") -> tuple[int, str, str]:
    (tmp_path / "accepted.toml").write_text(accepted)
    command = [sys.executable, "-m", "deploy.audit", "--osv", address]
    done = subprocess.run(
        [*command, "--accepted", str(tmp_path / "accepted.toml")],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def pinned(name: str) -> str:
    """The version for Python 3.11."""
    return read_constraints((ROOT / "constraints.txt").read_text(), Target("x86_64", (3, 11)))[name]


def test_audit_asks_for_every_pin_and_tells_a_hole_once(tmp_path: Path) -> None:
    pillow = f"pillow=={pinned('pillow')}"
    with Database(HOLES, {pillow: ["PYSEC-1", "GHSA-1", "GHSA-2"]}) as database:
        code, out, _ = audit(tmp_path, database.address)
    assert code == 3
    (line,) = out.splitlines()
    assert line.startswith(f"{pillow}: CVE-1, GHSA-1, PYSEC-1: ")
    assert "fixed in 13" in line
    assert "3.11" in line
    assert "NOT ACCEPTED" in line
    pins = {line.split(" ")[0] for line in (ROOT / "constraints.txt").read_text().splitlines()}
    assert {pin for pin in pins if "windows" not in pin and "colorama" not in pin} <= set(
        database.asked
    )


@pytest.mark.parametrize(("until", "code"), [("2999-01-01", 0), ("2026-01-02", 3)])
def test_accepted_hole_stays_until_its_date(tmp_path: Path, until: str, code: int) -> None:
    entry = f'[[accepted]]\npackage = "pillow"\nversion = "{pinned("pillow")}"\nids = ["CVE-1"]\n'
    entry += f'since = "2026-01-01"\nuntil = "{until}"\nreason = "it is not reached"\n'
    with Database(HOLES, {f"pillow=={pinned('pillow')}": ["PYSEC-1"]}) as database:
        found, out, _ = audit(tmp_path, database.address, entry)
    assert found == code
    assert ("it is not reached" in out) == (code == 0)


def test_audit_without_network_says_that_nothing_was_audited(tmp_path: Path) -> None:
    code, out, err = audit(tmp_path, "http://127.0.0.1:9")
    assert (code, out) == (4, "")
    assert "Nothing was audited" in err
    assert len(err.splitlines()) == 1


def test_accepted_holes_are_of_versions_that_are_pinned() -> None:
    entries = read_accepted((ROOT / "deploy/accepted.toml").read_text("utf-8"), "accepted.toml")
    pins = pins_of((ROOT / "constraints.txt").read_text())
    assert {(entry.package, entry.version) for entry in entries} <= set(pins)
