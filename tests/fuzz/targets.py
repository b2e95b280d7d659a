"""What is fuzzed: one call reads one input, and comes back whatever the input is.

Anything that these raise is a finding. No interpreter is made here: a damaged model kills it.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from edge.admission.agreement import check_agreement
from edge.adopt import adoption
from edge.adopt.attached import split_attached
from edge.adopt.metadata import read_metadata
from edge.adopt.statement import Statement
from edge.bundle import Bundle, pack_bundle, parse_bundle, seal_of
from edge.contract import Contract
from edge.errors import FrameError, ModelError, UsageError
from edge.sources import picture
from edge.sources.extent import Broken, Incomplete, Stream, find_end
from edge.sources.picture import Picture, decode_picture
from edge.sources.png import decode_plain_png
from edge.tflite.structure import read_structure

MAX_PIXELS = 250_000
"""Instead of 64 million, for speed: the check is the same one."""
WAYS: tuple[tuple[int | None, int | None], ...] = ((None, None), (16, None), (64, 8), (None, 8))
"""Side and draft that a picture is asked for, by its checksum."""


class Finding(AssertionError):
    """An answer that must not be."""


def read_picture_bytes(data: bytes) -> None:
    """A picture's bytes, as a file of them and as a stream."""
    side, draft = WAYS[zlib.crc32(data) % len(WAYS)]
    with mock.patch.object(picture, "MAX_PIXELS", MAX_PIXELS):
        try:
            found = decode_picture(data, "fuzz", side, draft)
        except FrameError as error:
            _check_words(error)
        else:
            _check_pixels(found)
            _read_in_full(found)
        _compare_plain(data)
    try:
        end = find_end(Stream(io.BytesIO(data), 1 << 20))
        _insist(0 < end <= len(data), f"ends at {end} of {len(data)}")
    except (Broken, Incomplete):
        pass


def _read_in_full(draft: Picture) -> None:
    if draft.more is not None:
        try:
            _check_pixels(draft.more())
        except FrameError as error:
            _check_words(error)


def _check_pixels(found: Picture) -> None:
    pixels = found.pixels
    _insist(pixels.dtype == np.uint8, f"pixels of {pixels.dtype}")
    _insist(pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3), str(pixels.shape))
    _insist(0 < pixels.shape[0] * pixels.shape[1] <= MAX_PIXELS, str(pixels.shape))
    _insist(found.shrunk in (1, 2, 4, 8), f"shrunk by {found.shrunk}")


def _compare_plain(data: bytes) -> None:
    """The plain PNG reader sees what Pillow's sees, wherever it answers at all."""
    plain = decode_plain_png(data)
    if plain is not None:
        _insist(np.array_equal(plain, decode_picture(data, "fuzz").pixels), "other pixels")


def read_bundle_bytes(data: bytes) -> None:
    """A bundle's bytes, and the same as a model from elsewhere."""
    try:
        bundle = parse_bundle(data, "fuzz")
    except ModelError as error:
        _check_words(error)
    else:
        _read_inside(bundle)
        _insist(len(seal_of(data)) == 64, "a seal of another length")
    _read_foreign(data)


def _read_inside(bundle: Bundle) -> None:
    """What a bundle that was let in says of itself: it can be written, and reads the same."""
    contract = bundle.contract
    _insist(Contract.from_json(contract.to_json(), "again") == contract, "another contract")
    again = parse_bundle(pack_bundle(bundle), "again")
    _insist((again.labels, again.contract) == (bundle.labels, contract), "another bundle")
    try:
        check_agreement(bundle, "fuzz")
    except ModelError as error:
        _check_words(error)


def _read_foreign(data: bytes) -> None:
    """As `edgeproof adopt` does, up to where the model would be run."""
    try:
        structure = read_structure(split_attached(data, "fuzz")[0], "fuzz")
        read_metadata(structure.metadata, "fuzz")
    except ModelError as error:
        _check_words(error)
    stand_ins: dict[str, Any] = {"read_model_file": lambda _: data, "_try": _stop}
    with mock.patch.multiple(adoption, **stand_ins):
        for pixels in (None, "0..1"):
            try:
                adoption.adopt(Path("fuzz.tflite"), Statement(pixels=pixels))
            except _Stop:
                pass
            except (ModelError, UsageError) as error:
                _check_words(error)


class _Stop(Exception):
    pass


def _stop(*_: object, **__: object) -> None:
    raise _Stop


def _check_words(error: Exception) -> None:
    """One line, and not a page long."""
    text = str(error)
    _insist(0 < len(text) < 1000 and "\n" not in text, f"not one line: {text[:200]!r}")


def _insist(is_so: bool, otherwise: str) -> None:
    if not is_so:
        raise Finding(otherwise)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "pictures": read_picture_bytes,
    "bundles": read_bundle_bytes,
}
