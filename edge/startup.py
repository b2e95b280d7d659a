"""A quick start: what the command line spares its process, before NumPy is imported.

Nothing of this happens on `import edge`: a program that uses the library decides for itself.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType

SELDOM = frozenset({"fft", "ma", "polynomial", "random"})
"""Subpackages that NumPy 1 imports with itself, a fifth of its start; NumPy 2 imports them when
they are first used, and so does this."""


def start_lean() -> None:
    """Call it first: for a process that is to answer soon, and multiplies no large matrices."""
    # OpenBLAS starts a thread for each core when it is loaded, and here they would never work.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.meta_path.insert(0, _Later())
    gc.disable()  # imports make many objects that stay, which a collection looks at in vain


def settle() -> None:
    """Call it when all is loaded: what is there stays, and from here on garbage is collected."""
    gc.freeze()
    gc.enable()


class _Later:
    """Finds NumPy's seldom used subpackages so that they are loaded when they are first used."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package, _, rest = name.partition(".")
        if package != "numpy" or rest not in SELDOM:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = LazyLoader(spec.loader)
        return spec
