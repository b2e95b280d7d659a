"""Pictures from standard input: cut apart as they come, whatever the pieces they come in."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edge.sources import picture
from edge.sources.files import read_frames
from edge.sources.frame import Failure, Frame
from edge.sources.picture import decode


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def noise(seed: int, *shape: int) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, shape or (21, 33, 3), np.uint8)
    return Image.fromarray(pixels)


def with_thumbnail(seed: int) -> bytes:
    """A JPEG whose EXIF holds a whole smaller JPEG, its end marker included."""
    thumbnail = encode(noise(99, 8, 8), "JPEG")
    block = b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0" + thumbnail
    data = encode(noise(seed), "JPEG")
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + data[2:]


PICTURES = {
    "jpeg": encode(noise(0), "JPEG"),
    "jpeg-thumbnail": with_thumbnail(1),
    "jpeg-progressive": encode(noise(2), "JPEG", progressive=True),
    "jpeg-restarts": encode(noise(3), "JPEG", restart_marker_blocks=1),
    "jpeg-gray": encode(noise(4, 9, 9), "JPEG"),
    "jpeg-comment": encode(noise(5), "JPEG", comment=b"\xff\xd9\xff\xd8\xff"),
    "mpo": encode(noise(6), "MPO", save_all=True, append_images=[noise(7)]),
    "png": encode(noise(8), "PNG"),
    "png-gray": encode(noise(9, 5, 5), "PNG"),
    "bmp": encode(noise(10), "BMP"),
    "gif": encode(noise(11), "GIF"),
    "gif-film": encode(noise(12), "GIF", save_all=True, append_images=[noise(13)], comment=b"a;b"),
    "webp": encode(noise(14), "WEBP"),
    "webp-lossless": encode(noise(15), "WEBP", lossless=True),
    "pbm": b"P4\n# a comment P4\n9 2\n" + bytes([0xAA, 0x80, 0x55, 0]),
    "pgm": encode(noise(16, 6, 7), "PPM"),
    "pgm-16": b"P5 2 1 65535\n" + struct.pack(">2H", 257 * 7, 65535),
    "ppm": encode(noise(17), "PPM"),
}
LAST = {
    "tiff": encode(noise(18), "TIFF"),
    "pgm-words": b"P2\n3 1\n255\n7 8 9\n",
}


class Pieces(io.RawIOBase):
    """A stream that gives a few bytes at a time, as a pipe may."""

    def __init__(self, data: bytes, size: int) -> None:
        self._data, self._size = io.BytesIO(data), size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        part = self._data.read(min(self._size, len(buffer)))
        buffer[: len(part)] = part
        return len(part)


class Stdin:
    def __init__(self, data: bytes, size: int) -> None:
        self.buffer = io.BufferedReader(Pieces(data, size), buffer_size=1)


def read(data: bytes, monkeypatch: pytest.MonkeyPatch, size: int = 10_000) -> list[Frame | Failure]:
    monkeypatch.setattr(sys, "stdin", Stdin(data, size))
    return list(read_frames(["-"]))


def pixels(items: list[Frame | Failure]) -> list[NDArray[np.uint8]]:
    assert not [str(item.error) for item in items if isinstance(item, Failure)]
    return [item.rgb for item in items if isinstance(item, Frame)]


def assert_same(items: list[Frame | Failure], data: list[bytes]) -> None:
    found = pixels(items)
    assert len(found) == len(data)
    for one, other in zip(found, data, strict=True):
        assert np.array_equal(one, decode(other, "x"))


@pytest.mark.parametrize("kind", [*PICTURES, *LAST])
def test_one_picture_is_named_by_a_dash(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = {**PICTURES, **LAST}[kind]
    items = read(data, monkeypatch)
    assert_same(items, [data])
    assert [item.source for item in items] == ["-"]


@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize(
    "kinds",
    [
        ["jpeg", "jpeg-thumbnail", "jpeg-progressive"],
        ["png", "png-gray", "png"],
        list(PICTURES),
        [*reversed(PICTURES), "tiff"],
        ["bmp", "pgm-words"],
    ],
    ids=["jpegs", "pngs", "all", "tiff-last", "words-last"],
)
def test_pictures_behind_each_other_are_cut_apart(
    kinds: list[str], size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = [{**PICTURES, **LAST}[kind] for kind in kinds]
    items = read(b"".join(data), monkeypatch, size)
    assert_same(items, data)
    assert [item.source for item in items] == ["-", *(f"-#{n}" for n in range(1, len(data)))]


def test_list_of_further_pictures_that_is_wrong_is_not_believed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Programs that shorten a phone's JPEG leave the list in it, of what is no longer there."""
    data = PICTURES["mpo"]
    where = data.index(b"MPF\0")
    alone = data[: data.index(b"\xff\xd9", where) + 2]
    assert_same(read(alone + PICTURES["png"], monkeypatch), [alone, PICTURES["png"]])
    monkeypatch.setattr(picture, "MAX_BYTES", len(alone) + 100)
    assert_same(read(alone + PICTURES["png"], monkeypatch), [alone, PICTURES["png"]])


def test_bytes_changed_at_random_give_frames_or_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    data = np.frombuffer(b"".join([*PICTURES.values(), LAST["tiff"]]), np.uint8)
    frames = 0
    for _ in range(30):
        mutant = data.copy()
        places = rng.integers(0, len(data), 40)
        mutant[places] = rng.integers(0, 256, 40)
        items = read(mutant.tobytes(), monkeypatch)
        frames += sum(isinstance(item, Frame) for item in items)
    assert frames > 100


def test_padding_between_pictures_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    data = [PICTURES["jpeg"], PICTURES["png"]]
    assert_same(read(bytes(500).join(data) + b"\r\n", monkeypatch), data)


@pytest.mark.parametrize("size", [3, 100_000])
@pytest.mark.parametrize("kind", list(PICTURES))
def test_garbage_is_one_error_and_the_next_jpeg_or_png_is_found(
    kind: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    garbage = b"HTTP/1.1 200 OK " * 900
    data = [PICTURES[kind], PICTURES["png"], PICTURES["jpeg"]]
    items = read(garbage.join(data), monkeypatch, size)
    assert [type(item) for item in items] == [Frame, Failure, Frame, Failure, Frame]
    assert [item.source for item in items] == ["-", "-#1", "-#2", "-#3", "-#4"]
    assert_same(items[::2], data)
    error = items[1]
    assert isinstance(error, Failure)
    assert error.error.kind == "not-a-picture"
    assert str(error.error) == (
        f"-#1: expected one of JPEG, PNG, BMP, GIF, PPM, WEBP, TIFF at byte {len(data[0])} of "
        "stdin, got something else"
    )


@pytest.mark.parametrize("kind", ["jpeg", "jpeg-thumbnail", "jpeg-progressive"])
def test_jpeg_cut_short_does_not_take_the_next_one_with_it(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = PICTURES["jpeg-gray"]
    start = PICTURES[kind].rfind(b"\xff\xdb")  # within what stands before it, the end is unclear
    for length in range(start, len(PICTURES[kind]) - 1):
        cut, good = read(PICTURES[kind][:length] + whole, monkeypatch)
        assert isinstance(cut, Failure)
        assert cut.error.kind == "damaged-picture"
        assert_same([good], [whole])


def test_picture_cut_short_by_the_end_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("jpeg", "png", "bmp", "webp", "ppm", "tiff"):
        data = {**PICTURES, **LAST}[kind]
        good, cut = read(PICTURES["jpeg"] + data[: len(data) // 2], monkeypatch)
        assert isinstance(good, Frame)
        assert isinstance(cut, Failure), kind
        assert cut.error.kind == "damaged-picture", kind
        assert str(cut.error).startswith("-#1: ")


def test_damaged_png_is_one_error_and_the_next_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    png = bytearray(PICTURES["png"])
    png[33:37] = (len(png) - 70).to_bytes(4, "big")  # its data is said to be shorter than it is
    cut, good = read(bytes(png) + PICTURES["jpeg"], monkeypatch)
    assert isinstance(cut, Failure)
    assert cut.error.kind == "damaged-picture"
    assert_same([good], [PICTURES["jpeg"]])


def test_empty_stdin_is_one_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    for data in (b"", b"\n\n"):
        (item,) = read(data, monkeypatch)
        assert isinstance(item, Failure)
        assert (item.source, item.error.kind) == ("-", "empty-file")
    monkeypatch.setattr(sys, "stdin", None)
    assert len(list(read_frames(["-"]))) == 1


def test_no_more_than_the_largest_picture_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "MAX_BYTES", 100_000)
    endless = PICTURES["jpeg"][:-2] + b"\x11" * 1_000_000
    large, good = read(endless + PICTURES["png"], monkeypatch)
    assert isinstance(large, Failure)
    assert large.error.kind == "too-large"
    assert str(large.error).startswith("-: expected at most 100000 bytes a picture, got more")
    assert_same([good], [PICTURES["png"]])


def test_each_picture_is_read_as_soon_as_it_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    class Live:
        """Gives one picture, and fails if more is asked for before the first was taken."""

        def __init__(self) -> None:
            self.parts: Iterator[bytes] = iter([PICTURES["jpeg"], PICTURES["png"]])
            self.asked = 0

        def read1(self, _: int) -> bytes:
            self.asked += 1
            return next(self.parts, b"")

    live = Live()
    monkeypatch.setattr(sys, "stdin", type("Stdin", (), {"buffer": live}))
    frames = read_frames(["-"])
    assert isinstance(next(frames), Frame)
    assert live.asked == 1
    assert isinstance(next(frames), Frame)
    assert live.asked == 2


def test_command_classifies_what_is_piped_into_it() -> None:
    from tests.drawing import on_paper

    data = b"".join(encode(Image.fromarray(on_paper(digit)), "JPEG", quality=95) for digit in "74")
    command = [sys.executable, "-m", "edge", "classify", "-", "--format", "jsonl"]
    done = subprocess.run(command, input=data, capture_output=True, check=True)
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(record["source"], record["label"]) for record in records] == [("-", "7"), ("-#1", "4")]
    assert done.stderr == b""
