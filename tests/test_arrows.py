"""Imports run one way, export -> train -> edge, and the edge is light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

ALLOWED = {
    "edge": {"edge"},
    "train": {"edge", "train"},
    "export": {"edge", "train", "export"},
    "deploy": {"deploy", "edge"},
}
HEAVY = {"tensorflow", "keras", "jax", "torch"}
EXPORT_MAY_TAKE = {
    "train.confidence", "train.datasets", "train.run_data", "train.runs", "train.samples",
    "train.toml",
    "train.versions",
}  # fmt: skip


def imports(path: Path) -> set[str]:
    """Every module that a file imports, at its top or inside a function."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def sources(package: str) -> list[Path]:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    return files


@pytest.mark.parametrize("package", list(ALLOWED))
def test_imports_run_one_way(package: str) -> None:
    for path in sources(package):
        ours = {name.split(".")[0] for name in imports(path)} & set(ALLOWED)
        assert ours <= ALLOWED[package], path


def test_edge_imports_no_training_library() -> None:
    for path in sources("edge"):
        assert not {name.split(".")[0] for name in imports(path)} & HEAVY, path


def test_export_takes_only_data_and_runs_of_train() -> None:
    for path in sources("export"):
        taken = {name for name in imports(path) if name.startswith("train.")}
        assert taken <= EXPORT_MAY_TAKE, path


@pytest.mark.parametrize(
    ("library", "home"),
    [
        ("tensorflow", {"export/convert.py", "train/devices/on_tensorflow.py"}),
        ("jax", {"train/devices/on_jax.py"}),
        ("pooch", {"train/download.py"}),
        ("sklearn", {"train/datasets.py"}),
        ("imagehash", {"train/photos/facts.py"}),
        ("keras_tuner", {"train/hyperband.py"}),
        ("cv2", {"edge/sources/opencv.py", "edge/sources/video.py", "edge/cameras/opencv.py"}),
        ("paho", {"edge/sinks/session.py"}),
        ("cryptography", {"edge/trust/keys.py"}),
    ],
)
def test_each_heavy_library_has_one_home(library: str, home: set[str]) -> None:
    files = [path for package in ALLOWED for path in sources(package)]
    users = {
        path.relative_to(ROOT).as_posix()
        for path in files
        if library in {name.split(".")[0] for name in imports(path)}
    }
    assert users == home


@pytest.mark.parametrize(
    "start", ["import edge", "from edge.cli import run; run(['--help'])"], ids=["import", "help"]
)
def test_edge_starts_without_loading_anything(start: str) -> None:
    code = f"import sys; {start}; print({{'numpy', 'PIL', 'tflite_runtime'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"


def test_public_names_are_what_they_say() -> None:
    import edge

    for name in edge.__all__:
        assert getattr(edge, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        edge.__getattr__("Nothing")
