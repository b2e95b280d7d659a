"""The runtime alone on ready frames: set_tensor, invoke, get_tensor; the package as it is.

python frame_bare.py tflite_runtime|ai_edge_litert MODEL.tflite FRAMES.npy
Prints the median time of a call and the label of each frame as JSON.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from statistics import median
from time import perf_counter

import numpy as np


def main() -> None:
    module = import_module(f"{sys.argv[1]}.interpreter")
    interpreter = module.Interpreter(model_path=sys.argv[2], num_threads=1)
    interpreter.allocate_tensors()
    given, told = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    tensors = (np.load(sys.argv[3])[:, np.newaxis, :, :, np.newaxis] / 255).astype(np.float32)
    if given["dtype"] == np.int8:
        scale, zero_point = given["quantization"]
        tensors = np.clip(np.rint(tensors / scale) + zero_point, -128, 127).astype(np.int8)
    calls_s, labels = [], []
    for tensor in tensors:
        began_s = perf_counter()
        interpreter.set_tensor(given["index"], tensor)
        interpreter.invoke()
        output = interpreter.get_tensor(told["index"])
        calls_s.append(perf_counter() - began_s)
        labels.append(str(int(output[0].argmax())))
    print(json.dumps({"call_us": 1e6 * median(calls_s), "labels": "".join(labels)}))


if __name__ == "__main__":
    main()
