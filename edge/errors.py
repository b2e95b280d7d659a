"""The errors of edgeproof: what a caller can catch, and the exit code that each becomes.

    EdgeproofError
    |-- UsageError         2   a wrong word on the command line, a folder that is not a data set
    |-- FrameError         1   one frame cannot be read or holds nothing; the run goes on
    |   `-- NothingFound       the frame is readable and nothing stands out of its background
    |-- GateFailed         3   a candidate is worse than the policy allows
    |-- ModelError         4   a bundle or a Keras model cannot be used
    |-- DataUnavailable    4   a data set cannot be had, or its content is not the published one
    |-- CameraError        4   a camera cannot be opened, or gives no more; watching opens it again
    `-- EnvironmentFault   4   no TFLite runtime, a missing extra, a NumPy that does not fit

A message says what was expected, what came, where, and what to do, in one line.
"""

from __future__ import annotations


class EdgeproofError(Exception):
    """Base of all errors that edgeproof raises on purpose."""

    exit_code = 1


class UsageError(EdgeproofError):
    """The request itself is wrong."""

    exit_code = 2


class FrameError(EdgeproofError):
    """One input cannot be turned into a frame, or a frame cannot be classified.

    `kind` is a stable word for machines: `not-found`, `no-permission`, `unreachable`,
    `empty-file`, `empty-folder`, `no-match`, `not-a-picture`, `damaged-picture`, `not-a-video`,
    `damaged-video`, `needs-opencv`, `too-large`, `unsupported-frame`, `nothing-found`,
    `bad-output`, `no-memory`, `decoder-died`, `decoder-timeout`, `internal`.
    """

    exit_code = 1

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class NothingFound(FrameError):
    """The frame holds no ink and no object; `Classifier` answers `unknown` to it."""

    def __init__(self, message: str) -> None:
        super().__init__("nothing-found", message)


class CameraError(EdgeproofError):
    """A camera cannot be opened, or gives no more frames.

    is_final: opening it again will not help, such as for a film that is no film.
    """

    exit_code = 4

    def __init__(self, message: str, is_final: bool = False) -> None:
        super().__init__(message)
        self.is_final = is_final


class GateFailed(EdgeproofError):
    """At least one candidate does not meet the policy."""

    exit_code = 3


class ModelError(EdgeproofError):
    """A model file cannot be trusted or does not fit its own contract."""

    exit_code = 4


class DataUnavailable(EdgeproofError):
    """A data set is not here and cannot be downloaded, or is not what was published."""

    exit_code = 4


class EnvironmentFault(EdgeproofError):
    """Something that must be installed is missing or does not fit."""

    exit_code = 4
