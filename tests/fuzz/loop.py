"""One target in a loop, in a process of its own that may be killed by it; started by `tests.fuzz`.

    python -m tests.fuzz.loop TARGET FOLDER SEED [OPTION OF LIBFUZZER]...

A finding is written to FOLDER/findings, once for each place that it comes from, and the loop goes
on; what kills the process, or holds it up, libFuzzer writes there itself.
"""

from __future__ import annotations

import hashlib
import os
import random
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

ALLOWED_IN = ("edge", "PIL")
"""Packages whose coverage leads the way. Decoders in C are run, and not looked into."""
MOST_BYTES = {"pictures": 6_000, "bundles": 30_000}


class Collected:
    """A target whose findings are kept, each once."""

    def __init__(self, target: Callable[[bytes], None], folder: Path) -> None:
        self._target, self._folder = target, folder

    def __call__(self, data: bytes) -> None:
        """One input."""
        try:
            self._target(data)
        except Exception as error:
            self._keep(data, error)

    def _keep(self, data: bytes, error: Exception) -> None:
        lines = traceback.format_exception(error)
        frames = traceback.extract_tb(error.__traceback__)[-3:]
        place = repr([type(error).__name__, *((one.filename, one.lineno) for one in frames)])
        name = hashlib.sha256(place.encode()).hexdigest()[:12]
        if not (self._folder / f"{name}.txt").exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / f"{name}.bin").write_bytes(data)
            (self._folder / f"{name}.txt").write_text("".join(lines))


def main(arguments: Sequence[str]) -> None:
    """Never returns where libFuzzer is; the plain loop does."""
    name, folder, seed, *options = arguments
    if os.environ.get("EDGEPROOF_FUZZ") == "plain":
        _run_plain(name, Path(folder), int(seed), int(options[0]))
    else:
        _run_guided(name, Path(folder), int(seed), options)


def _run_guided(name: str, folder: Path, seed: int, options: Sequence[str]) -> None:
    import atheris

    with atheris.instrument_imports(include=list(ALLOWED_IN)):
        import PIL.ImageFile
        from PIL import Image

        import edge.sources.color
        from tests.fuzz.mutate import MUTATORS
        from tests.fuzz.targets import TARGETS

        Image.init()  # all plugins; which of them are used, `edge` decides
    assert PIL.ImageFile
    assert edge.sources.color
    target, change = Collected(TARGETS[name], folder / "findings"), MUTATORS[name]

    def mutate(data: bytes, most: int, number: int) -> bytes:
        try:
            changed = change(data, most, random.Random(number), atheris.Mutate)
        except Exception:  # such as an entry's name that zipfile reads and does not write
            return atheris.Mutate(data, most)
        return changed if len(changed) <= most else atheris.Mutate(data, most)

    given = [sys.argv[0], f"-seed={seed}", f"-max_len={MOST_BYTES[name]}", *options]
    atheris.Setup(given, target, custom_mutator=mutate)
    atheris.Fuzz()


def _run_plain(name: str, folder: Path, seed: int, runs: int) -> None:
    """Without coverage: each input is made of a seed."""
    from tests.fuzz.mutate import MUTATORS, havoc
    from tests.fuzz.seeds import seeds
    from tests.fuzz.targets import TARGETS

    target, change = Collected(TARGETS[name], folder / "findings"), MUTATORS[name]
    given = list(seeds(name).values())
    for number in range(runs):
        rng = random.Random(seed * 1_000_003 + number)
        target(change(rng.choice(given), MOST_BYTES[name], rng, havoc(rng)))


if __name__ == "__main__":
    main(sys.argv[1:])
