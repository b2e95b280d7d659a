"""Runs a candidate through edge.Classifier, in a child process where TensorFlow cannot be imported.

TensorFlow and tflite-runtime do not work in one process, and a damaged model may kill the one
that runs it. The child sees frames and no labels.

    python -m export.measure REQUEST.json
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from importlib import metadata
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edge.bundle import Bundle, write_bundle
from edge.errors import EdgeproofError, FrameError, ModelError
from edge.interpreter import with_kernels
from edge.process import last_words

if TYPE_CHECKING:
    from edge.classifier import Classifier
    from export.corruptions import Condition

FORBIDDEN = ("tensorflow", "keras", "jax", "torch")
OTHER_KERNELS = ("builtin", "reference")
REPORT_EVERY = 100
"""Pictures between two signs of life."""

Progress = Callable[[int], None]
"""Is told how many more pictures were answered."""


@dataclass(frozen=True)
class Questions:
    """What a candidate is asked."""

    frames: NDArray[np.uint8] | list[Path]
    """uint8 (n, H, W) or (n, H, W, 3), or picture files: the whole test split."""
    part: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    """(m,) indices of the frames that other kernels and the corruptions are tried on."""
    conditions: tuple[Condition, ...] = ()

    @property
    def total(self) -> int:
        """Pictures to be classified."""
        return len(self.frames) + len(self.part) * (len(self.conditions) + len(OTHER_KERNELS))


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
    latency_us: float = 0.0
    """Preprocessing and inference of one picture in microseconds: median of the fastest hundred
    in a row, for other work on the machine only ever adds."""
    corrupted: NDArray[np.float32] | None = None
    """(conditions, m, classes) logits."""
    kernels: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    """Other kernels -> (m, classes) logits."""
    ran: str = "default"
    """The kernels that gave the answers: a key of `edge.interpreter.KERNELS`."""

    @property
    def name(self) -> str:
        return with_kernels(f"{self.runtime} {self.version}", self.ran)


def measure(
    bundle: Bundle,
    questions: Questions,
    runtime: str,
    progress: Progress = lambda count: None,
    kernels: str | None = None,
) -> Answers:
    """Classifies frames in a child process.

    runtime: package name of an installed runtime.
    kernels: as `Classifier` takes them. None, for what a device takes by itself: of a candidate
        without golden frames that is what it will take when it has them.

    Raises:
        ModelError: the runtime refuses the candidate or dies of it.
    """
    with tempfile.TemporaryDirectory(prefix="edgeproof-") as scratch:
        folder = Path(scratch)
        write_bundle(folder / "candidate.tflite", bundle)
        files = [str(path) for path in questions.frames if isinstance(path, Path)]
        if not files:
            np.save(folder / "frames.npy", np.asarray(questions.frames))
        request = {
            "runtime": runtime,
            "kernels": kernels or (None if bundle.golden else "xnnpack"),
            "files": files,
            "part": questions.part.tolist(),
            "conditions": [asdict(condition) for condition in questions.conditions],
        }
        (folder / "request.json").write_text(json.dumps(request))
        with (folder / "errors.txt").open("w+") as errors:
            code = _run(folder / "request.json", errors.fileno(), progress)
            errors.seek(0)
            words = errors.read()
        if code:
            raise ModelError(
                f"{bundle.contract.name} {bundle.contract.variant} on {runtime}: "
                f"{last_words(code, words)}"
            )
        with np.load(folder / "answers.npz", allow_pickle=False) as stored:
            return Answers(
                runtime,
                metadata.version(runtime),
                stored["logits"],
                stored["raw"],
                float(stored["latency_us"]),
                stored["corrupted"] if questions.conditions else None,
                {name: stored[name] for name in OTHER_KERNELS if name in stored},
                str(stored["ran"]),
            )


def _run(request: Path, errors: int, progress: Progress) -> int:
    """Runs the child and passes its signs of life on; its exit code."""
    command = [sys.executable, "-m", "export.measure", str(request)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as child:
        try:
            assert child.stdout is not None
            for line in child.stdout:
                if line.strip().isdecimal():
                    progress(int(line))
        except BaseException:
            child.kill()
            raise
        return child.wait()


class _Refuse(MetaPathFinder):
    """Makes the import of what a device does not have fail here too."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.split(".")[0] in FORBIDDEN:
            raise ImportError(f"{name} must not be imported where the edge runtime is measured")


def _child(request_path: Path) -> None:
    sys.meta_path.insert(0, _Refuse())
    from edge.bundle import read_bundle
    from edge.classifier import Classifier

    folder = request_path.parent
    request: dict[str, Any] = json.loads(request_path.read_text())
    frames: Any = [Path(name) for name in request["files"]] or np.load(folder / "frames.npy")
    bundle, runtime = read_bundle(folder / "candidate.tflite"), request["runtime"]
    results: dict[str, Any] = {}
    with Classifier(bundle, runtime=runtime, kernels=request["kernels"]) as model:
        results["ran"] = model.kernels
        results["logits"], results["raw"], results["latency_us"] = _answer(model, frames)
        if request["conditions"]:
            results["corrupted"] = _answer_corrupted(model, frames, request)
    for kernels in OTHER_KERNELS if request["part"] else ():
        with Classifier(bundle, runtime=runtime, kernels=kernels) as model:
            some = (frames[index] for index in request["part"])
            results[kernels] = _answer(model, some, len(request["part"]))[0]
    np.savez(folder / "answers.npz", **results)


def _answer(
    model: Classifier, frames: Any, count: int | None = None
) -> tuple[NDArray[np.float32], NDArray[np.generic], float]:
    """Logits and raw outputs of each frame, and microseconds for one."""
    from edge.classifier import as_frame
    from edge.quantize import dequantize

    shape = (len(frames) if count is None else count, len(model.labels))
    raw = np.zeros(shape, model.output.dtype)
    known = np.zeros(shape[0], bool)
    took_s = np.zeros(shape[0])
    for index, source in enumerate(_with_signs_of_life(frames)):
        try:
            frame = as_frame(source)
            began_s = time.perf_counter()
            raw[index] = model.raw_output(frame)
        except FrameError:  # no answer, so never a right one
            continue
        took_s[index] = time.perf_counter() - began_s
        known[index] = True
    logits = dequantize(raw, model.output)
    logits[~known] = np.nan
    return logits, raw, _fastest_us(took_s[known])


def _answer_corrupted(
    model: Classifier, frames: Any, request: dict[str, Any]
) -> NDArray[np.float32]:
    """(conditions, m, classes)"""
    from edge.classifier import as_frame
    from export.corruptions import Condition, at_model_size, corrupt

    conditions = [Condition(**table) for table in request["conditions"]]
    part, spec = request["part"], model.contract.input
    own = [at_model_size(as_frame(frames[index]), spec) for index in part]
    logits = []
    for condition in conditions:
        bad = (corrupt(frame, condition, seed) for seed, frame in zip(part, own, strict=True))
        logits.append(_answer(model, bad, len(part))[0])
    return np.stack(logits)


def _with_signs_of_life(frames: Any) -> Iterator[Any]:
    behind = 0
    for frame in frames:
        yield frame
        behind += 1
        if behind == REPORT_EVERY:
            print(behind, flush=True)
            behind = 0
    print(behind, flush=True)


def _fastest_us(took_s: NDArray[np.float64]) -> float:
    whole = len(took_s) // REPORT_EVERY * REPORT_EVERY
    runs = took_s[:whole].reshape(-1, REPORT_EVERY) if whole else took_s[np.newaxis]
    return 1e6 * float(np.median(runs, axis=1).min()) if took_s.size else 0.0


if __name__ == "__main__":
    try:
        _child(Path(sys.argv[1]))
    except EdgeproofError as problem:
        sys.exit(str(problem))  # its message alone is the last line of stderr
