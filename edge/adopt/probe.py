"""Runs a model that nothing is known of in a child process: a damaged one kills what runs it.

The child has no more memory and time than it is given, and leaves no core file. What it finds is
one JSON object on stdout; what the runtime writes to stderr ends here.

    python -m edge.adopt.probe FOLDER     holds candidate.tflite, a bundle, and frames.npy
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge import process
from edge.bundle import Bundle, read_bundle, write_bundle
from edge.errors import EdgeproofError, EnvironmentFault, FrameError, ModelError

ADDRESS_BYTES = 4 * 1024**3
"""Of the child's address space. A damaged size asks for far more."""
CPU_S, WALL_S = 120, 240
"""A damaged loop never ends."""
ENOUGH_S = 20.0
"""After that the child answers no more frames: a slow model is probed with fewer."""


@dataclass(frozen=True)
class Probed:
    """A model's answers in a process of its own."""

    runtime: str
    """Package name."""
    version: str
    raw: NDArray[np.generic]
    """(n, classes) in the output's own dtype: finite, and not all the same. n may be fewer than
    were asked."""


def probe(bundle: Bundle, frames: NDArray[np.uint8], where: str) -> Probed:
    """Loads a candidate in a child and lets it answer frames, in their order.

    frames: uint8 (n, height, width) or (n, height, width, 3), of the input's own size.
    where: the model's name for messages.

    Raises:
        ModelError: the runtime refuses the model or dies of it, or its answers cannot be right.
        EnvironmentFault: no usable runtime.
    """
    with tempfile.TemporaryDirectory(prefix="edgeproof-") as scratch:
        folder = Path(scratch)
        write_bundle(folder / "candidate.tflite", bundle)
        np.save(folder / "frames.npy", frames)
        found = _ask(folder, where)
    if "error" in found:
        kind = EnvironmentFault if found["kind"] == EnvironmentFault.__name__ else ModelError
        raise kind(f"{where}: {found['error']}")
    raw = np.asarray(found["outputs"], found["dtype"])
    return Probed(found["runtime"], found["version"], raw)


def last_words(code: int, stderr: str) -> str:
    """Why a child ended: the signal that killed it, or the last line it wrote."""
    if code < 0:
        return f"the runtime {process.ending(code)}"
    lines = [line for line in stderr.splitlines() if line.strip()]
    return lines[-1] if lines else f"the measuring process {process.ending(code)}"


def _ask(folder: Path, where: str) -> dict[str, Any]:
    """What the child says."""
    try:
        done = subprocess.run(
            process.command("edge.adopt.probe", str(folder)),
            cwd=process.ELSEWHERE,
            env=process.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=WALL_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ModelError(
            f"{where}: expected a few answers within {WALL_S} s, got none: the model is damaged, "
            "or far too slow for this machine"
        ) from None
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        words = last_words(done.returncode, done.stderr)
        raise ModelError(f"{where}: {words} when the model was tried in a process of its own")
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def _child(folder: Path) -> dict[str, Any]:
    from importlib import metadata

    from edge.classifier import Classifier

    frames = np.load(folder / "frames.npy", allow_pickle=False)
    bundle = read_bundle(folder / "candidate.tflite")
    _limit()
    with Classifier(bundle) as classifier:
        outputs = _answers(classifier, frames)
        dtype = classifier.output.dtype.name
    if not np.isfinite(outputs.astype(np.float64)).all():
        raise ModelError("expected finite numbers, it answers NaN or infinity to drawn pictures")
    if len(np.unique(outputs, axis=0)) == 1:
        raise ModelError(f"it gives the same answer to {len(outputs)} different pictures")
    version = metadata.version(classifier.runtime)
    answers = {"outputs": outputs.tolist(), "dtype": dtype}
    return {"runtime": classifier.runtime, "version": version, **answers}


def _answers(classifier: Any, frames: NDArray[np.uint8]) -> NDArray[np.generic]:
    began_s = time.monotonic()
    outputs = []
    for frame in frames:
        try:
            outputs.append(classifier.raw_output(frame))
        except (RuntimeError, ValueError) as error:  # an operator that refuses its operands
            words = " ".join(str(error).split())[:200]
            raise ModelError(f"{classifier.runtime} cannot run the model: {words}") from None
        if len(outputs) > 1 and time.monotonic() - began_s > ENOUGH_S:
            break
    return np.stack(outputs)


def _limit() -> None:
    """Less memory and time, and no core file; what a system does not limit stays as it is."""
    try:
        import resource
    except ImportError:  # Windows
        return
    wanted = {"RLIMIT_AS": ADDRESS_BYTES, "RLIMIT_CPU": CPU_S, "RLIMIT_CORE": 0}
    for name, most in wanted.items():
        try:
            kind = getattr(resource, name)
            hard = resource.getrlimit(kind)[1]
            below = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(kind, (min(below, sys.maxsize), hard))
        except (AttributeError, ValueError, OSError):
            continue  # macOS refuses some


def _main(folder: Path) -> None:
    try:
        found = _child(folder)
    except (EdgeproofError, MemoryError) as error:
        kind = "ModelError" if isinstance(error, FrameError) else type(error).__name__
        found = {"error": str(error) or "it asks for too much memory", "kind": kind}
    print(json.dumps(found))


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
