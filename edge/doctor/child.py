"""What the doctor tries in a child, for it may crash: the runtime with a model, and OpenCV.

python -m edge.doctor.child runtime|opencv      one JSON object: {"error": ...} or what was found
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib import metadata
from typing import Any

from edge.errors import EdgeproofError, FrameError

OPENCV_PACKAGES = (
    "opencv-python-headless",
    "opencv-python",
    "opencv-contrib-python-headless",
    "opencv-contrib-python",
)
"""They hold the same module cv2, and each overwrites the others."""


def _runtime() -> dict[str, Any]:
    """Builds an interpreter for each shipped model and runs its self-test."""
    from edge.classifier import Classifier
    from edge.interpreter import with_kernels
    from edge.selftest import run_selftest
    from edge.zoo import shipped_models

    models, runtime, kernels, off = {}, "", "default", ""
    for name in shipped_models():
        with Classifier.load(name) as classifier:
            test = run_selftest(classifier)
            kernels, off = test.kernels, classifier.passed_over
        runtime, models[name] = test.runtime, [test.identical, test.frames]
    version = with_kernels(metadata.version(runtime), kernels) if runtime else ""
    return {"runtime": runtime, "version": version, "models": models, "off": off}


def _opencv() -> dict[str, Any]:
    from edge.sources.opencv import load_opencv

    try:
        cv2 = load_opencv("doctor", "cameras")
    except FrameError as error:
        return {"error": " ".join(str(error.__context__ or error).split())}  # the ImportError's own
    return {"version": str(cv2.__version__), "file": str(cv2.__file__)}


def opencv_packages() -> tuple[str, ...]:
    """Which of OPENCV_PACKAGES are installed with pip; none for the one of apt."""
    found = []
    for package in OPENCV_PACKAGES:
        try:
            metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
        found.append(package)
    return tuple(found)


TRIALS: dict[str, Callable[[], dict[str, Any]]] = {"runtime": _runtime, "opencv": _opencv}


def _main(name: str) -> None:
    try:
        answer = TRIALS[name]()
    except EdgeproofError as error:
        answer = {"error": " ".join(str(error).split())}
    print(json.dumps(answer))


if __name__ == "__main__":
    _main(sys.argv[1])
