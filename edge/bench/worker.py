"""The process that measures models: a damaged one may kill it, and its memory is its own.

python -m edge.bench.worker      reads one JSON request, then a line for each round; answers each
with one line of JSON. It ends when its stdin does.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge import process
from edge.strict import from_dict

LEAST_SLICE_S = 0.005


@dataclass(frozen=True)
class Request:
    """What to measure."""

    models: tuple[str, ...]
    """Paths."""
    threads: tuple[int, ...]
    round_s: float
    """Of one round over all cases, if their slices do not become too short."""
    rounds: int


def answer(**values: Any) -> None:
    print(json.dumps(values, allow_nan=False), flush=True)


def main() -> None:
    process.belong_to_parent()
    request = from_dict(Request, json.loads(sys.stdin.readline()), "request")
    from edge.bench.subjects import Subject, open_subject
    from edge.bench.timing import clock_step_ns
    from edge.errors import ModelError

    subjects: list[Subject] = []
    failures: list[dict[str, str]] = []
    for model in request.models:
        path = Path(model)
        try:
            found = open_subject(path, request.threads, has_camera=not subjects)
            subjects.append(found)
        except ModelError as error:
            failures.append({"file": path.name, "problem": " ".join(str(error).split())})
    answer(opened=[str(subject.path) for subject in subjects], failures=failures)
    cases = [case for subject in subjects for case in subject.cases]
    step_ns, weights = clock_step_ns(), sum(case.weight for case in cases)
    for _ in range(request.rounds):
        if not sys.stdin.readline():
            return
        for case in cases:
            slice_s = request.round_s * case.weight / weights
            case.measure(max(slice_s, LEAST_SLICE_S), step_ns)
        answer(measured=True)
    answer(models=[asdict(subject.times()) for subject in subjects], clock_step_ns=step_ns)


def run() -> None:
    from edge.errors import EdgeproofError

    try:
        main()
    except EdgeproofError as error:
        answer(error=" ".join(str(error).split()))


if __name__ == "__main__":
    run()
