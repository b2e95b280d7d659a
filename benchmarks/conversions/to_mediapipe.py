"""A .tflite with RGB input -> the same with the metadata that MediaPipe Tasks asks for.

python to_mediapipe.py MODEL.tflite OUT.tflite
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

DIGITS = [str(digit) for digit in range(10)]


def main() -> None:
    fill_gap()
    from mediapipe.tasks.python.metadata.metadata_writers import image_classifier, metadata_writer

    model = bytearray(Path(sys.argv[1]).read_bytes())
    labels = metadata_writer.Labels().add(DIGITS)
    writer = image_classifier.MetadataWriter.create(model, [0.0], [255.0], labels)
    Path(sys.argv[2]).write_bytes(writer.populate()[0])


def fill_gap() -> None:
    """MediaPipe 1.2's wheel lacks a native module of which its metadata writer calls one function.

    It tells the least version of a parser; what is written here was there in the first.
    """
    package = "mediapipe.tasks.cc.metadata.python"
    names = [".".join(package.split(".")[:depth]) for depth in (3, 4, 5)]
    sys.modules.update({name: ModuleType(name) for name in names})
    missing = ModuleType(f"{package}._pywrap_metadata_version")
    missing.GetMinimumMetadataParserVersion = lambda metadata: "1.0.0"  # type: ignore[attr-defined]
    sys.modules[package]._pywrap_metadata_version = missing  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
