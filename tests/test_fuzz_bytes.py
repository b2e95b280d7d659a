"""Strange bytes: pictures, bundles, streams of them. Read, or refused with the error for it."""

from __future__ import annotations

import io
import random
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.admission.agreement import check_agreement
from edge.archive import MAX_BYTES
from edge.bundle import CONTRACT, GOLDEN, LABELS, parse_bundle
from edge.cameras.multipart import MAX_PART_BYTES, find_boundary, split_parts
from edge.errors import FrameError, ModelError
from edge.sources.extent import Stream
from edge.sources.stdin import _split
from tests.conftest import ROOT
from tests.fuzz.amount import MUTANTS, SOME
from tests.fuzz.loop import MOST_BYTES
from tests.fuzz.mutate import MUTATORS, _entries, havoc, joined, zipped
from tests.fuzz.seeds import KEPT, seeds
from tests.fuzz.targets import TARGETS

SEEDS = {target: seeds(target) for target in TARGETS}
KNOWN = [(target, name) for target, made in SEEDS.items() for name in made]


@pytest.mark.parametrize(("target", "name"), KNOWN)
def test_seed_is_read(target: str, name: str) -> None:
    """Those that once were a finding, too: they lie in tests/fuzz/seeds."""
    TARGETS[target](SEEDS[target][name])


def test_whole_bundle_is_let_in_by_the_fuzzers_own_packer() -> None:
    """Else all that it makes would be refused at the door, and nothing be tried."""
    data = SEEDS["bundles"]["digits.tflite"]
    entries = _entries(data)
    assert entries is not None
    assert parse_bundle(joined(entries), "again").labels == tuple("0123456789")


@pytest.mark.parametrize("target", list(TARGETS))
def test_mutants_by_chance_are_read_or_refused(target: str) -> None:
    given = list(SEEDS[target].values())
    for number in range(MUTANTS):
        rng = random.Random(number)
        made = MUTATORS[target](rng.choice(given), MOST_BYTES[target], rng, havoc(rng))
        TARGETS[target](made)


@pytest.mark.parametrize("target", list(TARGETS))
def test_longer_job_runs_and_tells_what_it_did(target: str, tmp_path: Path) -> None:
    done = _fuzz(target, "--runs", "40", "--folder", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert f"{target}: 40 executions in " in done.stdout


def test_longer_job_fails_on_a_finding(tmp_path: Path) -> None:
    """What is known as a finding already is told again: nothing is forgotten between runs."""
    kept = tmp_path / "pictures" / "findings"
    kept.mkdir(parents=True)
    (kept / "0123.txt").write_text("Traceback\nKeyError: 'x'\n")
    done = _fuzz("pictures", "--runs", "5", "--folder", str(tmp_path))
    assert done.returncode == 1
    assert "1 findings" in done.stdout
    assert "0123.txt: KeyError: 'x'" in done.stderr


def _fuzz(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.fuzz", *arguments, "--plain"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


# --- bundles made to harm ---


def entries() -> dict[str, bytes]:
    found = _entries(SEEDS["bundles"]["digits.tflite"])
    assert found is not None
    return found


def with_claim(data: bytes, size: int) -> bytes:
    """The archive's list claims other sizes for its entries (ZIP's APPNOTE, 4.3.12)."""
    changed, at = bytearray(data), data.find(b"PK\1\2")
    while at >= 0:
        changed[at + 24 : at + 28] = size.to_bytes(4, "little")
        at = data.find(b"PK\1\2", at + 4)
    return bytes(changed)


def lzma_entry() -> bytes:
    buffer = io.BytesIO(entries()[""])
    buffer.seek(0, io.SEEK_END)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_LZMA) as archive:
        archive.writestr(LABELS, "0\n1\n")
    return buffer.getvalue()


def twice() -> bytes:
    buffer = io.BytesIO(entries()[""])
    buffer.seek(0, io.SEEK_END)
    with zipfile.ZipFile(buffer, "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile's own, of the name
        archive.writestr(LABELS, "0\n1\n")
        archive.writestr(LABELS, "1\n0\n")
    return buffer.getvalue()


def golden_of(frames: object, outputs: object) -> bytes:
    arrays = {}
    for name, array in (("frames.npy", frames), ("tflite-runtime.npy", outputs)):
        buffer = io.BytesIO()
        np.save(buffer, np.asarray(array), allow_pickle=False)
        arrays[name] = buffer.getvalue()
    return joined({**entries(), GOLDEN: zipped(arrays)})


FRAMES = np.zeros((2, 28, 28), np.uint8)
HARM: dict[str, tuple[Callable[[], bytes], str]] = {
    "claims": (
        lambda: with_claim(SEEDS["bundles"]["digits.tflite"], MAX_BYTES // 3),
        "its entries claim [0-9]+ bytes, more than 67108864",
    ),
    "lzma": (lzma_entry, "labels.txt is encrypted, or packed in another way than deflate"),
    "twice": (twice, "two entries are called labels.txt"),
    "labels": (
        lambda: joined({**entries(), LABELS: b"\x1b]0;x\x07\n" + entries()[LABELS][2:]}),
        "expected labels without control characters in labels.txt",
    ),
    "name": (
        lambda: joined(
            {**entries(), CONTRACT: entries()[CONTRACT].replace(b'"digits"', b'"../digits"')}
        ),
        "name must be 1 to 64 letters",
    ),
    "golden-side": (
        lambda: golden_of(FRAMES[:, 1:], np.zeros((2, 10), np.int8)),
        r"expected up to 1024 frames uint8 \(n, 28, 28\), got uint8 \(2, 27, 28\)",
    ),
    "golden-dtype": (
        lambda: golden_of(FRAMES.astype(np.float64), np.zeros((2, 10), np.int8)),
        r"expected up to 1024 frames uint8 \(n, 28, 28\), got float64",
    ),
    "golden-none": (
        lambda: golden_of(FRAMES[:0], np.zeros((0, 10), np.int8)),
        r"expected up to 1024 frames uint8 \(n, 28, 28\), got uint8 \(0, 28, 28\)",
    ),
    "golden-outputs": (
        lambda: golden_of(FRAMES, np.zeros((3, 10), np.int8)),
        r"expected outputs \(2, 10\) of tflite-runtime, got int8 \(3, 10\)",
    ),
    "golden-words": (
        lambda: golden_of(FRAMES, np.full((2, 10), "x")),
        r"expected outputs \(2, 10\) of tflite-runtime, got <U1",
    ),
    "golden-labels": (
        lambda: golden_of(FRAMES, np.zeros((2, 9), np.int8)),
        r"expected outputs \(2, 10\) of tflite-runtime, got int8 \(2, 9\)",
    ),
}


@pytest.mark.parametrize("name", list(HARM))
def test_bundle_made_to_harm_is_refused_in_its_words(name: str) -> None:
    make, message = HARM[name]
    with pytest.raises(ModelError, match=message):
        check_agreement(parse_bundle(make(), "harm"), "harm")


# --- streams ---


class Dripping(io.RawIOBase):
    """A pipe that gives a few bytes at a time."""

    def __init__(self, data: bytes, rng: random.Random) -> None:
        self._data, self._rng = io.BytesIO(data), rng
        self._sizes = rng.choice(((1,), (7,), (100,), (1, 7, 100, 5000)))

    def read1(self, size: int) -> bytes:
        return self._data.read(self._rng.choice(self._sizes))


def parts_of(data: bytes, seed: int | None) -> list[bytes | str]:
    """What a stream of these bytes comes to: pictures, and words for what is none."""
    file = io.BytesIO(data) if seed is None else Dripping(data, random.Random(seed))
    found = _split(Stream(file, 1 << 22))  # type: ignore[arg-type]
    return [str(one) if isinstance(one, FrameError) else one for one in found]


ENDINGS = (".jpg", ".png", ".gif", ".webp", ".bmp", ".ppm", ".pbm")
"""Of formats that say where they end."""
SELF_ENDING = [
    data
    for name, data in SEEDS["pictures"].items()
    if name.endswith(ENDINGS) and not (KEPT / "pictures" / name).exists()
]


@SOME
@given(st.lists(st.sampled_from(SELF_ENDING), min_size=1, max_size=5), st.integers(0, 2**32))
def test_pictures_in_a_stream_come_out_as_they_went_in(pictures: list[bytes], seed: int) -> None:
    assert parts_of(b"".join(pictures), seed) == pictures


@SOME
@given(
    st.lists(st.sampled_from(SELF_ENDING) | st.binary(max_size=30), min_size=1, max_size=4),
    st.integers(0, 2**32),
)
def test_damaged_stream_is_parted_alike_however_it_comes(parts: list[bytes], seed: int) -> None:
    rng = random.Random(seed)
    data = havoc(rng)(b"".join(parts), 1 << 20)
    at_once = parts_of(data, None)
    assert parts_of(data, seed) == at_once
    assert sum(len(one) for one in at_once if isinstance(one, bytes)) <= len(data)


def chunks(data: bytes, rng: random.Random) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        end = at + rng.choice((1, 9, 300, 4000))
        yield data[at:end]
        at = end


def multipart(data: bytes, seed: int, boundary: bytes = b"edge") -> list[bytes]:
    source = chunks(data, random.Random(seed))
    return list(split_parts(lambda: next(source, b""), boundary))


@SOME
@given(st.lists(st.sampled_from(SELF_ENDING), max_size=4), st.booleans(), st.integers(0, 2**32))
def test_parts_of_mjpeg_come_out_as_they_went_in(
    pictures: list[bytes], has_length: bool, seed: int
) -> None:
    data = b""
    for one in pictures:
        length = b"Content-Length: %d\r\n" % len(one) if has_length else b""
        data += b"--edge\r\nContent-Type: image/jpeg\r\n%s\r\n%s\r\n" % (length, one)
    assert multipart(data + b"--edge--\r\n", seed) == pictures


@SOME
@given(st.binary(max_size=200), st.integers(0, 2**32))
def test_damaged_mjpeg_ends(extra: bytes, seed: int) -> None:
    rng = random.Random(seed)
    head = b"--edge\r\nContent-Length: %d\r\n\r\n" % rng.choice((0, 5, 300, 999_999_999))
    data = havoc(rng)((head + extra) * 3, 1 << 20)
    assert all(len(one) <= MAX_PART_BYTES for one in multipart(data, seed))


@SOME
@given(st.text(max_size=60), st.booleans())
def test_any_content_type_has_a_boundary_or_none(text: str, is_multipart: bool) -> None:
    boundary = find_boundary(f"multipart/x; boundary={text}" if is_multipart else text)
    assert boundary is None or boundary


def test_list_of_further_pictures_in_a_jpeg_is_read_no_further_than_it_goes() -> None:
    """20,000 short lists that claim 65,535 entries each took minutes."""
    listing = b"MPF\0" + b"MM\0*" + b"\0\0\0\x08" + b"\xff\xff"
    segment = b"\xff\xe2" + (2 + len(listing)).to_bytes(2, "big") + listing
    data = b"\xff\xd8" + segment * 20_000 + b"\xff\xd9"
    assert parts_of(data, None) == [data]


def test_png_whose_end_claims_a_length_does_not_swallow_the_next() -> None:
    png = SEEDS["pictures"]["gray.png"]
    lying = png[:-12] + (400).to_bytes(4, "big") + png[-8:]
    for seed in range(20):
        found = parts_of(lying + b"\0" * 400 + png, seed)
        assert found == parts_of(lying + b"\0" * 400 + png, None)
