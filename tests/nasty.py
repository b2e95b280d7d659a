"""Makes the files of `tests.crafted`: good pictures, mutants of them, and crafted ones."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

SUFFIXES = ("png", "jpg", "bmp", "gif", "ppm", "webp", "tif")
KINDS = dict(zip(SUFFIXES, ("PNG", "JPEG", "BMP", "GIF", "PPM", "WEBP", "TIFF"), strict=True))


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.copy().save(file, kind, **options)  # Pillow leaves settings in what it saves
    return file.getvalue()


def digit(seed: int, size: tuple[int, int] = (64, 48)) -> Image.Image:
    """A dark stroke or ring on light paper."""
    image = Image.new("L", size, 225)
    draw = ImageDraw.Draw(image)
    width, height = size
    box = (width * 3 // 8, height // 5, width * 5 // 8, height * 4 // 5)
    if seed % 2:
        draw.ellipse(box, outline=30, width=max(2, width // 16))
    else:
        draw.line((width // 2, box[1], width // 2, box[3]), fill=30, width=max(2, width // 12))
    return image


def good(number: int) -> bytes:
    """An ordinary picture; its format goes round with `number // 10`."""
    kind = KINDS[SUFFIXES[number // 10 % len(SUFFIXES)]]
    image = digit(number // 70)
    return encode(image.convert("RGB") if number // 10 % 3 == 0 else image, kind)


@cache
def originals() -> tuple[tuple[str, bytes], ...]:
    """What is mutated: each format in each of its ways that Pillow can write, by suffix."""
    gray, color = digit(1), digit(2).convert("RGB")
    noise = np.random.default_rng(5).integers(0, 256, (40, 60, 3), np.uint8)
    photo = Image.fromarray(noise).resize((240, 160))
    frames = {"save_all": True, "append_images": [color.resize(photo.size), photo]}
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a description"
    profile = struct.pack(">L", 200) + bytes(196)
    deep = Image.fromarray(np.asarray(gray).astype(np.uint16) * 257)
    floats = Image.fromarray(np.asarray(gray).astype(np.float32) / 255)
    jpeg = encode(photo, "JPEG")
    found: list[tuple[str, bytes]] = [
        ("jpg", jpeg),
        ("jpg", encode(gray, "JPEG", restart_marker_blocks=2)),
        ("jpg", encode(photo, "JPEG", progressive=True, subsampling=0, exif=exif)),
        ("jpg", encode(photo.convert("CMYK"), "JPEG")),
        ("jpg", encode(photo, "MPO", save_all=True, append_images=[color.copy()])),
        ("jpg", jpeg.replace(b"\xff\xc0\x00\x11\x08", b"\xff\xc1\x00\x11\x0c", 1)),  # 12 bits
        ("jpg", jpeg.replace(b"\xff\xc0", b"\xff\xc9", 1)),  # arithmetic
        ("jpg", jpeg.replace(b"\xff\xc0", b"\xff\xc3", 1)),  # lossless
        ("jpg", jpeg.replace(b"\xff\xc0", b"\xff\xc2", 1)),  # says to be progressive
        ("png", encode(photo, "PNG", exif=exif, icc_profile=profile)),
        ("png", encode(photo, "PNG", **frames)),
        ("png", encode(deep, "PNG")),
        ("png", encode(photo.convert("P"), "PNG", transparency=3)),
        ("png", encode(gray.convert("1"), "PNG")),
        ("png", encode(photo.convert("RGBA"), "PNG")),
        ("png", png(61, 40, 8, 2, bytes(61 * 3 * 45 + 400), interlace=1)),
        ("bmp", encode(photo, "BMP")),
        ("bmp", encode(gray.convert("P"), "BMP")),
        ("bmp", rle_bmp(40, 30)),
        ("gif", encode(photo, "GIF", **frames)),
        ("gif", encode(gray, "GIF", interlace=1, transparency=7, disposal=2)),
        ("ppm", encode(photo, "PPM")),
        ("ppm", encode(floats, "PPM")),
        ("ppm", b"P5 40 30 100\n" + bytes(range(100)) * 12),
        ("ppm", b"P3 3 2 255\n" + b"1 2 3 " * 6),
        ("ppm", b"P1 5 4\n" + b"1 0 1 0 1 " * 4),
        ("webp", encode(photo, "WEBP")),
        ("webp", encode(photo.convert("RGBA"), "WEBP", lossless=True, exif=exif)),
        ("webp", encode(photo, "WEBP", **frames)),
        ("tif", encode(deep, "TIFF")),
        ("tif", encode(floats, "TIFF", compression="tiff_adobe_deflate")),
        ("tif", encode(photo, "TIFF", **frames)),
        ("tif", encode(photo, "TIFF", big_tiff=True, compression="tiff_lzw", exif=exif)),
        ("tif", encode(gray.convert("1"), "TIFF", compression="group4")),
        ("tif", encode(gray.convert("1"), "TIFF", compression="group3")),
        ("tif", encode(photo, "TIFF", compression="jpeg")),
        ("tif", encode(photo, "TIFF", compression="packbits")),
        ("tif", encode(photo.convert("CMYK"), "TIFF", compression="tiff_lzw")),
        ("tif", encode(photo, "TIFF", compression="zstd")),
        ("tif", tiff(photo_tags(32, 32, tile=16), bytes(32 * 32 * 3))),
    ]
    return tuple(found)


def mutant(rng: np.random.Generator) -> tuple[str, bytes]:
    """One of `originals`, cut, with bits turned over, with lengths that lie, or spliced."""
    suffix, data = originals()[rng.integers(len(originals()))]
    found = bytearray(data)
    way = int(rng.integers(7))
    head = min(len(found), 120)
    if way == 0:
        del found[int(rng.integers(1, len(found))) :]
    elif way in (1, 2):  # bits, in the head or anywhere
        for _ in range(int(rng.integers(1, 12))):
            at = int(rng.integers(head if way == 1 else len(found)))
            found[at] ^= 1 << int(rng.integers(8))
    elif way == 3:  # a number that lies
        at = int(rng.integers(max(1, head - 4)))
        lie = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 65535)[rng.integers(6)]
        found[at : at + 4] = lie.to_bytes(4, "big" if rng.integers(2) else "little")
    elif way == 4:  # zeros in the middle
        at = int(rng.integers(len(found)))
        size = int(rng.integers(1, 200))
        found[at : at + size] = bytes(min(size, len(found) - at))
    elif way == 5:  # a part of it twice
        at, to = sorted(int(one) for one in rng.integers(0, len(found), 2))
        found[to:to] = found[at:to]
    else:  # the head of one and the body of another
        _, other = originals()[rng.integers(len(originals()))]
        found[head:] = other[head:]
    wrong = rng.integers(20) == 0
    return SUFFIXES[rng.integers(len(SUFFIXES))] if wrong else suffix, bytes(found)


def chunk(kind: bytes, content: bytes) -> bytes:
    crc = zlib.crc32(kind + content)
    return len(content).to_bytes(4, "big") + kind + content + crc.to_bytes(4, "big")


def png(
    width: int,
    height: int,
    depth: int,
    color: int,
    packed: bytes | None = None,
    *,
    further: Iterable[bytes] = (),
    interlace: int = 0,
) -> bytes:
    """packed: the rows, each with its filter's byte; none gives zeros for all of them."""
    header = struct.pack(">LLBBBBB", width, height, depth, color, 0, 0, interlace)
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]
    rows = packed if packed is not None else bytes(height * (1 + -(-width * samples * depth // 8)))
    palette = chunk(b"PLTE", bytes(range(192))) if color == 3 else b""
    parts = b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", header), palette, *further
    return b"".join((*parts, chunk(b"IDAT", zlib.compress(rows, 1)), chunk(b"IEND", b"")))


def rle_bmp(width: int, height: int) -> bytes:
    """8 bits, run-length coded: one run for each row, and the end."""
    row = b"".join(bytes((min(255, width - at), 1)) for at in range(0, width, 255)) + b"\0\0"
    data = row * height + b"\0\1"
    start = 14 + 40 + 1024
    header = struct.pack("<LllHHLLllLL", 40, width, height, 1, 8, 1, len(data), 0, 0, 256, 0)
    return b"BM" + struct.pack("<LLL", start + len(data), 0, start) + header + bytes(1024) + data


Tags = dict[int, tuple[int, list[int]]]
"""tag -> its type, and values."""


def photo_tags(width: int, height: int, tile: int = 0, compression: int = 1) -> Tags:
    """Of RGB in one strip, or in tiles, whose bytes `tiff` puts behind the directory."""
    tags: Tags = {256: (4, [width]), 257: (4, [height]), 258: (3, [8, 8, 8])}
    tags |= {259: (3, [compression]), 262: (3, [2]), 277: (3, [3])}
    if not tile:
        return tags | {273: (4, [-1]), 278: (4, [height]), 279: (4, [width * height * 3])}
    count = -(-width // tile) * -(-height // tile)
    size = tile * tile * 3
    offsets = [-1 - size * at for at in range(count)]
    return tags | {322: (4, [tile]), 323: (4, [tile]), 324: (4, offsets), 325: (4, [size] * count)}


def tiff(tags: Tags, data: bytes, following: int = 0) -> bytes:
    """Little-endian. In tags 273 and 324, -1 - n stands for byte n of `data`."""
    start = 8 + 2 + 12 * len(tags) + 4
    sizes = {1: 1, 2: 1, 3: 2, 4: 4}
    outside = sum(sizes[kind] * len(values) for kind, values in tags.values())
    body = start + outside
    entries, further = b"", b""
    for tag, (kind, values) in sorted(tags.items()):
        numbers = [body - 1 - one if one < 0 else one for one in values]
        packed = struct.pack(f"<{len(numbers)}{' BBHL'[kind]}", *numbers)
        place = packed.ljust(4, b"\0")
        if len(packed) > 4:
            place, further = struct.pack("<L", start + len(further)), further + packed
        entries += struct.pack("<HHL", tag, kind, len(numbers)) + place
    directory = struct.pack("<H", len(tags)) + entries + struct.pack("<L", following)
    return b"II*\0" + struct.pack("<L", 8) + directory + further.ljust(outside, b"\0") + data


def many_scans(count: int, size: tuple[int, int] = (64, 64)) -> bytes:
    """A progressive JPEG whose last scan comes again and again."""
    data = encode(digit(1, size).convert("RGB"), "JPEG", progressive=True)
    at = data.rfind(b"\xff\xda")
    return data[:at] + data[at:-2] * count + data[-2:]


def segments(count: int) -> bytes:
    data = encode(digit(1), "JPEG")
    return data[:2] + b"\xff\xe5\0\x02" * count + data[2:]


def exif_jpeg(block: bytes) -> bytes:
    data = encode(digit(1), "JPEG")
    return (
        data[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 8) + b"Exif\0\0" + block + data[2:]
    )


def gif(screen: tuple[int, int], further: bytes = b"") -> bytes:
    """A frame of one pixel on a screen of any size."""
    head = b"GIF89a" + struct.pack("<HHBBB", *screen, 0x80, 0, 0) + bytes(3) + b"\xff" * 3
    frame = b",\0\0\0\0\1\0\1\0\0\2\2\x44\x01\0"
    return head + further + frame + b";"


def large_gif(side: int) -> bytes:
    return encode(Image.new("P", (side, side)), "GIF")


def webp(kind: bytes, width: int, height: int) -> bytes:
    """A canvas that lies about the one small picture on it."""
    inner = encode(digit(1), "WEBP", lossless=True)[12:]
    canvas = bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBP" + (b"VP8X" + struct.pack("<L", 10) + canvas if kind == b"VP8X" else b"") + inner
    return b"RIFF" + struct.pack("<L", len(body)) + body


def pages(count: int, circle: bool = False) -> bytes:
    """A TIFF with directories of no tags behind the first."""
    first = tiff(photo_tags(4, 4), bytes(48))
    at = len(first)
    whole = tiff(photo_tags(4, 4), bytes(48), following=at)
    ends = [at + 6 * (one + 1) for one in range(count)]
    ends[-1] = at if circle else 0
    return whole + b"".join(struct.pack("<HL", 0, end) for end in ends)


def text_bomb(kind: bytes, count: int = 1, size: int = 100_000_000) -> bytes:
    packed = zlib.compress(bytes(size), 9)
    return png(28, 28, 8, 0, further=[chunk(kind, b"x\0\0" + packed)] * count)


def packed_tiff(width: int, height: int, compression: int = 8) -> bytes:
    data = zlib.compress(bytes(width * height * 3), 1)
    return tiff(photo_tags(width, height, compression=compression) | {279: (4, [len(data)])}, data)


def jpeg_of(width: int, height: int, **options: object) -> bytes:
    return encode(Image.new("RGB", (width, height), "white"), "JPEG", **options)


def as_size(data: bytes, width: int, height: int) -> bytes:
    """A JPEG whose header lies about its size."""
    at = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2"))
    return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]


CRAFTED: tuple[tuple[str, str, Callable[[], bytes]], ...] = (
    ("empty", "png", lambda: b""),
    ("words", "jpg", lambda: b"these are words"),
    ("signature", "png", lambda: b"\x89PNG\r\n\x1a\n"),
    ("postscript", "png", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n"),
    ("polyglot", "jpg", lambda: encode(digit(1), "JPEG") + encode(digit(2), "PNG")),
    ("script", "gif", lambda: b"GIF89a/*" + b"<script>" * 30 + b"*/=1;"),
    ("1-bit-under", "png", lambda: png(8000, 8000, 1, 0)),
    ("1-bit-over", "png", lambda: png(8001, 8000, 1, 0)),
    ("gray-under", "png", lambda: png(8000, 8000, 8, 0)),
    ("gray-over", "png", lambda: png(8000, 8001, 8, 0)),
    ("palette-under", "png", lambda: png(5000, 5000, 8, 3)),
    ("palette-over", "png", lambda: png(5100, 5000, 8, 3)),
    ("rgb-under", "png", lambda: png(5000, 5000, 8, 2)),
    ("rgb-over", "png", lambda: png(5100, 5000, 8, 2)),
    ("rgba-under", "png", lambda: png(5000, 5000, 8, 6)),
    ("rgba-over", "png", lambda: png(5100, 5000, 8, 6)),
    ("16-bit-under", "png", lambda: png(8000, 8000, 16, 0)),
    ("rgb-16-under", "png", lambda: png(5000, 5000, 16, 2)),
    ("rgb-16-over", "png", lambda: png(5100, 5000, 16, 2)),
    ("interlaced-under", "png", lambda: png(5000, 5000, 8, 2, bytes(80_000_000), interlace=1)),
    ("wide", "png", lambda: png(2_000_000, 16, 8, 0)),
    ("tall", "png", lambda: png(16, 2_000_000, 8, 0)),
    ("no-rows", "png", lambda: png(5, 0, 8, 0)),
    ("huge", "png", lambda: png(0x7FFFFFFF, 0x7FFFFFFF, 1, 0, b"")),
    ("text", "png", lambda: text_bomb(b"zTXt")),
    ("profile", "png", lambda: text_bomb(b"iCCP")),
    ("many-texts", "png", lambda: text_bomb(b"zTXt", 60, 1_000_000)),
    ("chunks", "png", lambda: png(28, 28, 8, 0, further=[chunk(b"abCd", b"")] * 70_000)),
    ("some-chunks", "png", lambda: png(28, 28, 8, 0, further=[chunk(b"abCd", b"")] * 20_000)),
    ("exif", "png", lambda: png(28, 28, 8, 0, further=[exif_chunk()])),
    ("frames", "png", lambda: png(28, 28, 8, 0, further=[chunk(b"acTL", b"\x7f" + bytes(7))])),
    ("scans", "jpg", lambda: many_scans(4000)),
    ("some-scans", "jpg", lambda: many_scans(80)),
    ("large-scans", "jpg", lambda: many_scans(60, (1600, 1200))),
    ("segments", "jpg", lambda: segments(50_000)),
    ("some-segments", "jpg", lambda: segments(4000)),
    ("64-megapixels", "jpg", lambda: jpeg_of(8000, 8000)),
    ("progressive-under", "jpg", lambda: jpeg_of(5700, 5700, progressive=True)),
    ("progressive-over", "jpg", lambda: jpeg_of(5900, 5900, progressive=True, subsampling=0)),
    ("lies", "jpg", lambda: as_size(encode(digit(1), "JPEG"), 65535, 65535)),
    ("lies-less", "jpg", lambda: as_size(encode(digit(1), "JPEG"), 7900, 7900)),
    ("lies-progressive", "jpg", lambda: as_size(many_scans(1), 7900, 7900)),
    ("no-width", "jpg", lambda: as_size(encode(digit(1), "JPEG"), 0, 9)),
    (
        "exif-circle",
        "jpg",
        lambda: exif_jpeg(b"II*\0\x08\0\0\0\x01\0\x69\x87\4\0\1\0\0\0\x08\0\0\0"),
    ),
    ("exif-tags", "jpg", lambda: exif_jpeg(b"II*\0\x08\0\0\0\xff\xff" + b"\x12\x01" * 30_000)),
    ("fill", "jpg", lambda: b"\xff\xd8" + b"\xff" * 1_000_000 + encode(digit(1), "JPEG")[2:]),
    ("run-length-under", "bmp", lambda: rle_bmp(3000, 3000)),
    ("run-length-over", "bmp", lambda: rle_bmp(8000, 8000)),
    ("negative", "bmp", lambda: b"BM" + bytes(16) + struct.pack("<lll", -5, -2147483648, 1)),
    ("screen-over", "gif", lambda: gif((65535, 65535))),
    ("screen-under", "gif", lambda: gif((5000, 5000))),
    ("large", "gif", lambda: large_gif(5000)),
    ("blocks", "gif", lambda: gif((9, 9), b"!\xfe" + b"\1x" * 300_000 + b"\0")),
    ("gif-frames", "gif", lambda: gif((9, 9), b",\0\0\0\0\1\0\1\0\0\2\2\x44\x01\0" * 50_000)),
    ("plain-text", "ppm", lambda: b"P3 700 700 255\n" + b"200 200 200 " * 490_000),
    ("odd-depth", "ppm", lambda: b"P5 1200 1000 100\n" + bytes(1_200_000)),
    ("float-under", "ppm", lambda: b"Pf 3000 3000 -1.0\n" + bytes(36_000_000)),
    ("ppm-lies", "ppm", lambda: b"P6 8000 8000 255\n" + bytes(100)),
    ("ppm-negative", "ppm", lambda: b"P6 -5 5 255\n" + bytes(100)),
    ("canvas-over", "webp", lambda: webp(b"VP8X", 16_000_000, 250)),
    ("canvas-lies", "webp", lambda: webp(b"VP8X", 3400, 3400)),
    ("webp-under", "webp", lambda: encode(Image.new("RGB", (3500, 3500)), "WEBP", lossless=True)),
    ("webp-over", "webp", lambda: encode(Image.new("RGB", (3700, 3700)), "WEBP", lossless=True)),
    ("deflate-under", "tif", lambda: packed_tiff(4200, 4200)),
    ("deflate-over", "tif", lambda: packed_tiff(4600, 4600)),
    ("giant-tile", "tif", lambda: tiff(photo_tags(64, 64, tile=32_000, compression=8), b"x" * 99)),
    ("tags", "tif", lambda: tiff({n: (3, [1]) for n in range(256, 4000)}, b"")),
    ("values", "tif", lambda: tiff(photo_tags(9, 9) | {258: (3, [8] * 3_000_000)}, bytes(243))),
    ("tiles", "tif", lambda: tiff(photo_tags(1600, 1600, tile=16), bytes(7_680_000))),
    ("pages", "tif", lambda: pages(60_000)),
    ("circle", "tif", lambda: pages(3, circle=True)),
    ("sideways", "tif", lambda: tiff(photo_tags(2900, 2900) | {274: (3, [6])}, bytes(25_230_000))),
)
"""Name, suffix, and what makes it."""


def exif_chunk() -> bytes:
    """A block with as many tags as it can have, each with values beyond its end."""
    return chunk(b"eXIf", b"II*\0\x08\0\0\0\xff\xff" + b"\x12\x01\x03\0\0\0\0\x10\0\0\0\0" * 65_535)


HEAVY = ("under", "wide", "tall", "large", "plain", "odd", "64-", "progressive-o", "text", "prof")


def make(folder: Path, number: int, seed: int, is_quick: bool = False) -> None:
    """Writes the file of that number: first the crafted ones, then odd files, then mutants.

    is_quick: without the `HEAVY` ones.
    """
    crafted = [one for one in CRAFTED if not (is_quick and any(name in one[0] for name in HEAVY))]
    at = number - number // 10 - 1
    place = os.fsencode(folder / f"{number:05}-")
    if at < len(crafted):
        name, suffix, contents = crafted[at]
        (folder / f"{number:05}-{name}.{suffix}").write_bytes(contents())
        return
    odd = at - len(crafted)
    if odd == 0:
        os.mkfifo(place + b"pipe.png")
    elif odd == 1:
        os.symlink(place + b"loop.png", place + b"loop.png")
    elif odd == 2:
        os.symlink(b"nothing-there", place + b"dangling.png")
    elif odd == 3:
        os.mkdir(place + b"folder.png")
        (folder / f"{number:05}-link.png").symlink_to("/dev/zero")
    elif odd == 4:
        (folder / f"{number:05}-sparse.png").touch()
        os.truncate(place + b"sparse.png", 100_000_000)
    elif odd == 5:
        (folder / f"{number:05}-zeros.bmp").write_bytes(rle_bmp(9, 9))
        os.truncate(place + b"zeros.bmp", 60_000_000)
    else:
        suffix, data = mutant(np.random.default_rng((seed, number)))
        names = {6: b"two\nlines.", 7: b"\xff\xfe not UTF-8.", 8: b'"quotes",\tand tab.'}
        with open(place + names.get(odd, b"mutant.") + suffix.encode(), "wb") as file:
            file.write(data)
        if odd == 9:
            os.chmod(file.name, 0)
