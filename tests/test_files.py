"""Files are there whole or not at all."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from edge.errors import UsageError
from edge.files import make_writable, write_atomic


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        write_atomic(tmp_path / "folder", b"a file cannot take a folder's place")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_file_is_for_whom_the_umask_says(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomic(tmp_path / "new", b"1")
    finally:
        os.umask(before)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o640


def test_readers_see_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    path, seen, is_over = tmp_path / "file", set(), threading.Event()
    write_atomic(path, b"0" * 100_000)

    def read() -> None:
        while not is_over.is_set():
            data = path.read_bytes()
            seen.add((len(data), len(set(data))))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(50):
        write_atomic(path, str(number % 10).encode() * 100_000)
    is_over.set()
    reader.join()
    assert seen == {(100_000, 1)}


def test_a_file_in_a_folders_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="--here: expected a folder, got a file"):
        make_writable(tmp_path / "file" / "below", "--here")
