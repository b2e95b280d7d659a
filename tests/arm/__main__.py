"""`make test-arm`: the built wheel on emulated ARM boards, compared with this machine.

    python -m tests.arm [--fresh] [--json] --wheel dist/edgeproof-*.whl --models dist/optdigits

On each board: `verify`, `doctor`, `classify`, and the raw outputs of every variant for several
hundred pictures. Exits with 1 when anything differs by more than its bound, 4 when a board cannot
be brought up. Emulated: results are the device's, times are not.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from edge.errors import EnvironmentFault
from tests.arm.compare import Row
from tests.arm.emulate import BUILD, emulators
from tests.arm.examine import Examined, Task, examine
from tests.arm.machines import MACHINES
from tests.arm.pictures import make_pictures

COLUMNS = "{:<14}{:<20}{:<9}{:>9}{:>7}{:>8}{:>6}  {}"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.arm")
    parser.add_argument("--wheel", type=Path, required=True)
    parser.add_argument("--models", type=Path, required=True, help="a folder of bundles")
    parser.add_argument("--fresh", action="store_true", help="from nothing: cached boards go")
    parser.add_argument("--json", action="store_true", dest="as_json")
    asked = parser.parse_args(arguments)
    try:
        if asked.fresh:
            shutil.rmtree(BUILD, ignore_errors=True)
        examined = run(asked.wheel.resolve(), asked.models.resolve())
    except EnvironmentFault as error:
        print(f"test-arm: error: {error}", file=sys.stderr)
        return 4
    if asked.as_json:
        print(json.dumps([asdict(one) for one in examined], indent=1))
    else:
        show(examined)
    faults = [f"{one.machine}: {fault}" for one in examined for fault in one.faults()]
    for fault in faults:
        print(f"test-arm: NOT THE SAME: {fault}", file=sys.stderr)
    return 1 if faults else 0


def run(wheel: Path, models: Path) -> list[Examined]:
    """Examines all machines side by side: there are as many cores."""
    bundles = sorted(models.glob("*.tflite"))
    if not bundles or not wheel.is_file():
        raise EnvironmentFault(f"expected {wheel} and bundles in {models}: make wheel export")
    emulators()  # once for all, before the boards come up side by side
    with (
        tempfile.TemporaryDirectory(prefix="test-arm-") as scratch,
        ThreadPoolExecutor(len(MACHINES) + 1) as pool,
    ):
        task = Task(wheel, tuple(bundles), Path(scratch))
        pictures = pool.submit(make_pictures, task.pictures)
        return list(pool.map(lambda board: examine(board, task, pictures.result), MACHINES))


def show(examined: Sequence[Examined]) -> None:
    """The table: what differs, and by how much."""
    print(COLUMNS.format("", "model", "kernels", "pictures", "moved", "labels", "rows", "largest"))
    for one in examined:
        for row in one.rows:
            print(_line(one.machine, row))
    for one in examined:
        print(
            f"\n{one.machine} ({one.board}, emulated): {one.runtime} on Python {one.python}, NumPy "
            f"{one.numpy}\n  verify: {one.verified}\n  classify: {one.classified}\n"
            f"  installed: {sum(one.sizes_mb.values()):.0f} MB, "
            + ", ".join(f"{name} {size:.0f}" for name, size in list(one.sizes_mb.items())[:5])
        )


def _line(machine: str, row: Row) -> str:
    largest = f"{row.largest:.3g} {row.unit} (allowed {row.allowed:.3g})" if row.pictures else ""
    return COLUMNS.format(
        machine, row.model, row.kernels, row.pictures, row.moved, row.labels, row.rows, largest
    )


if __name__ == "__main__":
    sys.exit(main())
