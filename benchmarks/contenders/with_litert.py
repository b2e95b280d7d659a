"""The plain script with LiteRT, the same interpreter under its new name.

python with_litert.py MODEL.tflite PICTURE|FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image


def main() -> None:
    interpreter = Interpreter(model_path=sys.argv[1])
    interpreter.allocate_tensors()
    input_details = interpreter.get_input_details()[0]
    output_details = interpreter.get_output_details()[0]
    _, height, width, _ = input_details["shape"]
    source = Path(sys.argv[2])
    for path in sorted(source.iterdir()) if source.is_dir() else [source]:
        image = Image.open(path).convert("L").resize((width, height))
        pixels = np.asarray(image, dtype=np.float32).reshape(1, height, width, 1) / 255
        interpreter.set_tensor(input_details["index"], pixels)
        interpreter.invoke()
        scores = interpreter.get_tensor(output_details["index"])[0]
        print(path.name, int(np.argmax(scores)))


if __name__ == "__main__":
    main()
