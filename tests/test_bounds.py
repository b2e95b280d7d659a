"""What a picture may cost, and what is none: bounds before decoding, no other reader, no half."""

from __future__ import annotations

import json
import os
import resource
import signal
import struct
import subprocess
import sys
import warnings
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from edge.bulk import limits
from edge.bulk.answer import Job
from edge.bulk.spread import Spread
from edge.bulk.task import Task
from edge.classifier import Classifier
from edge.errors import FrameError
from edge.sources import memory, picture, pillow, pixels, structure
from edge.sources.picture import decode, decode_picture
from edge.sources.structure import count_pictures, look_at
from tests import nasty
from tests.crafted import make_folder, problems, run
from tests.drawing import on_paper


def refused(data: bytes, side: int | None = None) -> tuple[str, str]:
    with pytest.raises(FrameError) as caught:
        decode(data, "x", side)
    return caught.value.kind, str(caught.value)


def test_150_crafted_pictures_give_one_record_each(tmp_path: Path) -> None:
    names = make_folder(tmp_path, 150, seed=1, is_quick=True)
    files = [one.name for one in tmp_path.iterdir() if not one.is_dir()]
    alone = run([tmp_path / name for name in sorted(names)])
    labels = {Path(one["source"]).name: one["label"] for one in alone.records}
    assert len(labels) == 15
    outcome = run([tmp_path], jobs=2)
    assert problems(outcome, files, labels) == []
    assert len(outcome.records) == 150


@pytest.mark.parametrize("at", range(1, 9))
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "I;16", "CMYK"])
def test_strips_give_the_same_pixels(at: int, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    levels = np.random.default_rng(at).integers(0, 256, (37, 53, 4), np.uint8)
    image = Image.fromarray(levels, "RGBA").convert("RGBA" if mode == "RGBA" else "RGB")
    if mode == "I;16":
        image = Image.fromarray(levels[:, :, 0].astype(np.uint16) * 257)
    else:
        image = image.convert(mode)
    image.getexif()[0x0112] = at
    whole, _ = pixels.to_pixels(image)
    monkeypatch.setattr(pixels, "WHOLE_PIXELS", 10)
    monkeypatch.setattr(pixels, "STRIP_PIXELS", 53 * 5)
    in_strips, _ = pixels.to_pixels(image)
    assert whole.shape == in_strips.shape
    assert np.array_equal(whole, in_strips)


def test_16_bits_become_8_as_by_division() -> None:
    levels = np.arange(65_536, dtype=np.uint16)
    expected = np.round(levels / 257).astype(np.uint8)
    for order in ("<u2", ">u2"):
        assert np.array_equal(pixels._from_deep_gray(levels.astype(order), False), expected)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (nasty.png(5100, 5000, 8, 2, b""), "got one of 5100x5000 that takes 204000"),
        (nasty.webp(b"VP8X", 3700, 3700), "got one of 3700x3700 that takes"),
        (nasty.as_size(nasty.many_scans(1), 7900, 7900), "got one of 7900x7900 that takes"),
        (nasty.as_size(nasty.encode(nasty.digit(1).convert("RGB"), "JPEG"), 6000, 6000), "6000x60"),
        (nasty.many_scans(150), "at most 100 scans in a JPEG"),
        (nasty.segments(5000), "at most 4096 segments in a JPEG"),
        (nasty.png(9, 9, 8, 0, further=[nasty.chunk(b"abCd", b"")] * 66_000), "65536 chunks"),
        (nasty.gif((9, 9), b"!\xfe" + b"\1x" * 70_000 + b"\0"), "at most 65536 blocks in a GIF"),
        (nasty.tiff({n: (3, [1]) for n in range(256, 1400)}, b""), "at most 1024 tags in a TIFF"),
        (
            nasty.tiff(nasty.photo_tags(9, 9) | {258: (3, [8] * 300_000)}, bytes(243)),
            "at most 262144 values of tags in a TIFF",
        ),
        (
            nasty.tiff(nasty.photo_tags(64, 64, tile=32_000, compression=8), b"x"),
            "64x64 that takes",
        ),
    ],
)
def test_what_would_take_too_much_is_refused_before_it_is_decoded(
    data: bytes, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageFile.ImageFile, "load", None)
    kind, told = refused(data)
    assert kind == "too-large"
    assert message in told


def test_jpeg_of_64_megapixels_is_read_at_a_fraction() -> None:
    data = nasty.jpeg_of(8000, 8000)
    assert decode(data, "x", side=1000).shape == (1000, 1000, 3)
    assert refused(data)[0] == "too-large"


def test_large_jpeg_is_classified_by_its_path_in_its_own_pixels(tmp_path: Path) -> None:
    scene = Image.fromarray(on_paper("7")).convert("RGB")
    scene.resize((6400, 4800)).save(tmp_path / "large.jpg")  # 31 MP: too many to decode whole
    scene.save(tmp_path / "small.jpg")
    with Classifier.load("digits") as classifier:
        small = classifier.classify(tmp_path / "small.jpg")
        large = classifier.classify(tmp_path / "large.jpg")
        (part,) = classifier.classify_regions(tmp_path / "large.jpg")
    assert large.label == part.label == small.label == "7"
    assert small.box is not None
    for found in (large, part):
        assert found.box == pytest.approx([10 * side for side in small.box], abs=40)


def test_several_scans_are_counted_and_one_is_not_looked_through() -> None:
    assert look_at(nasty.many_scans(7), "JPEG").scans > 7
    assert look_at(nasty.jpeg_of(9, 9), "JPEG").scans == 1


def test_pages_and_frames_are_counted_without_decoding() -> None:
    assert count_pictures(nasty.pages(500), "TIFF") == 501
    assert count_pictures(nasty.pages(3, circle=True), "TIFF") == 4
    frame = b",\0\0\0\0\1\0\1\0\0\2\2\x44\x01\0"
    assert count_pictures(nasty.gif((9, 9), frame * 40), "GIF") == 41
    assert count_pictures(nasty.gif((9, 9))[:20], "GIF") is None


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "TIFF", "BMP", "PPM"])
def test_half_a_picture_is_refused_whatever_pillow_is_told(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (90, 90, 3), np.uint8)
    data = nasty.encode(Image.fromarray(noise), kind)
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 12_345)
    with pytest.raises(FrameError):
        decode(data[: len(data) // 2], "x")
    assert (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS) == (True, 12_345)


def starts() -> Iterator[bytes]:
    """How a file begins for each of Pillow's readers that has a say in it."""
    yield from (b"8BPS\0\1", b"%!PS-Adobe-3.0", b"\xc5\xd0\xd3\xc6", b"\0\0\1\0\1\0", b"\0\0\2\0")
    yield from (b"icns\0\0\0\x20", b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51", b"DDS ")
    yield from (
        b"\0\0\0\x20ftypavif",
        b"qoif",
        b"SIMPLE  =",
        b"\x01\xda\x01\x01",
        b"\x59\xa6\x6a\x95",
    )
    yield from (b"GRIB\0\0\0\1", b"\x89HDF\r\n\x1a\n", b"BUFR\0\0\0\3", b"%PDF-1.4", b"/* XPM */")
    yield from (b"#define x_width 9\n", b"P7 332\n", b"\x0a\x05\x01\x08", b"DanM", b"LinS")
    yield from (b"BLP2", b"FTEX", b"gimp", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"\xd7\xcd\xc6\x9a")
    yield from (
        b"\x01\0\0\0" + bytes(36) + b" EMF",
        b"\x12\xaf",
        b"\0\0\2\0\0\0\0\0",
        b"Image type:",
    )
    yield from (b"P0 1 1\n", b"P8 1 1\n", b"PyP 1 1", b"II\x52\0", b"RIFX\0\0\0\0WEBP", b"GIF8")


@pytest.mark.parametrize("start", list(starts()))
def test_other_readers_of_pillow_never_see_a_byte(
    start: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = set(sys.modules)
    monkeypatch.setattr(subprocess, "Popen", None)  # Ghostscript
    assert refused(start + bytes(400))[0] in ("not-a-picture", "damaged-picture")
    new = {name for name in set(sys.modules) - loaded if name.endswith("ImagePlugin")}
    assert new <= {f"PIL.{one}ImagePlugin" for _, _, one in picture.READERS} | {
        "PIL.MpoImagePlugin"
    }


@pytest.mark.parametrize(
    ("block", "note"),
    [
        (b"MM\0*\xff\xff\xff\xffbroken", None),
        (b"II*\0\x08\0\0\0\x01\0\x0f\x01\x02\0\xff\0\0\0\xff\xff\0\0", "damaged metadata"),
        (b"no TIFF at all", "damaged EXIF: the picture may be turned"),
    ],
)
def test_damaged_exif_is_a_note(block: bytes, note: str | None) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = decode_picture(nasty.exif_jpeg(block), "x")
    assert found.pixels.shape == (48, 64)
    assert note is None or (found.note or "").startswith(note)


def test_exif_without_end_is_not_read_and_said() -> None:
    block = struct.pack("<2sHL", b"II", 42, 8) + bytes(pixels.MAX_EXIF_BYTES)
    data = nasty.png(9, 9, 8, 0, further=[nasty.chunk(b"eXIf", block)])
    assert "is not read: the picture may be turned" in (decode_picture(data, "x").note or "")


def test_tiff_whose_pixel_tags_are_damaged_is_an_error_and_others_are_a_note() -> None:
    with pytest.raises(ValueError, match="Skipping tag 273"):
        pillow.check_heard(["Tag data larger than file. Skipping tag 273"], "TIFF")
    described = nasty.tiff(nasty.photo_tags(9, 9) | {270: (2, [65] * 20)}, bytes(243))
    at = described.find(struct.pack("<HHL", 270, 2, 20))
    damaged = described[: at + 4] + struct.pack("<L", 1 << 30) + described[at + 8 :]
    assert (decode_picture(damaged, "x").note or "").startswith("damaged metadata")
    assert decode_picture(described, "x").note is None


def test_memory_that_the_system_does_not_give_is_an_error_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def give_none(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(ImageFile.ImageFile, "load", give_none)
    assert refused(nasty.good(0))[0] == "no-memory"


def test_fault_of_ours_is_one_record_and_asks_to_be_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.png").write_bytes(nasty.good(0))

    def fail(*_: object) -> None:
        raise KeyError("a bug")

    with Classifier.load("digits") as classifier:
        task = Task(classifier, 3, "jsonl", False, None, None, None, None)
        jobs = [Job(0, str(tmp_path / "a.png"))]
        for place in ("edge.bulk.task.read_file", "edge.bulk.task.classify_frame"):
            with monkeypatch.context() as patch:
                patch.setattr(place, fail)
                (answer,) = task.read(jobs, lambda job: None)
            error = json.loads(answer.out[0])["error"]
            assert (error["kind"], answer.is_failure) == ("internal", True)
            assert f"{jobs[0].path}: a fault in edgeproof, please report it" in error["message"]
            assert "KeyError: 'a bug' (test_bounds.py:" in error["message"]
        (answer,) = task.read(jobs, lambda job: None)
        assert not answer.is_failure


STUCK = """
import json, time
from edge.bulk import limits
from edge.bulk.answer import Answer, Job
from edge.bulk.spread import Spread
limits.PICTURE_S = 1
def classify(jobs, take_up):
    for job in jobs:
        take_up(job)
        while job.path == "endless":
            pass
        if job.path == "hungry":
            try:
                bytearray(limits.GROWTH_BYTES)
            except MemoryError:
                yield Answer(["no memory"], [], True)
                continue
        yield Answer([job.path], [], False)
names = ["x", "endless", "x", "hungry", "x"]
failed = lambda job, error: Answer([error.kind + " " + str(error)], [], True)
with Spread(classify, failed, 1) as spread:
    found = [one.out[0] for one in spread.run(Job(n, name) for n, name in enumerate(names))]
print(json.dumps(found))
"""


def test_picture_without_end_is_given_up_and_memory_has_a_limit() -> None:
    done = subprocess.run(
        [sys.executable, "-c", STUCK],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        check=False,
    )
    assert done.stderr == ""
    x, endless, *rest = json.loads(done.stdout)
    assert (x, rest) == ("x", ["x", "no memory", "x"])
    assert endless.startswith("decoder-timeout endless: expected to be done with it within 1 s")


def test_limits_are_as_documented() -> None:
    assert limits.TIMED_OUT == -signal.SIGALRM
    assert memory.MAX_MEMORY_BYTES < limits.GROWTH_BYTES
    assert structure.MAX_SEGMENTS * 65_535 > picture.MAX_BYTES
    before = resource.getrlimit(resource.RLIMIT_AS)
    with limits.limited_memory(), pytest.raises(MemoryError):
        bytearray(2 * limits.GROWTH_BYTES)
    assert resource.getrlimit(resource.RLIMIT_AS) == before


def test_one_frame_is_let_go_of_before_the_next_is_read(tmp_path: Path) -> None:
    for number in range(2):
        path = tmp_path / f"{number}.png"
        Image.new("L", (900, 900), 200).save(path)
    alive: list[int] = []
    seen: list[weakref.ref[object]] = []
    with Classifier.load("digits") as classifier:
        task = Task(classifier, 3, "table", False, None, None, None, None)

        class Watched(Task):
            def _read(self, job: Job):  # type: ignore[no-untyped-def]
                alive.append(sum(one() is not None for one in seen))
                item = super()._read(job)
                seen.append(weakref.ref(item))
                return item

        watched = Watched(*(getattr(task, name) for name in Task.__dataclass_fields__))
        jobs: Sequence[Job] = [Job(n, str(tmp_path / f"{n}.png")) for n in range(2)]
        assert len(list(watched.read(jobs, lambda job: None))) == 2
    assert alive == [0, 0]


def test_spread_without_workers_does_it_all_here() -> None:
    def classify(jobs, take_up):  # type: ignore[no-untyped-def]
        from edge.bulk.answer import Answer

        for _ in jobs:
            yield Answer([str(os.getpid())], [], False)

    with Spread(classify, lambda job, error: None, 0) as spread:  # type: ignore[arg-type,return-value]
        answers = list(spread.run(Job(n, "x") for n in range(3)))
    assert {one.out[0] for one in answers} == {str(os.getpid())}
