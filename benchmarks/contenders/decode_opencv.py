"""A floor: OpenCV decodes, and nothing else is done. A film is read frame by frame.

python decode_opencv.py PICTURE|FOLDER|FILM
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2


def main() -> None:
    source = Path(sys.argv[1])
    if source.suffix == ".avi":
        film = cv2.VideoCapture(str(source))
        while film.read()[0]:
            pass
        return
    for path in sorted(source.iterdir()) if source.is_dir() else [source]:
        cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)


if __name__ == "__main__":
    main()
