"""Picture bytes to frames, and what stands in the place of those that are none."""

from __future__ import annotations

import io
import os
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge.errors import FrameError
from edge.sources import picture
from edge.sources.files import Failure, Frame, read_frames
from edge.sources.picture import decode, decode_file


def encode(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def test_gray_stays_gray_to_the_pixel() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (5, 7), dtype=np.uint8)
    assert np.array_equal(decode(encode(Image.fromarray(pixels)), "x"), pixels)


def test_rgb_order_is_kept() -> None:
    frame = decode(encode(Image.new("RGB", (2, 2), (10, 20, 30))), "x")
    assert frame[0, 0].tolist() == [10, 20, 30]


def test_exif_orientation_is_applied() -> None:
    pixels = np.zeros((8, 16), np.uint8)
    pixels[:, :8] = 255  # bright on the left; orientation 6: shown turned right, so on top
    exif = Image.Exif()
    exif[0x0112] = 6
    frame = decode(encode(Image.fromarray(pixels), "JPEG", exif=exif, quality=100), "x")
    assert frame.shape == (16, 8)
    assert frame[2].mean() > 200 > 50 > frame[13].mean()


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.new("RGBA", (2, 2), (0, 0, 0, 0)), [255, 255, 255]),
        (Image.new("RGBA", (2, 2), (200, 0, 0, 255)), [200, 0, 0]),
        (Image.new("LA", (2, 2), (0, 128)), [127, 127, 127]),
        (Image.new("P", (2, 2), 0), [0, 0, 0]),
        (Image.new("1", (2, 2), 1), 255),
        (Image.fromarray(np.full((2, 2), 257 * 90, np.uint16)), 90),
    ],
    ids=["transparent-is-white", "opaque", "half", "palette", "1-bit", "16-bit"],
)
def test_modes_become_8_bit_over_white(image: Image.Image, expected: object) -> None:
    assert decode(encode(image), "x")[0, 0].tolist() == expected


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "GIF", "PPM", "WEBP", "TIFF"])
def test_formats_are_known_by_content(kind: str) -> None:
    assert decode(encode(Image.new("RGB", (6, 4), (0, 0, 0)), kind), "x").shape[:2] == (4, 6)


def test_cmyk_jpeg_becomes_rgb() -> None:
    frame = decode(encode(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=100), "x")
    red, green, blue = frame[4, 4].tolist()
    assert red > 200 > 60 > max(green, blue)


PNG = encode(Image.fromarray(np.random.default_rng(0).integers(0, 256, (30, 30), np.uint8)))
JPEG = encode(
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (30, 30), np.uint8)), "JPEG"
)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "empty-file"),
        (b"these are words, not pixels", "not-a-picture"),
        (PNG[: len(PNG) // 2], "damaged-picture"),
        (PNG[:40], "not-a-picture"),
        (JPEG[: len(JPEG) // 2], "damaged-picture"),
        (JPEG[:20], "not-a-picture"),
    ],
    ids=["empty", "text", "half-png", "png-header", "half-jpeg", "jpeg-header"],
)
def test_bytes_that_are_no_picture_are_one_clear_error(data: bytes, kind: str) -> None:
    with pytest.raises(FrameError, match=r"^photo\.jpg: ") as caught:
        decode(data, "photo.jpg")
    assert caught.value.kind == kind
    assert "\n" not in str(caught.value)


def test_every_truncation_of_a_picture_is_an_error_or_a_frame() -> None:
    for data in (PNG, JPEG):
        for length in range(len(data)):
            try:
                decode(data[:length], "x")
            except FrameError:
                continue


def test_too_many_pixels_are_refused_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    header = bytearray(PNG)
    header[16:24] = (60_000).to_bytes(4, "big") * 2
    header[29:33] = zlib.crc32(header[12:29]).to_bytes(4, "big")
    with pytest.raises(FrameError) as caught:
        decode(bytes(header), "x")
    assert caught.value.kind == "too-large"
    monkeypatch.setattr(picture, "MAX_PIXELS", 899)
    with pytest.raises(FrameError, match="at most 899 pixels, got 30x30"):
        decode(PNG, "x")


def test_files_give_the_reason_they_cannot_be_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    for path, kind in [
        (tmp_path / "none.png", "not-found"),
        (tmp_path / "no\0name.png", "not-found"),
        (tmp_path, "not-a-picture"),
        (tmp_path / "pipe.png", "not-a-picture"),
        (Path("/dev/zero"), "not-a-picture"),
    ]:
        with pytest.raises(FrameError) as caught:
            decode_file(path)
        assert caught.value.kind == kind


def folder_of_pictures(root: Path) -> Path:
    (root / "b").mkdir()
    for name in ("z.png", "b/a.JPG", "b/c.png", ".hidden.png", "notes.txt"):
        (root / name).write_bytes(PNG)
    (root / "b" / "broken.png").write_bytes(b"no")
    return root


def test_folder_is_walked_in_order_and_the_run_goes_on(tmp_path: Path) -> None:
    items = list(read_frames([str(folder_of_pictures(tmp_path))]))
    names = [os.path.relpath(item.source, tmp_path) for item in items]
    assert names == ["z.png", "b/a.JPG", "b/broken.png", "b/c.png"]
    assert [type(item) for item in items] == [Frame, Frame, Failure, Frame]
    assert [item.index for item in items] == [0, 1, 2, 3]


def test_glob_is_expanded_by_us_when_the_shell_did_not(tmp_path: Path) -> None:
    folder_of_pictures(tmp_path)
    items = list(read_frames([str(tmp_path / "**" / "*.png")]))
    assert [Path(item.source).name for item in items] == ["broken.png", "c.png", "z.png"]


def test_file_whose_name_looks_like_a_glob_is_read(tmp_path: Path) -> None:
    (tmp_path / "photo[1].png").write_bytes(PNG)
    (item,) = read_frames([str(tmp_path / "photo[1].png")])
    assert isinstance(item, Frame)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("empty", "empty-folder"), ("*.png", "no-match"), ("gone.png", "not-found")],
)
def test_source_without_pictures_is_one_failure(tmp_path: Path, name: str, kind: str) -> None:
    (tmp_path / "empty").mkdir()
    (item,) = read_frames([str(tmp_path / name)])
    assert isinstance(item, Failure)
    assert item.error.kind == kind
