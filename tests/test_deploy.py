"""The archive for a device without a network, its installer, and the way there over ssh."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from packaging.utils import parse_wheel_filename

from deploy import wheels
from deploy.archive import write_archive
from deploy.bundle import Content, bundle
from deploy.lock import TARGETS
from deploy.sums import SUMS, read_sums
from deploy.wheels import Target, gather, needed_glibc, one_wheel, read_constraints
from edge.errors import EnvironmentFault, ModelError, UsageError
from edge.zoo import shipped_models
from tests.conftest import ROOT
from tests.fake_wheels import fake_edgeproof, make_wheel, pip_wheel
from tests.sshd import Sshd

PYTHON = "{}.{}".format(*sys.version_info)
CONSTRAINTS = "click==8.5.1\npaho-mqtt==2.2.0\n"
DIGITS = shipped_models()["digits"]
BOOKWORM, TRIXIE = Target("aarch64", (3, 11)), Target("aarch64", (3, 13))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheels that an archive takes along."""
    folder = tmp_path_factory.mktemp("wheels")
    pip_wheel(folder)
    make_wheel(folder, "click", "8.5.1")
    make_wheel(folder, "paho-mqtt", "2.2.0")
    return folder


@pytest.fixture
def make(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    (pip,) = cache.glob("pip-*.whl")
    monkeypatch.setattr(wheels, "PIP", pip.name.split("-")[1])
    monkeypatch.setattr("deploy.bundle.PIP", pip.name.split("-")[1])
    return Make(tmp_path, cache)


class Make:
    """`make bundle` with small wheels, for this very machine."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.folder = folder
        self.cache = cache

    def archive(
        self,
        version: str = "1.0",
        ends: str = "ok",
        extras: tuple[str, ...] = (),
        models: tuple[Path, ...] = (),
        machine: str = platform.machine(),
        pythons: tuple[str, ...] = (PYTHON,),
    ) -> Path:
        wheel = fake_edgeproof(self.folder / "dist", version, ends)
        content = Content(wheel, extras, models, machine, pythons)
        return bundle(content, CONSTRAINTS, self.cache, self.folder / "dist", None)

    def unpacked(
        self,
        version: str = "1.0",
        ends: str = "ok",
        extras: tuple[str, ...] = (),
        models: tuple[Path, ...] = (),
    ) -> Path:
        path = self.archive(version, ends, extras, models)
        with tarfile.open(path) as archive:
            archive.extractall(self.folder / "there", filter="data")
        return self.folder / "there" / path.name.removesuffix(".tar")

    def install(
        self, folder: Path, *options: str, path: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """path: a folder whose programs come before the system's."""
        search = f"{path}:{os.environ['PATH']}" if path else os.environ["PATH"]
        command = ["sh", str(folder / "install"), "--to", str(self.target)]
        command += ["--bin", str(self.folder / "bin"), *options]
        if "--python" not in options:
            command += ["--python", sys.executable]
        return subprocess.run(
            command, capture_output=True, text=True, check=False,
            env={**os.environ, "PATH": search, "PIP_REQUIRE_VIRTUALENV": "nonsense"},
        )  # fmt: skip

    @property
    def target(self) -> Path:
        return self.folder / "app"

    def where(self) -> tuple[str, str]:
        """What the installed command says: its Python, and its version."""
        return where(self.folder / "bin/edgeproof")

    def releases(self) -> int:
        return len(list((self.target / "releases").iterdir()))


def where(command: Path) -> tuple[str, str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    said = subprocess.check_output([command, "where"], text=True, env=environment)
    python, _, version = said.strip().rpartition(" ")
    return python, version


def stand_in(folder: Path, name: str, prints: str) -> Path:
    """A folder with a program that prints this, whatever it is asked."""
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{prints}\nEND\n")
    program.chmod(0o755)
    return folder


# The archive


def test_archive_depends_on_its_content_alone(make: Make, tmp_path: Path) -> None:
    first = make.archive(models=(DIGITS,)).read_bytes()
    os.utime(make.cache / "click-8.5.1-py3-none-any.whl", (1, 1))
    moved = tmp_path / "elsewhere" / DIGITS.name
    moved.parent.mkdir()
    shutil.copy(DIGITS, moved)
    assert make.archive(models=(moved,)).read_bytes() == first


def test_sums_cover_every_file(make: Make) -> None:
    folder = make.unpacked()
    listed = {line.split("  ")[1] for line in (folder / "SHA256SUMS").read_text().splitlines()}
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert listed == files - {"SHA256SUMS"}
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=folder, check=False
    )
    assert done.returncode == 0


def test_names_longer_than_a_tar_header_are_kept(tmp_path: Path) -> None:
    name = "wheels/" + "long_name-" * 8 + "manylinux_2_17_aarch64.manylinux2014_aarch64.whl"
    write_archive(tmp_path / f"{'a' * 40}.tar", {name: b"content"}, set())
    with tarfile.open(tmp_path / f"{'a' * 40}.tar") as archive:
        assert f"{'a' * 40}/{name}" in archive.getnames()


@pytest.mark.parametrize(
    ("target", "numpy", "runtime"),
    [(BOOKWORM, "1.26.4", "tflite_runtime"), (TRIXIE, "2.5.5", "ai_edge_litert")],
    ids=str,
)
def test_wheels_are_chosen_for_the_device(
    tmp_path: Path, target: Target, numpy: str, runtime: str
) -> None:
    """By the device's markers, tags and C library, whatever Python this is."""
    for version, tag in [
        ("1.26.4", "cp311-cp311-manylinux_2_17_aarch64.manylinux2014_aarch64"),
        ("1.26.4", "cp311-cp311-manylinux_2_17_x86_64"),
        ("2.5.5", "cp313-cp313-manylinux_2_28_aarch64"),
        ("2.5.5", "cp313-cp313-manylinux_2_39_aarch64"),
    ]:
        make_wheel(tmp_path, "numpy", version, tag=tag)
    for name in ("tflite-runtime", "ai-edge-litert"):
        make_wheel(tmp_path, name, "2")
    root = make_wheel(
        tmp_path, "root", "1",
        requires=[
            "numpy",
            "tflite-runtime; python_version < '3.12' and sys_platform == 'linux'",
            "ai-edge-litert; python_version >= '3.12' or sys_platform != 'linux'",
        ],
    )  # fmt: skip
    constraints = (
        "tflite-runtime==2\nai-edge-litert==2\n"
        "numpy==1.26.4 ; python_full_version < '3.12'\n"
        "numpy==2.5.5 ; python_full_version >= '3.12'\n"
    )
    found = gather(root, (), target, read_constraints(constraints, target), tmp_path, None)
    abi = "cp{}{}".format(*target.python)
    assert sorted(path.name.split("-")[0] for path in found) == sorted(["numpy", runtime])
    (chosen,) = (path for path in found if path.name.startswith("numpy"))
    assert chosen.name.split("-")[1:3] == [numpy, abi]
    assert "x86_64" not in chosen.name
    assert needed_glibc(found, target) == {"1.26.4": 17, "2.5.5": 28}[numpy]


def test_requirements_of_requirements_come_with_their_extras(tmp_path: Path) -> None:
    make_wheel(tmp_path, "inner", "1")
    make_wheel(tmp_path, "plain", "1")
    make_wheel(
        tmp_path, "outer", "1", requires=["inner; extra == 'more'", "plain"], extras=["more"]
    )
    root = make_wheel(tmp_path, "root", "1", requires=["outer[more]; extra == 'all'"])
    pins = {"outer": "1", "inner": "1", "plain": "1"}
    found = gather(root, ["all"], TRIXIE, pins, tmp_path, None)
    assert [path.name.split("-")[0] for path in found] == ["inner", "outer", "plain"]
    assert gather(root, [], TRIXIE, pins, tmp_path, None) == []


def test_missing_wheel_is_named_with_its_python(tmp_path: Path) -> None:
    root = make_wheel(tmp_path, "root", "1", requires=["numpy"])
    with pytest.raises(EnvironmentFault, match=r"no wheel of numpy==2 for Python 3.13 on aarch64"):
        gather(root, (), TRIXIE, {"numpy": "2"}, tmp_path, None)
    with pytest.raises(EnvironmentFault, match=r"expected a version of numpy.*make lock"):
        gather(root, (), TRIXIE, {}, tmp_path, None)


def test_every_requirement_of_a_device_has_an_exact_version() -> None:
    """As the archive's lines are `==` lines of constraints.txt, it must have one for each."""
    text = (ROOT / "constraints.txt").read_text()
    for target in (BOOKWORM, TRIXIE):
        assert {"click", "numpy", "pillow"} <= set(read_constraints(text, target))


def test_wrong_content_is_refused_before_anything_is_written(make: Make, tmp_path: Path) -> None:
    for extra in ("cam", "train"):  # the wheel has the second one, and it is not for a device
        with pytest.raises(UsageError, match=f"EXTRAS: expected some of mqtt, got {extra}"):
            make.archive(extras=(extra,))
    for version in ("3.9", "three"):
        with pytest.raises(UsageError, match=rf"PYTHONS: expected versions of >=3.11.* {version}"):
            make.archive(pythons=(version,))
    damaged = tmp_path / "damaged.tflite"
    damaged.write_bytes(DIGITS.read_bytes()[:-100])
    with pytest.raises(ModelError):
        make.archive(models=(damaged,))
    assert not list((tmp_path / "dist").glob("*.tar"))


def test_wheel_with_another_sum_is_not_taken(make: Make, cache: Path, tmp_path: Path) -> None:
    """Whoever serves wheels, or can write to their folder, cannot put in one of their own."""
    wheel = fake_edgeproof(tmp_path / "own", "1.0", "ok")
    content = Content(wheel, (), (), platform.machine(), (PYTHON,))
    listed = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in cache.iterdir()}
    out = tmp_path / "dist"
    assert bundle(content, CONSTRAINTS, cache, out, None, listed).is_file()
    (click,) = (name for name in listed if name.startswith("click-"))
    shutil.rmtree(out)
    with pytest.raises(EnvironmentFault, match=f"{click}: expected sha256 0000.*remove the file"):
        bundle(content, CONSTRAINTS, cache, out, None, {**listed, click: "0" * 64})
    del listed[click]
    with pytest.raises(EnvironmentFault, match=r"wheels\.sha256: expected a wheel of click"):
        bundle(content, CONSTRAINTS, cache, out, None, listed)
    assert not out.exists()


def test_wheel_is_the_listed_one_whatever_else_the_folder_holds(tmp_path: Path) -> None:
    """Two that fit: which comes into the archive must not depend on what was fetched before."""
    for tag in ("cp39-abi3", "cp311-abi3"):
        make_wheel(tmp_path, "seal", "1", tag=f"{tag}-manylinux_2_34_aarch64")
    best, other = sorted(tmp_path.iterdir())
    sums = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (best, other)}
    assert one_wheel("seal", "1", BOOKWORM, tmp_path, None, sums) == best
    assert one_wheel("seal", "1", BOOKWORM, tmp_path, None, {other.name: sums[other.name]}) == other
    best.unlink()
    assert one_wheel("seal", "1", BOOKWORM, tmp_path, None) == other
    with pytest.raises(EnvironmentFault, match=f"no {best.name} for"):
        one_wheel("seal", "1", BOOKWORM, tmp_path, None, sums)


def test_listed_wheels_are_those_that_are_pinned() -> None:
    """`make lock` writes both: a list of yesterday would refuse every wheel of today."""
    constraints = (ROOT / "constraints.txt").read_text()
    pinned = {("pip", wheels.PIP)}
    for target in TARGETS:
        pinned |= set(read_constraints(constraints, target).items())
    names = [parse_wheel_filename(name) for name in read_sums(SUMS.read_text())]
    assert {(str(name), str(version)) for name, version, _, _ in names} <= pinned
    for target in TARGETS:
        there = {name for name, _, _, tags in names if tags & set(target.tags)}
        assert {"numpy", "pillow", "click", "cryptography", "opencv-python-headless"} <= there


# The installer


def test_installed_command_runs_by_way_of_current(make: Make) -> None:
    done = make.install(make.unpacked(models=(DIGITS,), extras=("mqtt",)))
    assert done.returncode == 0, done.stderr
    python, version = make.where()
    assert (python, version) == (f"{make.target}/current/bin/python", "1.0")
    model = make.target / "current/models" / DIGITS.name
    assert model.read_bytes() == DIGITS.read_bytes()
    assert done.stdout.splitlines()[0] == "digits 1.0 ok"
    assert DIGITS.name in done.stdout.splitlines()[1]
    (site,) = (make.target / "current").glob("lib/python*/site-packages")
    assert (site / "paho_mqtt.py").exists()
    assert not (site / "pip").exists()
    # Also what `verify` has not imported, and so not compiled by the way.
    assert list((site / "__pycache__").glob("paho_mqtt.*.pyc"))


def test_second_install_only_verifies(make: Make) -> None:
    folder = make.unpacked()
    make.install(folder)
    before = (make.target / "current").resolve().stat().st_mtime_ns
    done = make.install(folder)
    assert done.returncode == 0
    assert "was there already" in done.stderr
    assert (make.releases(), (make.target / "current").resolve().stat().st_mtime_ns) == (1, before)


def test_broken_installation_is_installed_anew(make: Make) -> None:
    folder = make.unpacked()
    make.install(folder)
    (module,) = make.target.glob("current/lib/python*/site-packages/edge/cli.py")
    module.write_text("nonsense(")
    done = make.install(folder)
    assert done.returncode == 0, done.stderr
    assert (make.where()[1], make.releases()) == ("1.0", 1)


@pytest.mark.parametrize("harm", ["changed", "missing"])
def test_damaged_archive_installs_nothing_and_names_the_file(make: Make, harm: str) -> None:
    folder = make.unpacked()
    wheel = folder / "wheels/click-8.5.1-py3-none-any.whl"
    if harm == "changed":
        wheel.write_bytes(wheel.read_bytes()[:-1] + b"x")
    else:
        wheel.unlink()
    done = make.install(folder)
    assert done.returncode == 4
    assert done.stderr == (
        f"edgeproof: error: the archive is damaged at wheels/{wheel.name}: "
        "copy and unpack it again\n"
    )
    assert not make.target.exists()


def test_update_keeps_one_release_and_rollback_returns_to_it(make: Make) -> None:
    for version in ("1.0", "1.1", "1.2"):
        assert make.install(make.unpacked(version)).returncode == 0
    assert (make.where()[1], make.releases()) == ("1.2", 2)
    for expected in ("1.1", "1.2"):
        done = subprocess.run(
            ["sh", make.target / "current/install", "--rollback"], capture_output=True, check=False
        )
        assert (done.returncode, make.where()[1]) == (0, expected)


def test_update_that_does_not_verify_leaves_what_was(make: Make) -> None:
    make.install(make.unpacked("1.0"))
    done = make.install(make.unpacked("1.1", "fails"))
    assert done.returncode == 4
    assert done.stderr.splitlines()[-1].startswith("edgeproof: error: it does not compute rightly")
    assert "1.0-" in done.stderr.splitlines()[-1]
    assert (make.where()[1], make.releases()) == ("1.0", 1)


def test_power_cut_leaves_what_was_and_the_next_install_cleans_up(make: Make) -> None:
    make.install(make.unpacked("1.0"))
    assert make.install(make.unpacked("1.1", "kill")).returncode == -9
    assert (make.where()[1], make.releases()) == ("1.0", 2)
    assert make.install(make.unpacked("1.2")).returncode == 0
    assert (make.where()[1], make.releases()) == ("1.2", 2)
    names = {path.name[:3] for path in (make.target / "releases").iterdir()}
    assert names == {"1.0", "1.2"}


def test_command_of_somebody_else_is_not_replaced(make: Make) -> None:
    other = make.folder / "bin/edgeproof"
    other.parent.mkdir()
    other.write_text("mine")
    done = make.install(make.unpacked())
    assert done.returncode == 0
    assert other.read_text() == "mine"
    assert f"the command is {make.target}/current/bin/edgeproof" in done.stderr


@pytest.mark.parametrize("option", ["--system", "--own"])
def test_system_packages_are_seen_when_asked_for(make: Make, option: str) -> None:
    make.install(make.unpacked(), option)
    settings = (make.target / "current/pyvenv.cfg").read_text()
    shown = str(option == "--system").lower()
    assert f"include-system-site-packages = {shown}" in settings


@pytest.mark.parametrize(
    ("program", "prints", "expected"),
    [
        ("uname", "armv7l", "got armv7l, a 32-bit system: write the 64-bit Raspberry Pi OS"),
        ("uname", "riscv64", "got riscv64: make bundle PLATFORM=riscv64"),
        ("df", "Avail\n 0", "expected 1 MB free, got 0 MB: sudo apt clean"),
        ("python", "3.9 64 2.31 yes no", f"expected Python {PYTHON}, got 3.9 at "),
        ("python", f"{PYTHON} 32 2.36 yes no", "a 64-bit kernel with 32-bit programs"),
        ("python", f"{PYTHON} 64 none yes no", "another C library"),
        ("python", f"{PYTHON} 64 2.36 no no", "sudo apt install python3-venv"),
    ],
)
def test_unfit_device_is_told_in_one_line(
    make: Make, tmp_path: Path, program: str, prints: str, expected: str
) -> None:
    path = stand_in(tmp_path / "path", program, prints)
    options = ["--python", str(path / "python")] if program == "python" else []
    done = make.install(make.unpacked(), *options, path=path)
    assert (done.returncode, done.stdout) == (4, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("edgeproof: error: ")
    assert expected in line
    assert not (make.target / "current").exists()


def test_folder_that_is_a_file_and_unknown_options_are_told(make: Make) -> None:
    folder = make.unpacked()
    make.target.write_text("")
    done = make.install(folder)
    assert (done.returncode, "expected a folder, got a file" in done.stderr) == (4, True)
    for options, word in [(["--frobnicate"], "--frobnicate"), (["--to"], "--to: expected a path")]:
        done = make.install(folder, *options, "--python", sys.executable)
        if options == ["--to"]:
            done = subprocess.run(
                ["sh", folder / "install", "--to"], capture_output=True, text=True, check=False
            )
        assert (done.returncode, word in done.stderr) == (2, True)


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="no shellcheck")
def test_scripts_are_clean() -> None:
    scripts = [ROOT / "deploy/install", ROOT / "deploy/deploy.sh"]
    done = subprocess.run(["shellcheck", *scripts], capture_output=True, text=True, check=False)
    assert done.stdout == ""


# Over ssh


def deploy(archive: Path, server: Sshd, *options: str) -> subprocess.CompletedProcess[str]:
    command = ["sh", str(ROOT / "deploy/deploy.sh"), str(archive), server.address, *options]
    return subprocess.run(
        command, capture_output=True, text=True, check=False,
        env={**os.environ, "SSH_OPTIONS": server.options},
    )  # fmt: skip


def test_deploy_installs_verifies_and_sends_only_what_is_new(make: Make, tmp_path: Path) -> None:
    with Sshd(tmp_path / "ssh", os.environ["PATH"]) as server:
        target = server.home / "it's here"
        options = ["--python", sys.executable, "--to", str(target), "--bin", f"{server.home}/bin"]
        first = deploy(make.archive("1.0"), server, *options)
        assert first.returncode == 0, first.stderr
        assert first.stdout == "digits 1.0 ok\n"
        assert "sending 3 of" in first.stderr
        again = deploy(make.archive("1.0"), server, *options)
        assert (again.returncode, again.stdout) == (0, "digits 1.0 ok\n")
        assert "has all files already" in again.stderr
        assert "was there already" in again.stderr
        update = deploy(make.archive("1.1"), server, *options)
        assert "sending 1 of" in update.stderr
        failed = deploy(make.archive("1.2", "fails"), server, *options)
        assert failed.returncode == 4
        assert "stays in use" in failed.stderr.splitlines()[-1]
        assert where(server.home / "bin/edgeproof") == (f"{target}/current/bin/python", "1.1")
        cached = server.home / ".cache/edgeproof/deploy/wheels"
        assert [path.name for path in cached.glob("edgeproof-*")] == [
            "edgeproof-1.2-py3-none-any.whl"
        ]


def test_deploy_to_the_wrong_board_sends_no_wheels(make: Make, tmp_path: Path) -> None:
    with Sshd(tmp_path / "ssh", os.environ["PATH"]) as server:
        done = deploy(make.archive(machine="riscv64"), server)
        assert done.returncode == 4
        assert "this archive is for riscv64, got " in done.stderr.splitlines()[-1]
        assert not (server.home / ".cache/edgeproof/deploy/wheels").exists()


def test_deploy_to_nowhere_says_so(make: Make, tmp_path: Path) -> None:
    server = Sshd(tmp_path / "ssh", "")  # nothing listens there
    done = deploy(make.archive(), server)
    assert done.returncode == 4
    assert f"{server.address}: no way in" in done.stderr.splitlines()[-1]
