"""A frame of which only a draft was decoded: it is decoded in full where that shows too little."""

from __future__ import annotations

from edge.classifier import Classifier, Result
from edge.sources.frame import Frame


def classify_frame(classifier: Classifier, frame: Frame, top: int = 3) -> tuple[Result, Frame]:
    """The answer to a frame, and the frame that its box is in: the draft, or the full one.

    Raises:
        FrameError: as `Classifier.classify`, or the picture cannot be decoded in full.
    """
    if frame.more is None:
        return classifier.classify(frame.rgb, top), frame
    result = classifier.glance(frame.rgb, top)
    if result is not None:
        return result, frame
    full = frame.more()
    return classifier.classify_closely(full.rgb, top), full
