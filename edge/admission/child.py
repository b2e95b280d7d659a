"""The child in which a model is tried. What it finds is one JSON object, its last line on stdout.

python -m edge.admission.child RUNTIME     reads a bundle from stdin; RUNTIME may be empty
"""

from __future__ import annotations

import json
import sys
from typing import Any

from edge import process
from edge.errors import EdgeproofError
from edge.startup import start_lean

ENOUGH_S = 20.0
"""After that it answers no more frames: a slow model is tried with fewer."""
DRAWN = 8
"""Frames for a bundle that has no golden ones."""


def _try(data: bytes, runtime: str | None) -> dict[str, Any]:
    from dataclasses import replace

    from edge.bundle import Golden, parse_bundle
    from edge.classifier import Classifier
    from edge.selftest import answer_frames, compare

    bundle = parse_bundle(data, "the model")
    if bundle.golden is None:
        from edge.golden import draw_frames

        bundle = replace(bundle, golden=Golden(draw_frames(bundle.contract.input, count=DRAWN), {}))
    assert bundle.golden is not None
    with Classifier(bundle, runtime=runtime) as classifier:
        raw = answer_frames(classifier, bundle.golden.frames, ENOUGH_S)
        if bundle.golden.outputs:
            compare(classifier, bundle.golden, raw)
        return {"runtime": classifier.runtime, "outputs": raw.tolist(), "dtype": raw.dtype.name}


def _main(runtime: str) -> None:
    process.belong_to_parent()
    start_lean()
    data = sys.stdin.buffer.read()
    from edge.admission.limits import limit

    address_bytes = limit(len(data))
    try:
        found = _try(data, runtime or None)
    except EdgeproofError as error:
        found = {"error": str(error), "kind": type(error).__name__}
    except MemoryError:
        found = {"error": f"it asks for more than {address_bytes >> 20} MB of memory"}
    print(json.dumps(found))


if __name__ == "__main__":
    _main(sys.argv[1])
