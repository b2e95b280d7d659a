"""edgeproof on ready frames: `Classifier.classify`, or only the interpreter behind it.

python frame_ours.py classify|invoke MODEL.tflite FRAMES.npy
Prints the median time of a call and the label of each frame as JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.bundle import read_bundle
from edge.classifier import Classifier
from edge.interpreter import Interpreter
from edge.quantize import quantize
from edge.zoo import find_model


def main() -> None:
    way = {"classify": classify, "invoke": invoke}[sys.argv[1]]
    calls_s, labels = [], []
    for took_s, label in way(sys.argv[2], np.load(sys.argv[3])):
        calls_s.append(took_s)
        labels.append(label)
    print(json.dumps({"call_us": 1e6 * median(calls_s), "labels": "".join(labels)}))


def classify(model: str, frames: NDArray[np.uint8]) -> Iterator[tuple[float, str]]:
    """The whole of what a program calls: checks, quantising, scores, the answer."""
    with Classifier.load(model) as classifier:
        for frame in frames:
            result, took_s = timed(classifier.classify, frame)
            yield took_s, result.top[0].label if result.top else "-"


def invoke(model: str, frames: NDArray[np.uint8]) -> Iterator[tuple[float, str]]:
    """Set, invoke and get, with the kernels that edgeproof switches on."""
    bundle = read_bundle(find_model(model))
    with Classifier(bundle) as classifier:
        kernels = classifier.kernels
    interpreter = Interpreter(bundle.model, kernels=kernels)
    for frame in frames:
        tensor = (frame[np.newaxis, :, :, np.newaxis] / 255).astype(np.float32)
        output, took_s = timed(interpreter.invoke, quantize(tensor, interpreter.input))
        yield took_s, str(int(output[0].argmax()))


def timed(call: Callable[[Any], Any], argument: Any) -> tuple[Any, float]:
    began_s = perf_counter()
    result = call(argument)
    return result, perf_counter() - began_s


if __name__ == "__main__":
    main()
