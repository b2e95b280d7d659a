"""Test pictures inside a page: small ones as they are, photos shrunk, all as data URIs."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.errors import FrameError
from export.report.analysis import Opinion
from export.report.wording import percent
from train.samples import PictureFiles, Samples

MOST = 24
"""Pictures of one kind in a page."""
LARGEST_PX = 128
"""Longer side of what is shown; larger frames are shrunk to it."""
SHARP_PX = 64
"""Up to this side a picture's own pixels are shown."""


@dataclass(frozen=True)
class Card:
    """One picture and what the models call it."""

    name: str
    image: str
    """Data URI; empty when the file cannot be read any more."""
    is_sharp: bool
    truth: str
    floats: str
    """Label and score."""
    ours: str


@dataclass(frozen=True)
class Gallery:
    """Pictures of one kind, those on which the candidate is most sure first."""

    title: str
    cards: tuple[Card, ...]
    count: int
    """Of all, shown or not."""


def gallery(
    title: str,
    indices: Sequence[int],
    test: Samples,
    labels: Sequence[str],
    opinions: tuple[Opinion, Opinion],
) -> Gallery:
    """The first MOST of the test pictures at `indices`, surest answers first.

    opinions: the float model's and the candidate's.
    """
    floats, ours = opinions
    sureness = np.nan_to_num(ours.scores)
    ordered = sorted(indices, key=lambda index: (-sureness[index], index))
    cards = []
    for index in ordered[:MOST]:
        image, is_sharp = _shown(test, index)
        cards.append(
            Card(
                name=_name(test, index),
                image=image,
                is_sharp=is_sharp,
                truth=labels[int(test.targets[index])],
                floats=_said(floats, index, labels),
                ours=_said(ours, index, labels),
            )
        )
    return Gallery(title, tuple(cards), len(ordered))


def data_uri(frame: NDArray[np.uint8]) -> str:
    """A frame, uint8 (H, W) or (H, W, 3), as a PNG when small and as a JPEG when it was shrunk."""
    from PIL import Image

    picture = Image.fromarray(frame)
    buffer = io.BytesIO()
    if max(picture.size) <= SHARP_PX:
        kind = "png"
        picture.save(buffer, "PNG", optimize=True)
    else:
        kind = "jpeg"  # a photo as a PNG is five times as large
        picture.thumbnail((LARGEST_PX, LARGEST_PX))
        picture.save(buffer, "JPEG", quality=80)
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _shown(test: Samples, index: int) -> tuple[str, bool]:
    try:
        frame = test.frames[index]
    except FrameError:  # the file was moved since it was measured
        return "", False
    return data_uri(frame), max(frame.shape[:2]) <= SHARP_PX


def _name(test: Samples, index: int) -> str:
    if isinstance(test.frames, PictureFiles):
        path = test.frames.paths[index]
        return f"{path.parent.name}/{path.name}"
    return f"#{index}"


def _said(opinion: Opinion, index: int, labels: Sequence[str]) -> str:
    answer = int(opinion.answers[index])
    if answer < 0:
        return "unknown"
    score = percent(float(opinion.scores[index]), 0)
    return f"{labels[answer]} {score}".replace(" %", "\u00a0%")  # number and sign stay together
