"""The end of `make lock`: fetches every wheel that a device may get, and lists their sums.

python -m deploy.lock WHEEL     WHEEL is edgeproof's own, which says what it needs
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from deploy.fetch import fetch_with_pip
from deploy.sums import SUMS, sum_of
from deploy.wheels import (
    DEVICE_EXTRAS,
    PIP,
    Target,
    gather,
    one_wheel,
    read_constraints,
)
from edge.errors import EdgeproofError
from edge.files import write_atomic

ROOT = Path(__file__).parent.parent
TARGETS = [
    Target(machine, python)
    for machine in ("aarch64", "x86_64")
    for python in ((3, 11), (3, 12), (3, 13))
]


def list_wheels(wheel: Path, constraints: str) -> str:
    """Lines as `sha256sum` writes them. Each target starts from an empty folder: what another one
    takes may fit as well, and would hide what fits better."""
    sums: dict[str, str] = {}
    for target in TARGETS:
        pins = read_constraints(constraints, target)
        with tempfile.TemporaryDirectory(prefix="edgeproof-lock-") as folder:
            cache = Path(folder)
            found = gather(wheel, DEVICE_EXTRAS, target, pins, cache, fetch_with_pip)
            found.append(one_wheel("pip", PIP, target, cache, fetch_with_pip))
            sums |= {path.name: sum_of(path) for path in found}
    return "".join(f"{sums[name]}  {name}\n" for name in sorted(sums))


if __name__ == "__main__":
    try:
        text = list_wheels(Path(sys.argv[1]), (ROOT / "constraints.txt").read_text())
        write_atomic(SUMS, text.encode())
    except EdgeproofError as error:
        print(f"deploy.lock: error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
