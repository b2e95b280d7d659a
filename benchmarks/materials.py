"""Pictures and models that are measured: made by children, kept until their makers change."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.environments import (
    ROOT,
    Environment,
    Unavailable,
    look,
    make,
    run_python,
)

CONVERSIONS = Path(__file__).parent / "conversions"
OWN = "tensorflow"


def mnist_at_hand() -> Path | None:
    """$EDGEPROOF_DATA/mnist.npz, where it is there."""
    folder = os.environ.get("EDGEPROOF_DATA")
    path = Path(folder) / "mnist.npz" if folder else None
    return path if path and path.is_file() else None


def make_pictures(build: Path, say: Callable[[str], None]) -> Path:
    """The folder of what is classified.

    Raises:
        Unavailable: they cannot be drawn.
    """
    mnist = mnist_at_hand()
    makers = [Path(__file__).parent / name for name in ("pictures.py", "counts.py")]
    stamp = digest(makers) + (" with MNIST" if mnist else "")

    def draw(folder: Path) -> None:
        say("drawing pictures, photos and a film")
        run_own("benchmarks.pictures", folder, *([mnist] if mnist else []))

    return keep(build / "pictures", stamp, draw)


def make_models(build: Path, say: Callable[[str], None]) -> Path:
    """The folder of the float32 and int8 models and of the weights.

    Raises:
        Unavailable: TensorFlow or the run is not there.
    """
    sources = [CONVERSIONS / "from_keras.py", ROOT / "models/digits/model.keras"]
    stamp = digest([*sources, ROOT / "edge/zoo/digits-int8.tflite"])

    def convert(folder: Path) -> None:
        say("converting the model")
        run_own("benchmarks.conversions.from_keras", folder)

    return keep(build / "models", stamp, convert)


def make_onnx(build: Path, models: Path, wheel: Path, say: Callable[[str], None]) -> None:
    """digits.onnx beside the others.

    Raises:
        Unavailable: the `onnx` package cannot be had.
    """
    target = models / "digits.onnx"
    if not target.is_file():
        tools = make("onnx", build / "environments", wheel, say)
        script = str(CONVERSIONS / "to_onnx.py")
        run_python(tools, script, str(models / "digits-weights.npz"), str(target))


def make_mediapipe(models: Path, environment: Environment) -> None:
    """digits-mediapipe.tflite beside the others.

    Raises:
        Unavailable: the metadata cannot be written.
    """
    target = models / "digits-mediapipe.tflite"
    if not target.is_file():
        script = str(CONVERSIONS / "to_mediapipe.py")
        run_python(environment, script, str(models / "digits-rgb.tflite"), str(target))


def run_own(module: str, *arguments: Path) -> None:
    """Runs a module of this tree with the environment that `make setup` made."""
    run_python(look(OWN, Path(sys.executable).parent), "-m", module, *map(str, arguments))


def keep(folder: Path, stamp: str, make_there: Callable[[Path], None]) -> Path:
    """Fills a folder, unless it was filled with the same stamp."""
    written = folder / "stamp"
    if written.is_file() and written.read_text() == stamp:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    make_there(folder)
    written.write_text(stamp)
    return folder


def digest(paths: Sequence[Path]) -> str:
    """SHA-256 over files.

    Raises:
        Unavailable: one is missing.
    """
    whole = hashlib.sha256()
    for path in paths:
        if not path.is_file():
            raise Unavailable(f"{path}: expected a file, and it is missing")
        whole.update(path.read_bytes())
    return whole.hexdigest()
