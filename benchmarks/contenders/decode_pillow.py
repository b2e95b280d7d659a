"""A floor: Pillow decodes, and nothing else is done.

python decode_pillow.py PICTURE|FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image


def main() -> None:
    source = Path(sys.argv[1])
    for path in sorted(source.iterdir()) if source.is_dir() else [source]:
        Image.open(path).convert("L")


if __name__ == "__main__":
    main()
