"""Fixtures: the command line in a process of its own, and one small model made with it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest
from hypothesis import settings

from edge.bundle import Bundle, read_bundle

# The same inputs in every run: a failure is found again, and a slow machine is no failure.
settings.register_profile("edgeproof", derandomize=True, deadline=None, database=None)
settings.load_profile("edgeproof")

ROOT = Path(__file__).parent.parent
POLICY = ROOT / "tests" / "gate.toml"
DATA = next(
    (
        folder
        for folder in (Path(os.environ.get("EDGEPROOF_DATA") or "."), ROOT.parent / "shared/data")
        if (folder / "mnist.npz").is_file()
    ),
    None,
)
"""MNIST and Fashion-MNIST, where they are at hand."""


class Edgeproof(Protocol):
    def __call__(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]: ...


@dataclass(frozen=True)
class Exported:
    """A small model, trained and exported by the real commands."""

    run: Path
    dist: Path
    output: str
    """What `edgeproof export` printed."""

    def path(self, variant: str = "int8") -> Path:
        return self.dist / f"tiny-{variant}.tflite"

    def bundle(self, variant: str = "int8") -> Bundle:
        return read_bundle(self.path(variant))


@pytest.fixture(scope="session", autouse=True)
def hermetic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test sees the user's caches or data, nor reaches the network for them."""
    home = tmp_path_factory.mktemp("home")
    settings = {
        "XDG_CACHE_HOME": str(home),
        "EDGEPROOF_STORE": str(home / "store"),
        "KERAS_HOME": str(home / "keras"),
        "MPLBACKEND": "agg",
    }
    before = {name: os.environ.pop(name, None) for name in (*settings, "EDGEPROOF_DATA")}
    os.environ.update(settings)
    yield
    os.environ.update({name: value for name, value in before.items() if value is not None})


@pytest.fixture(scope="session")
def edgeproof() -> Edgeproof:
    """Runs `edgeproof ARGUMENTS` in a child process: TensorFlow must never enter this one."""

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "edge", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="session")
def exported(edgeproof: Edgeproof, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """optdigits with the default recipe, cut short: enough to be right nine times in ten."""
    folder = tmp_path_factory.mktemp("exported")
    run, dist = folder / "runs" / "tiny", folder / "dist"
    trained = edgeproof(
        "train", "optdigits", "--epochs", "20", "--name", "tiny", "--runs", folder / "runs"
    )
    assert trained.returncode == 0, trained.stderr
    done = edgeproof("export", run, "--out", dist, "--policy", POLICY)
    assert done.returncode == 0, done.stdout + done.stderr
    return Exported(run, dist, done.stdout)


@pytest.fixture(scope="session", autouse=True)
def without_tensorflow() -> Iterator[None]:
    """TensorFlow and tflite-runtime do not work in one process, so the tests keep them apart."""
    yield
    assert "tensorflow" not in sys.modules
