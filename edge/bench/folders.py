"""Folders of drawn pictures, and how fast `classify` takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from edge.bench.children import classify_command, run_once
from edge.bench.document import FolderTimes
from edge.bench.drawing import CAMERA_SIZES, camera_frame, ready_pictures, to_jpeg, to_png
from edge.contract import Input

DRAWN_READY, DRAWN_CAMERA = 64, 8
"""Different pictures; they come again until the folder is full."""
MOST_READY, MOST_CAMERA = 4_000, 400
"""Of a folder: 16 MB of the disk, and 40 MB."""
LEAST = 8
DECODE_MS = 0.1
"""Least time of one picture besides its classification."""


@dataclass(frozen=True)
class Folder:
    """Pictures of one kind."""

    path: Path
    what: str
    format: str
    width: int
    height: int
    pictures: int


def write_folders(
    parent: Path, spec: Input, target_s: float, ready_ms: float, camera_ms: float
) -> list[Folder]:
    """One of PNG files of the model's own size, one of JPEG photos.

    target_s: how long one of them is to take, roughly.
    ready_ms, camera_ms: how long one frame takes to classify.
    """
    width, height = CAMERA_SIZES[-1]
    ready = [to_png(frame) for frame in ready_pictures(spec, DRAWN_READY)]
    photos = [to_jpeg(camera_frame(spec, width, height, seed)) for seed in range(DRAWN_CAMERA)]
    counts = _count(target_s, ready_ms, MOST_READY), _count(target_s, camera_ms, MOST_CAMERA)
    return [
        Folder(
            _fill(parent / "ready", ".png", ready, counts[0]),
            *("ready", "PNG", spec.width, spec.height, counts[0]),
        ),
        Folder(
            _fill(parent / "camera", ".jpg", photos, counts[1]),
            *("camera", "JPEG", width, height, counts[1]),
        ),
    ]


def run_folder(folder: Folder, model: str, jobs: int | None) -> float:
    """Seconds that `classify` takes for it, from start to end."""
    options = [] if jobs is None else ["--jobs", str(jobs)]
    command = classify_command(str(folder.path), "--model", model, *options)
    return run_once(command).wall_ms / 1000


def folder_times(folder: Folder, whole_s: Sequence[float], start_s: float) -> FolderTimes:
    """start_s: how long a process takes that classifies one picture."""
    rates = [(folder.pictures - 1) / max(one - start_s, one / 100) for one in whole_s]
    return FolderTimes(
        what=folder.what,
        format=folder.format,
        width=folder.width,
        height=folder.height,
        pictures=folder.pictures,
        whole_s=tuple(round(one, 3) for one in whole_s),
        pictures_per_s=round(median(rates), 2),
        round_pictures_per_s=tuple(round(rate, 2) for rate in rates),
    )


def _count(target_s: float, each_ms: float, most: int) -> int:
    return max(LEAST, min(most, round(1000 * target_s / (each_ms + DECODE_MS))))


def _fill(folder: Path, suffix: str, pictures: Sequence[bytes], count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:05}{suffix}").write_bytes(pictures[number % len(pictures)])
    return folder
