"""Picture bytes to frames, and what stands in the place of those that are none."""

from __future__ import annotations

import io
import os
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from edge.errors import FrameError
from edge.sources import picture as picture_module
from edge.sources.picture import decode, decode_file, decode_picture, read_picture, to_frame
from tests.profiles import cmyk_profile, gray_profile, rgb_profile


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


def test_palette_with_transparency_is_over_white() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 0])
    image.putdata([0, 1])
    frame = decode(encode(image, transparency=0), "x")
    assert frame.tolist() == [[[255, 255, 255], [200, 100, 0]]]


def test_gray_with_a_transparent_level_is_over_white() -> None:
    image = Image.fromarray(np.array([[0, 90]], np.uint8))
    assert decode(encode(image, transparency=0), "x").tolist() == [[[255] * 3, [90] * 3]]


def chunk(kind: bytes, content: bytes) -> bytes:
    crc = zlib.crc32(kind + content)
    return len(content).to_bytes(4, "big") + kind + content + crc.to_bytes(4, "big")


def test_16_bit_rgb_png_keeps_its_levels() -> None:
    header = (1).to_bytes(4, "big") * 2 + bytes([16, 2, 0, 0, 0])
    row = b"\0" + b"".join((257 * level).to_bytes(2, "big") for level in (10, 128, 250))
    data = PNG[:8] + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(row))
    assert decode(data + chunk(b"IEND", b""), "x").tolist() == [[[10, 128, 250]]]


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([0, 257 * 90, 65535], np.uint16, [0, 90, 255]),
        ([0, 257 * 90, 65535], np.int32, [0, 90, 255]),
        ([0.0, 0.4, 1.0], np.float32, [0, 102, 255]),
        ([0.0, 257 * 90, np.nan], np.float32, [0, 90, 0]),
    ],
    ids=["uint16", "int32", "fractions", "floats"],
)
def test_deep_gray_tiff_becomes_8_bit(values: list[float], dtype: type, expected: object) -> None:
    image = Image.fromarray(np.array([values], dtype))
    assert decode(encode(image, "TIFF"), "x").tolist() == [expected]


def test_16_bit_pgm_becomes_8_bit() -> None:
    data = b"P5 2 1 65535\n" + (257 * 7).to_bytes(2, "big") + (65535).to_bytes(2, "big")
    assert decode(data, "x").tolist() == [[7, 255]]


@pytest.mark.parametrize("mode", ["YCbCr", "LAB", "CMYK"])
def test_tiff_in_other_colour_spaces_becomes_rgb(mode: str) -> None:
    red = Image.new("RGB", (4, 4), (200, 30, 30))
    if mode == "LAB":
        srgb, lab = (ImageCms.createProfile(name) for name in ("sRGB", "LAB"))
        image = ImageCms.profileToProfile(red, srgb, lab, outputMode="LAB")
        assert image is not None
    else:
        image = red.convert(mode)
    image.info.clear()  # no profile: the mode alone says what the numbers mean
    assert np.abs(decode(encode(image, "TIFF"), "x")[1, 1] - [200.0, 30, 30]).max() <= 3


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG"])
def test_every_orientation_is_undone(orientation: int, kind: str) -> None:
    upright = np.kron(np.arange(6, dtype=np.uint8).reshape(2, 3) * 50, np.ones((16, 16), np.uint8))
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: np.rot90(upright),
        7: np.rot90(upright, 2).T,
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    frame = decode(encode(Image.fromarray(np.ascontiguousarray(stored)), kind, exif=exif), "x")
    gray = frame if frame.ndim == 2 else frame[:, :, 1]
    assert gray.shape == upright.shape
    assert np.abs(gray[8::16, 8::16].astype(int) - upright[8::16, 8::16]).max() <= 4


def test_broken_exif_leaves_the_picture_as_it_is() -> None:
    data = encode(Image.new("L", (16, 8), 90), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xffbroken")
    assert decode(data, "x").shape == (8, 16)


def test_profile_is_applied() -> None:
    swapped = rgb_profile(swapped=True)  # its red is sRGB's blue
    image = Image.new("RGB", (2, 2), (230, 10, 10))
    for kind in ("PNG", "TIFF", "WEBP", "JPEG"):
        options = {"lossless": True} if kind == "WEBP" else {}
        frame = decode(encode(image, kind, icc_profile=swapped, **options), "x")
        assert np.abs(frame[0, 0] - [10.0, 10, 230]).max() <= 8, kind
    with Image.open(io.BytesIO(encode(image, icc_profile=swapped))) as opened:
        assert np.abs(to_frame(opened)[0, 0] - [10.0, 10, 230]).max() <= 8


def test_profile_is_applied_below_transparency() -> None:
    swapped = rgb_profile(swapped=True)
    image = Image.new("RGBA", (2, 1), (230, 10, 10, 255))
    image.putpixel((1, 0), (230, 10, 10, 0))
    frame = decode(encode(image, icc_profile=swapped), "x")
    assert np.abs(frame[0, 0] - [10.0, 10, 230]).max() <= 8
    assert frame[0, 1].tolist() == [255, 255, 255]


def test_gray_profile_is_applied_and_gray_stays_gray() -> None:
    image = Image.fromarray(np.array([[0, 128, 255]], np.uint8))
    frame = decode(encode(image, icc_profile=gray_profile(gamma=1.0)), "x")
    assert frame.shape == (1, 3)
    assert np.abs(frame[0] - [0.0, 188, 255]).max() <= 1  # half the light is 188 in sRGB
    both = image.convert("LA")
    seen = decode(encode(both, icc_profile=gray_profile(gamma=1.0)), "x")
    assert np.abs(seen[0, 1] - [188.0] * 3).max() <= 1


def test_cmyk_profile_is_applied() -> None:
    cyan = Image.new("CMYK", (8, 8), (255, 0, 0, 0))
    profile = cmyk_profile(ink=(50.0, 0.0, 0.0))
    frame = decode(encode(cyan, "JPEG", quality=100, icc_profile=profile), "x")
    assert np.abs(frame[4, 4] - [119.0] * 3).max() <= 3  # L* 50 in sRGB
    paper = encode(Image.new("CMYK", (8, 8), (0, 0, 0, 0)), "TIFF", icc_profile=profile)
    assert decode(paper, "x")[4, 4].min() >= 253


@pytest.mark.parametrize(
    "profile",
    [
        b"not a profile",
        rgb_profile(swapped=True)[:300],
        gray_profile(gamma=1.0),
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        rgb_profile(swapped=False, gamma=None),
    ],
    ids=["words", "cut", "of-another-mode", "srgb", "another-srgb"],
)
def test_profile_that_is_broken_or_srgb_changes_no_pixel(profile: bytes) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    assert np.array_equal(decode(encode(Image.fromarray(pixels), icc_profile=profile), "x"), pixels)


@pytest.mark.parametrize(
    ("kind", "note"),
    [
        ("GIF", "animated: the first of 3 frames"),
        ("WEBP", "animated: the first of 3 frames"),
        ("PNG", "animated: the first of 3 frames"),
        ("TIFF", "several pages: the first of 3"),
        ("MPO", None),
    ],
)
def test_of_several_pictures_the_first_is_taken_and_said(kind: str, note: str | None) -> None:
    first, *others = (Image.new("RGB", (8, 8), color) for color in ("red", "lime", "blue"))
    data = encode(first, kind, save_all=True, append_images=others)
    picture = decode_picture(data, "x")
    assert picture.note == note
    red, green, blue = picture.pixels[4, 4].tolist()
    assert red > 240 > 20 > max(green, blue)
    assert decode_picture(encode(first, "PNG"), "x").note is None


@pytest.mark.parametrize(
    ("side", "shrunk", "shape"),
    [
        (None, 1, (600, 1000)),
        (1000, 1, (600, 1000)),
        (501, 1, (600, 1000)),
        (500, 2, (300, 500)),
        (250, 4, (150, 250)),
        (126, 4, (150, 250)),
        (125, 8, (75, 125)),
        (1, 8, (75, 125)),
    ],
)
def test_jpeg_is_shrunk_while_its_longer_side_suffices(
    side: int | None, shrunk: int, shape: tuple[int, int]
) -> None:
    gray = Image.new("L", (1000, 600), 90)
    picture = decode_picture(encode(gray, "JPEG"), "x", side)
    assert (picture.shrunk, picture.pixels.shape) == (shrunk, shape)
    assert abs(int(picture.pixels[10, 10]) - 90) <= 2
    assert decode_picture(encode(gray, "PNG"), "x", side).pixels.shape == (600, 1000)


@pytest.mark.parametrize("kind", ["JPEG", "MPO"])
def test_shrunk_jpeg_keeps_colours_and_orientation(kind: str, tmp_path: Path) -> None:
    image = Image.new("RGB", (401, 200), (200, 30, 30))
    image.paste((30, 30, 200), (0, 0, 200, 200))  # blue on the left: on top when turned right
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "photo.jpg").write_bytes(encode(image, kind, exif=exif, quality=95))
    picture = read_picture(tmp_path / "photo.jpg", side=100)
    assert (picture.shrunk, picture.pixels.shape) == (4, (101, 50, 3))
    top, bottom = picture.pixels[10, 25].astype(int), picture.pixels[90, 25].astype(int)
    assert np.abs(top - [30, 30, 200]).max() <= 6
    assert np.abs(bottom - [200, 30, 30]).max() <= 6


def test_shrunk_cmyk_jpeg_has_its_colours() -> None:
    image = Image.new("CMYK", (256, 256), (0, 255, 255, 0))
    picture = decode_picture(encode(image, "JPEG", quality=100), "x", side=64)
    red, green, blue = picture.pixels[30, 30].tolist()
    assert picture.shrunk == 4
    assert red > 200 > 60 > max(green, blue)


def test_large_jpeg_is_read_when_it_can_be_shrunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_module, "MAX_PIXELS", 10_000)
    data = encode(Image.new("L", (400, 400), 90), "JPEG")
    assert decode(data, "x", side=50).shape == (50, 50)
    progressive = encode(Image.new("L", (400, 400), 90), "JPEG", progressive=True)
    for refused, side in [(data, None), (data, 200), (progressive, 50)]:
        with pytest.raises(FrameError, match="at most 10000 pixels") as caught:
            decode(refused, "x", side)
        assert caught.value.kind == "too-large"


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


PROGRESSIVE = encode(
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (30, 30, 3), np.uint8)),
    "JPEG",
    progressive=True,
)


@pytest.mark.parametrize("data", [JPEG, PROGRESSIVE], ids=["baseline", "progressive"])
@pytest.mark.parametrize("side", [None, 10])
def test_jpeg_cut_at_any_length_is_an_error(data: bytes, side: int | None) -> None:
    for length in range(len(data)):
        with pytest.raises(FrameError):
            decode(data[:length], "x", side)


def test_jpeg_whose_end_is_zeros_is_damaged() -> None:
    with pytest.raises(FrameError, match="its end is missing") as caught:
        decode(JPEG[:-300] + bytes(300), "x")
    assert caught.value.kind == "damaged-picture"


def test_every_truncation_of_a_png_is_an_error_or_the_whole_picture() -> None:
    whole = decode(PNG, "x")
    for length in range(len(PNG)):
        try:
            frame = decode(PNG[:length], "x")
        except FrameError:
            continue
        assert np.array_equal(frame, whole)


def test_too_many_pixels_are_refused_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    header = bytearray(PNG)
    header[16:24] = (60_000).to_bytes(4, "big") * 2
    header[29:33] = zlib.crc32(header[12:29]).to_bytes(4, "big")
    with pytest.raises(FrameError) as caught:
        decode(bytes(header), "x")
    assert caught.value.kind == "too-large"
    monkeypatch.setattr(picture_module, "MAX_PIXELS", 899)
    with pytest.raises(FrameError, match="at most 899 pixels, got 30x30"):
        decode(PNG, "x")


def bomb(kind: bytes) -> bytes:
    """A PNG with a few kilobytes that unfold to a hundred megabytes of text or profile."""
    packed = zlib.compress(bytes(100_000_000), 9)
    end = PNG.index(b"IDAT") - 4
    return PNG[:end] + chunk(kind, b"x\0\0" + packed) + PNG[end:]


@pytest.mark.parametrize("kind", [b"zTXt", b"iCCP"])
def test_png_that_unfolds_without_end_is_one_error(kind: bytes) -> None:
    with pytest.raises(FrameError) as caught:
        decode(bomb(kind), "x")
    assert caught.value.kind == "damaged-picture"


def test_file_without_permission_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(PNG)

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)  # root may read everything, and runs the tests
    with pytest.raises(FrameError, match="no permission to read it") as caught:
        decode_file(tmp_path / "a.png")
    assert caught.value.kind == "no-permission"


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
