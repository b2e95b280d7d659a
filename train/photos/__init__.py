"""Your own pictures: a folder whose folders are the classes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge.errors import UsageError
from train.photos.rules import PHOTO, SIDE
from train.samples import Dataset, PictureFiles, Samples

if TYPE_CHECKING:
    from train.photos.report import Report

__all__ = ["PHOTO", "SIDE", "load_folder"]


def load_folder(folder: Path) -> Dataset:
    """A data set from `folder/CLASS/picture.jpg`, or `folder/{train,test}/CLASS/picture.jpg`.

    Labels are the class folders' names, sorted. Without train/ and test/ a seeded, stratified
    fifth is set apart; near copies stay on one side. What cannot be used is left out and summed
    up on stderr. The same files give the same data set, whatever the file system's order.

    Raises:
        UsageError: fewer than two classes, or a class with too few readable pictures.
    """
    from train.photos.scan import scan_folder
    from train.photos.text import summary

    report = scan_folder(folder)
    for line in summary(report):
        print(line, file=sys.stderr)
    if report.problem is not None:
        raise UsageError(report.problem)
    everything = _samples(report)
    train, test = (
        everything.take(np.flatnonzero(report.is_test == side)) for side in (False, True)
    )
    return Dataset(folder.resolve().name, report.labels, PHOTO, train, test)


def _samples(report: Report) -> Samples:
    used = [report.pictures[index] for index in report.kept]
    files = PictureFiles(
        tuple(report.folder / picture.path for picture in used),
        tuple(picture.facts.digest for picture in used),
    )
    return Samples(files, report.targets(), report.groups)
