"""OpenCV alone: its decoder, its resize and its DNN module, one thread.

python with_opencv.py MODEL.tflite PICTURE|FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

SIDE = 28


def main() -> None:
    cv2.setNumThreads(1)
    net = cv2.dnn.readNetFromTFLite(sys.argv[1])
    source = Path(sys.argv[2])
    for path in sorted(source.iterdir()) if source.is_dir() else [source]:
        gray = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if gray is None:
            sys.exit(f"{path}: cannot be read")
        net.setInput(cv2.dnn.blobFromImage(gray, 1 / 255, (SIDE, SIDE)))
        print(path.name, int(np.argmax(net.forward()[0])))


if __name__ == "__main__":
    main()
