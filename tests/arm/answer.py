"""What one machine makes of pictures: prepared pixels and raw outputs, for comparing to the bit.

    python answer.py RUNTIME PICTURES OUT.npz MODEL...

Runs by itself on either side: of ours it imports `edge` alone, as it is installed there.
"""

from __future__ import annotations

import json
import platform
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge import interpreter as runtimes
from edge.bundle import Bundle, read_bundle
from edge.classifier import as_frame
from edge.contract import Input
from edge.errors import NothingFound
from edge.interpreter import Interpreter
from edge.preprocess import find_regions, scale
from edge.quantize import quantize
from edge.zoo import find_model

KERNELS = ("default", "xnnpack")
"""Those that applications get; `xnnpack` where this version of edge has it."""


@dataclass(frozen=True)
class Answers:
    """A model's outputs under one set of kernels."""

    model: str
    kernels: str
    outputs: NDArray[np.generic]
    scale: float
    """Of one step of a quantised output; 0 for float."""


def prepare_all(paths: list[Path], spec: Input) -> NDArray[np.uint8]:
    """uint8 (pictures, height, width, channels); black where nothing was found."""
    return np.stack([_prepare(path, spec) for path in paths])


def answer(name: str, bundle: Bundle, pixels: NDArray[np.uint8], runtime: str) -> list[Answers]:
    """The raw outputs for each picture under each set of kernels that is to be had."""
    found = []
    spec = bundle.contract.input
    for kernels in KERNELS:
        if kernels not in runtimes.KERNELS:
            continue
        loaded = Interpreter(bundle.model, runtime=runtime, kernels=kernels)
        if getattr(loaded, "kernels", kernels) == kernels:  # else it would be the same again
            tensors = (quantize(scale(one, spec)[np.newaxis], loaded.input) for one in pixels)
            outputs = np.stack([loaded.invoke(tensor).reshape(-1).copy() for tensor in tensors])
            found.append(Answers(name, kernels, outputs, loaded.output.scale))
        loaded.close()
    return found


def _prepare(path: Path, spec: Input) -> NDArray[np.uint8]:
    try:
        return find_regions(as_frame(path), spec)[0].pixels
    except NothingFound:
        return np.zeros(spec.shape, np.uint8)


def main(runtime: str, pictures: str, out: str, *models: str) -> None:
    paths = sorted(Path(pictures).iterdir())
    arrays: dict[str, NDArray[Any]] = {}
    specs: list[Input] = []
    records: list[dict[str, Any]] = []
    for name in models:
        bundle = read_bundle(find_model(name))
        spec = bundle.contract.input
        if spec not in specs:  # variants of one model share it, and it costs the most
            specs.append(spec)
            arrays[f"pixels{specs.index(spec)}"] = prepare_all(paths, spec)
        pixels = f"pixels{specs.index(spec)}"
        for found in answer(Path(name).stem, bundle, arrays[pixels], runtime):
            key = f"outputs{len(records)}"
            arrays[key] = found.outputs
            records.append(
                {
                    "model": found.model,
                    "kernels": found.kernels,
                    "scale": found.scale,
                    "outputs": key,
                    "pixels": pixels,
                    "preprocess": spec.preprocess.kind,
                    "adds": runtime == "tflite-runtime"
                    and "ADD" in bundle.contract.model.operators,
                }
            )
    header = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "numpy": np.__version__,
        "runtime": runtime,
        "pictures": [path.name for path in paths],
        "answers": records,
    }
    np.savez(out, header=np.array(json.dumps(header)), **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
