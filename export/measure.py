"""Runs a candidate through edge.Classifier, in a child process where TensorFlow cannot be imported.

TensorFlow and tflite-runtime do not work in one process, and a damaged model may kill the one
that runs it. The child sees frames and no labels.

    python -m export.measure REQUEST.json
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib import metadata
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.bundle import Bundle, write_bundle
from edge.errors import EdgeproofError, FrameError, ModelError

FORBIDDEN = ("tensorflow", "keras", "jax", "torch")


@dataclass(frozen=True)
class Answers:
    """What a candidate said of each frame, on one runtime."""

    runtime: str
    """Package name."""
    version: str
    logits: NDArray[np.float32]
    """(n, classes); NaN where the frame was answered with `unknown`."""
    raw: NDArray[np.generic]
    """(n, classes) in the output's own dtype; zeros where the frame was answered `unknown`."""


def measure(bundle: Bundle, frames: NDArray[np.uint8] | list[Path], runtime: str) -> Answers:
    """Classifies frames in a child process.

    frames: uint8 (n, H, W) or (n, H, W, 3), or picture files.
    runtime: package name of an installed runtime.

    Raises:
        ModelError: the runtime refuses the candidate or dies of it.
    """
    with tempfile.TemporaryDirectory(prefix="edgeproof-") as scratch:
        folder = Path(scratch)
        write_bundle(folder / "candidate.tflite", bundle)
        if isinstance(frames, list):
            files = [str(path) for path in frames]
        else:
            files = []
            np.save(folder / "frames.npy", frames)
        request = folder / "request.json"
        request.write_text(json.dumps({"runtime": runtime, "files": files}))
        child = subprocess.run(
            [sys.executable, "-m", "export.measure", str(request)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if child.returncode:
            raise ModelError(
                f"{bundle.contract.name} {bundle.contract.variant} on {runtime}: "
                f"{_last_words(child.returncode, child.stderr)}"
            )
        with np.load(folder / "answers.npz", allow_pickle=False) as answers:
            return Answers(runtime, metadata.version(runtime), answers["logits"], answers["raw"])


def _last_words(code: int, stderr: str) -> str:
    if code < 0:
        return f"the runtime died of {signal.Signals(-code).name}"
    lines = [line for line in stderr.splitlines() if line.strip()]
    return lines[-1] if lines else f"the measuring process ended with {code}"


class _Refuse(MetaPathFinder):
    """Makes the import of what a device does not have fail here too."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.split(".")[0] in FORBIDDEN:
            raise ImportError(f"{name} must not be imported where the edge runtime is measured")


def _child(request_path: Path) -> None:
    sys.meta_path.insert(0, _Refuse())
    from edge.bundle import read_bundle
    from edge.classifier import Classifier, as_frame
    from edge.quantize import dequantize

    folder = request_path.parent
    request: dict[str, Any] = json.loads(request_path.read_text())
    frames: Any = [Path(name) for name in request["files"]] or np.load(folder / "frames.npy")
    with Classifier(read_bundle(folder / "candidate.tflite"), runtime=request["runtime"]) as model:
        shape = (len(frames), len(model.labels))
        raw, logits = np.zeros(shape, model.output.dtype), np.full(shape, np.nan, np.float32)
        for index, frame in enumerate(frames):
            try:
                raw[index] = model.raw_output(as_frame(frame))
            except FrameError:  # no answer, so never a right one
                continue
            logits[index] = dequantize(raw[index], model.output)
    np.savez(folder / "answers.npz", logits=logits, raw=raw)


if __name__ == "__main__":
    try:
        _child(Path(sys.argv[1]))
    except EdgeproofError as problem:
        sys.exit(str(problem))  # its message alone is the last line of stderr
