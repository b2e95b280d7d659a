"""The plain script with ONNX Runtime, one thread: more are slower for a network this small.

python with_onnxruntime.py MODEL.onnx PICTURE|FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image


def main() -> None:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(sys.argv[1], options, ["CPUExecutionProvider"])
    (wanted,) = session.get_inputs()
    _, _, height, width = wanted.shape
    source = Path(sys.argv[2])
    for path in sorted(source.iterdir()) if source.is_dir() else [source]:
        image = Image.open(path).convert("L").resize((width, height))
        pixels = np.asarray(image, dtype=np.float32).reshape(1, 1, height, width) / 255
        scores = session.run(None, {wanted.name: pixels})[0][0]
        print(path.name, int(np.argmax(scores)))


if __name__ == "__main__":
    main()
