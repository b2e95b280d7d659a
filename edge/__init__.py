"""The edge runtime: frames to labels with a TFLite runtime, NumPy and Pillow alone.

from edge import Classifier

with Classifier.load("digits") as classifier:
    print(classifier.classify("photo.jpg").label)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge.classifier import Classifier, Result, Score
    from edge.errors import EdgeproofError

__all__ = ["Classifier", "EdgeproofError", "Result", "Score"]

_HOMES = {
    "Classifier": "edge.classifier",
    "Result": "edge.classifier",
    "Score": "edge.classifier",
    "EdgeproofError": "edge.errors",
}


def __getattr__(name: str) -> object:
    # Loaded when first used (PEP 562), so that `import edge` and `edgeproof --help` are instant.
    if name not in _HOMES:
        raise AttributeError(f"module 'edge' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
