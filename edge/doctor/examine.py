"""Everything that the doctor looks at, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edge.cameras.listing import find_cameras
from edge.device import read_health
from edge.doctor import cameras, disk, machine, models, python
from edge.doctor.check import Check


def examine(root: Path = Path("/")) -> Iterator[Check]:
    """Each finding as soon as it is there; takes seconds, most of them in children.

    root: where proc/, sys/, run/, usr/, var/, etc/ and dev/dma_heap are.
    """
    yield python.check_python(python.read_python())
    yield python.check_numpy(python.read_version("numpy"), python.read_runtimes())
    yield python.check_runtime(python.try_runtime())
    yield python.check_opencv(*python.try_opencv())
    for extra in python.EXTRAS:
        yield python.check_extra(extra, python.read_extra(extra))
    yield from models.examine_models(root)
    health = read_health(root)
    found = find_cameras()
    yield cameras.check_cameras(found)
    yield cameras.check_access(cameras.read_access(root))
    yield cameras.check_picamera2(found, cameras.read_environment(root), health.board)
    yield machine.check_cores(machine.read_cores(root))
    yield machine.check_temperature(health)
    yield machine.check_throttling(health)
    yield machine.check_clock(machine.read_clock(root))
    yield machine.check_memory(machine.read_available_mb(root))
    yield from disk.check_disks(disk.read_disks(root))
