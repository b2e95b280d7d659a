"""MediaPipe Tasks' ImageClassifier; it resizes by itself and has no setting for threads.

It takes RGB only, so its model has the same network behind the mean of three channels.

python with_mediapipe.py MODEL.tflite PICTURE|FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import mediapipe as mp
import numpy as np
from mediapipe.tasks import python as tasks
from mediapipe.tasks.python import vision
from PIL import Image


def main() -> None:
    options = vision.ImageClassifierOptions(
        base_options=tasks.BaseOptions(model_asset_path=sys.argv[1]), max_results=1
    )
    source = Path(sys.argv[2])
    with vision.ImageClassifier.create_from_options(options) as classifier:
        for path in sorted(source.iterdir()) if source.is_dir() else [source]:
            pixels = np.asarray(Image.open(path).convert("RGB"))
            image = mp.Image(image_format=mp.ImageFormat.SRGB, data=pixels)
            best = classifier.classify(image).classifications[0].categories[0]
            print(path.name, best.category_name)


if __name__ == "__main__":
    main()
