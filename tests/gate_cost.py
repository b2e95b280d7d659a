"""What gating costs against the bare interpreter: the same pictures, in one interleaved run.

    python -m tests.gate_cost [MODEL] [--pictures 10000] [--rounds 3]

The bare script is what people write: open the PNG, scale, quantise, invoke, argmax. The gate does
the same through edge.Classifier in a process of its own, and then holds the answers against the
labels and the float model.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from edge.bundle import Bundle, read_bundle
from edge.interpreter import installed_runtimes
from edge.zoo import find_model
from export.gate import Cost, judge
from export.measure import Questions, measure
from export.policy import load_policy
from export.reference import Reference
from export.variants import VARIANTS

BARE = """
import importlib, sys
import numpy as np
from PIL import Image
runtime, model, list_of_files = sys.argv[1:]
module = importlib.import_module(runtime.replace("-", "_") + ".interpreter")
interpreter = module.Interpreter(model_content=open(model, "rb").read(), num_threads=1)
interpreter.allocate_tensors()
(given,), (got,) = interpreter.get_input_details(), interpreter.get_output_details()
scale, zero_point = given["quantization"]
answers = []
for path in open(list_of_files).read().split():
    pixels = np.asarray(Image.open(path)).reshape(given["shape"]) / np.float32(255)
    tensor = np.clip(np.rint(pixels / scale) + zero_point, -128, 127).astype(np.int8)
    interpreter.set_tensor(given["index"], tensor)
    interpreter.invoke()
    answers.append(int(interpreter.get_tensor(got["index"])[0].argmax()))
print(sum(answers))
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model", nargs="?", default="digits")
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    bundle = read_bundle(find_model(asked.model))
    assert VARIANTS[bundle.contract.variant].activations == "INT8"
    with tempfile.TemporaryDirectory() as scratch:
        files = _draw(Path(scratch), bundle, asked.pictures)
        (Path(scratch) / "model.tflite").write_bytes(bundle.model)
        (Path(scratch) / "files.txt").write_text("\n".join(map(str, files)))
        for runtime in installed_runtimes():
            bare, gated = [], []
            for _ in range(asked.rounds):
                bare.append(_time_bare(Path(scratch), runtime))
                gated.append(_time_gate(bundle, files, runtime))
            ratios = [ours / theirs for ours, theirs in zip(gated, bare, strict=True)]
            row = {
                "runtime": runtime,
                "pictures": asked.pictures,
                "bare_s": round(statistics.median(bare), 2),
                "gate_s": round(statistics.median(gated), 2),
                "ratio": round(statistics.median(ratios), 3),
                "ratios": [round(ratio, 3) for ratio in ratios],
            }
            print(json.dumps(row), flush=True)


def _draw(folder: Path, bundle: Bundle, count: int) -> list[Path]:
    """PNG files of the model's own size that need no search for ink: bright strokes on black."""
    spec, rng = bundle.contract.input, np.random.default_rng(1)
    files = []
    for index in range(count):
        pixels = np.zeros((spec.height, spec.width), np.uint8)
        inner = (slice(6, spec.height - 6), slice(6, spec.width - 6))
        pixels[inner] = rng.integers(0, 256, pixels[inner].shape)
        files.append(folder / f"{index}.png")
        Image.fromarray(pixels).save(files[-1])
    return files


def _time_bare(folder: Path, runtime: str) -> float:
    began_s = time.perf_counter()
    command = [sys.executable, "-c", BARE, runtime]
    command += [str(folder / "model.tflite"), str(folder / "files.txt")]
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began_s


def _time_gate(bundle: Bundle, files: list[Path], runtime: str) -> float:
    """Measuring and judging; the float model's answers are there already."""
    targets = np.arange(len(files)) % len(bundle.labels)
    logits = np.eye(len(bundle.labels), dtype=np.float32)[targets]
    nothing = np.zeros((0, 0, len(bundle.labels)), np.float32)
    reference = Reference(bundle.labels, targets, logits, np.zeros(0, np.int64), (), nothing)
    began_s = time.perf_counter()
    answers = measure(bundle, Questions(files), runtime)
    judge(load_policy("digits"), "int8", Cost(len(bundle.model), 0), reference, [answers])
    return time.perf_counter() - began_s


if __name__ == "__main__":
    main()
