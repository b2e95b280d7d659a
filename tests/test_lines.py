"""The writer of whole lines: pipes, files that are full, and readers that do not read."""

from __future__ import annotations

import os
import resource
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge import lines
from edge.lines import BLOCK_BYTES, Lines

LIMIT = 10_000
WRITERS = os.O_WRONLY | os.O_CREAT


@contextmanager
def limited(size_bytes: int) -> Iterator[None]:
    """Files of this process may grow so far."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def opened(path: Path, flags: int = WRITERS) -> Iterator[int]:
    descriptor = os.open(path, flags, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    try:
        yield ends
    finally:
        for end in ends:
            os.close(end)


def fill(target: Lines, count: int, first: int = 0) -> None:
    """Records of 100 bytes each."""
    for number in range(first, first + count):
        target.write(f"{number} ".ljust(99, "x"))


def test_blocks_are_whole_lines_that_a_pipe_takes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks: list[bytes] = []
    write = os.write

    def note(to: int, data: bytes) -> int:
        blocks.append(data)
        return write(to, data)

    monkeypatch.setattr(os, "write", note)
    with pipe() as (reading, writing), Lines(writing) as target:
        fill(target, 200)
        target.write("\n".join(["of one record"] * 400))
        target.flush()
        taken = os.read(reading, 1 << 20)
    assert b"".join(blocks) == taken
    assert len(blocks) < 10
    assert all(len(block) <= BLOCK_BYTES and block.endswith(b"\n") for block in blocks)
    assert target.written == 201


@pytest.mark.parametrize("flags", [0, os.O_APPEND], ids=[">", ">>"])
def test_a_full_file_ends_with_a_whole_record(tmp_path: Path, flags: int) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"half of somebody else's line")
    with opened(path, WRITERS | flags) as descriptor:
        os.lseek(descriptor, 0, os.SEEK_END)
        target = Lines(descriptor)
        with limited(LIMIT), pytest.raises(OSError, match="File too large") as caught:
            fill(target, 200)
        assert caught.value.filename == "stdout"
        assert target.written == (LIMIT - 28) // 100
        assert path.read_bytes().endswith(b"x\n")
        assert path.stat().st_size == 28 + 100 * target.written
        fill(target, 1, first=777)  # there is room again
        target.flush()
    assert path.read_text().splitlines()[-1].startswith("777 ")
    assert path.stat().st_size == 28 + 100 * target.written


def test_a_record_of_several_lines_is_cut_off_as_one(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with opened(path) as descriptor, limited(LIMIT):
        target = Lines(descriptor)
        target.write("first")
        target.write("\n".join(["second"] * 3000))
        with pytest.raises(OSError, match="File too large"):
            target.flush()
    assert (path.read_text(), target.written) == ("first\n", 1)


def test_what_somebody_else_wrote_behind_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out"
    write = os.write

    def write_beside(to: int, data: bytes) -> int:
        count = write(to, data)
        if count < len(data):
            with limited(LIMIT * 2), path.open("ab") as other:
                other.write(b"another's\n")
        return count

    with opened(path, WRITERS | os.O_APPEND) as descriptor:
        target = Lines(descriptor)
        monkeypatch.setattr(os, "write", write_beside)
        with limited(LIMIT - 50), pytest.raises(OSError, match="File too large"):
            fill(target, 200)
        monkeypatch.setattr(os, "write", write)
        fill(target, 1, first=777)
        target.flush()
    assert target.written == 99 + 1
    *_, torn, next_one = path.read_text().splitlines()
    assert torn.endswith("another's")
    assert next_one.startswith("777 ")


def test_half_a_line_that_stays_is_ended_before_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "ftruncate", refuse)
    with opened(tmp_path / "out") as descriptor:
        target = Lines(descriptor)
        with limited(LIMIT - 50), pytest.raises(OSError, match="File too large"):
            fill(target, 200)
        fill(target, 1, first=777)
        target.flush()
    *_, half, last = (tmp_path / "out").read_text().splitlines()
    assert len(half) == 50
    assert last.startswith("777 ")
    assert target.written == 99 + 1


def test_a_pipe_that_somebody_made_non_blocking_gets_it_all() -> None:
    taken: list[bytes] = []

    def read_slowly(reading: int) -> None:
        while data := os.read(reading, 5000):
            taken.append(data)
            time.sleep(0.001)

    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    reader = threading.Thread(target=read_slowly, args=(reading,))
    reader.start()
    with Lines(writing) as target:
        fill(target, 2000)
        target.write("z" * 100_000)
    os.close(writing)
    reader.join()
    os.close(reading)
    found = b"".join(taken).decode().splitlines()
    assert [line.split()[0] for line in found[:-1]] == [str(number) for number in range(2000)]
    assert found[-1] == "z" * 100_000


def test_the_rest_of_a_long_line_goes_before_the_next_one() -> None:
    room = 2
    """Blocks."""

    def has_room() -> bool:
        nonlocal room
        room -= 1
        return room >= 0

    with pipe() as (reading, writing):
        target = Lines(writing, has_room=has_room)
        target.write("a" * (3 * BLOCK_BYTES))
        target.flush()  # two parts of four
        assert (target.written, target.is_in_part) == (1, True)
        target.write("lost")
        with pytest.raises(BlockingIOError, match="does not read"):
            target.flush()
        room = 9
        target.write("b")
        target.flush()
        assert (target.written, target.is_in_part) == (2, False)
        assert os.read(reading, 1 << 20).decode() == "a" * (3 * BLOCK_BYTES) + "\nb\n"


def test_a_closed_descriptor_says_so() -> None:
    with opened(Path(os.devnull), os.O_RDONLY) as descriptor:
        target = Lines(descriptor)
        target.write("a")
        with pytest.raises(OSError, match="it is closed") as caught:
            target.flush()
    assert caught.value.filename == lines.STDOUT
    target.flush()  # what was lost is not tried again
