"""Files, folders, globs and web addresses as one stream of frames, in order and bounded."""

from __future__ import annotations

import heapq
import io
import itertools
import os
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge.sources import files, picture, url
from edge.sources.files import count_frames, read_frames
from edge.sources.frame import Failure, Frame


def encode(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


PNG = encode(Image.fromarray(np.random.default_rng(0).integers(0, 256, (30, 30), np.uint8)))


def only(source: str | Path) -> Frame | Failure:
    (item,) = read_frames([str(source)])
    return item


def failed(source: str | Path) -> tuple[str, str]:
    """Kind and message of a source that is one failure."""
    item = only(source)
    assert isinstance(item, Failure)
    assert item.source == str(source)
    return item.error.kind, str(item.error)


def folder_of_pictures(root: Path) -> Path:
    (root / "b").mkdir()
    for name in ("z.png", "b/a.JPG", "b/c.png", ".hidden.png", "notes.txt"):
        (root / name).write_bytes(PNG)
    (root / "b" / "broken.png").write_bytes(b"no")
    return root


def names(root: Path) -> list[str]:
    return [os.path.relpath(item.source, root) for item in read_frames([str(root)])]


def test_folder_is_walked_in_order_and_the_run_goes_on(tmp_path: Path) -> None:
    items = list(read_frames([str(folder_of_pictures(tmp_path))]))
    found = [os.path.relpath(item.source, tmp_path) for item in items]
    assert found == ["z.png", "b/a.JPG", "b/broken.png", "b/c.png"]
    assert [type(item) for item in items] == [Frame, Frame, Failure, Frame]
    assert [item.index for item in items] == [0, 1, 2, 3]


@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_order_does_not_depend_on_how_many_names_are_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    expected = []
    for folder in ("", "a", "a/m", "a/n", "b", "c", "d", "d/x"):
        (tmp_path / folder).mkdir(exist_ok=True)
        for number in (3, 1, 7, 0, 5, 2, 6):
            (tmp_path / folder / f"{number}.png").write_bytes(PNG)
        expected += [os.path.join(folder, f"{number}.png") for number in (0, 1, 2, 3, 5, 6, 7)]
    monkeypatch.setattr(files, "CHUNK", chunk)
    assert names(tmp_path) == expected
    globbed = [item.source for item in read_frames([str(tmp_path / "**" / "*.png")])]
    assert globbed == sorted(str(tmp_path / name) for name in expected)


def test_large_folder_is_never_held_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(50):
        (tmp_path / f"{number:02d}.png").write_bytes(PNG)
    held = []
    nsmallest = heapq.nsmallest

    def smallest(size: int, found: Iterator[str]) -> list[str]:
        assert not isinstance(found, list | tuple)  # a stream, and so no list of all
        chunk = nsmallest(size, found)
        held.append(len(chunk))
        return chunk

    monkeypatch.setattr(files, "CHUNK", 8)
    monkeypatch.setattr(heapq, "nsmallest", smallest)
    frames = read_frames([str(tmp_path)])
    assert len(list(itertools.islice(frames, 5))) == 5
    assert held == [8]  # the rest waits until it is asked for
    assert len(list(frames)) == 45
    assert max(held) == 8


def test_picture_that_vanishes_after_it_was_listed_is_one_failure(tmp_path: Path) -> None:
    for name in ("a.png", "b.png", "c.png"):
        (tmp_path / name).write_bytes(PNG)
    frames = read_frames([str(tmp_path)])
    assert isinstance(next(frames), Frame)
    (tmp_path / "b.png").unlink()
    gone, last = frames
    assert isinstance(gone, Failure)
    assert gone.error.kind == "not-found"
    assert isinstance(last, Frame)


def test_folder_that_cannot_be_listed_is_one_failure_and_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").write_bytes(PNG)
    scandir = os.scandir

    def refuse(folder: str) -> object:
        if os.path.basename(folder) == "b":  # root may list everything, and runs the tests
            raise PermissionError(13, "Permission denied", folder)
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    items = list(read_frames([str(tmp_path)]))
    assert [type(item) for item in items] == [Frame, Failure, Frame]
    assert isinstance(items[1], Failure)
    assert items[1].error.kind == "no-permission"
    assert str(items[1].error) == f"{tmp_path}/b: cannot be listed: Permission denied"


def test_linked_folders_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.png").write_bytes(PNG)
    (tmp_path / "a" / "round").symlink_to(tmp_path)
    (tmp_path / "a" / "like.png").symlink_to(tmp_path)
    (tmp_path / "a" / "linked.png").symlink_to(tmp_path / "a" / "1.png")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "1.png").write_bytes(PNG)
    assert names(tmp_path) == ["a/1.png", "a/linked.png"]


def test_glob_is_expanded_by_us_when_the_shell_did_not(tmp_path: Path) -> None:
    folder_of_pictures(tmp_path)
    items = list(read_frames([str(tmp_path / "**" / "*.png")]))
    assert [Path(item.source).name for item in items] == ["broken.png", "c.png", "z.png"]


def test_file_whose_name_looks_like_a_glob_is_read(tmp_path: Path) -> None:
    (tmp_path / "photo[1].png").write_bytes(PNG)
    assert isinstance(only(tmp_path / "photo[1].png"), Frame)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("empty", "empty-folder"),
        ("*.bmp", "no-match"),
        ("gone.png", "not-found"),
        ("zero.jpg", "empty-file"),
        ("text.jpg", "not-a-picture"),
        ("dangling.png", "not-found"),
    ],
)
def test_source_without_pictures_is_one_failure(tmp_path: Path, name: str, kind: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "zero.jpg").touch()
    (tmp_path / "text.jpg").write_text("these are words")
    (tmp_path / "dangling.png").symlink_to(tmp_path / "nothing")
    assert failed(tmp_path / name)[0] == kind


def test_side_reaches_the_decoder_and_the_frame_says_what_it_did(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(encode(Image.new("L", (400, 200)), "JPEG"))
    frames = [Image.new("L", (8, 8), level) for level in (0, 90)]
    (tmp_path / "b.gif").write_bytes(encode(frames[0], "GIF", save_all=True, append_images=frames))
    photo, film = read_frames([str(tmp_path)], side=100)
    assert isinstance(photo, Frame)
    assert (photo.shrunk, photo.rgb.shape, photo.note) == (4, (50, 100), None)
    assert isinstance(film, Frame)
    assert (film.shrunk, film.note) == (1, "animated: the first of 2 frames")


def test_count_is_what_the_stream_will_give(tmp_path: Path) -> None:
    folder_of_pictures(tmp_path)
    (tmp_path / "empty").mkdir()
    sources = [str(tmp_path), str(tmp_path / "b" / "*.png"), str(tmp_path / "none.png")]
    sources += [str(tmp_path / "empty"), str(tmp_path / "*.bmp")]
    assert count_frames(sources, lambda: True) == len(list(read_frames(sources))) == 9
    for stream in ("-", "film.mp4"):
        assert count_frames([*sources, stream], lambda: True) is None
    assert count_frames(["http://example.org/a.png"], lambda: True) == 1
    assert count_frames(sources, lambda: False) is None


class Handler(BaseHTTPRequestHandler):
    """Answers by path, as servers do in good and in bad hours."""

    def do_GET(self) -> None:
        getattr(self, f"_{self.path.strip('/').partition('?')[0]}")()

    def _picture(self, promised: int = len(PNG)) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(promised))
        self.end_headers()
        self.wfile.write(PNG)

    def _words(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>")

    def _missing(self) -> None:
        self.send_error(404)

    def _slow(self) -> None:
        time.sleep(1)

    def _drip(self) -> None:
        self.send_response(200)
        self.end_headers()
        for _ in range(20):
            self.wfile.write(b"\0")
            time.sleep(0.05)

    def _drip_head(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for number in range(20):
            self.wfile.write(f"X-{number}: 1\r\n".encode())
            time.sleep(0.05)

    def _large(self) -> None:
        self._picture(promised=10_000_000)

    def _cut(self) -> None:
        self._picture(promised=len(PNG) + 1)

    def _unmeasured(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(bytes(5000))

    def _moved(self, to: str = "/picture") -> None:
        self.send_response(302)
        self.send_header("Location", to)
        self.end_headers()

    def _file(self) -> None:
        self._moved("file:///etc/hostname")

    def _ftp(self) -> None:
        self._moved("ftp://127.0.0.1/picture")

    def _round(self) -> None:
        self._moved("/round")

    def log_message(self, *_: object) -> None:
        """Nothing on stderr."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server on this machine."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as one:
        one.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that hang up
        threading.Thread(target=one.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{one.server_port}"
        one.shutdown()


@pytest.mark.parametrize("path", ["picture", "picture?size=*", "moved"])
def test_address_of_a_picture_is_fetched(server: str, path: str) -> None:
    item = only(f"{server}/{path}")
    assert isinstance(item, Frame)
    assert item.source == f"{server}/{path}"
    assert np.array_equal(item.rgb, picture.decode(PNG, "x"))


@pytest.mark.parametrize(
    ("path", "kind", "message"),
    [
        ("missing", "not-found", "the server answered 404 Not Found"),
        ("words", "not-a-picture", "expected one of JPEG"),
        ("slow", "unreachable", "expected an answer within 0.2 s"),
        ("drip", "unreachable", "expected the picture within 0.3 s"),
        ("drip_head", "unreachable", "expected the picture within 0.3 s"),
        ("large", "too-large", "expected at most 4000 bytes, got 10000000"),
        ("unmeasured", "too-large", "expected at most 4000 bytes, got "),
        ("cut", "unreachable", "the connection ended after"),
        ("file", "not-found", "302"),
        ("ftp", "unreachable", "unknown url type: ftp"),
        ("round", "not-found", "302"),
    ],
)
def test_address_without_a_picture_is_one_failure(
    server: str, monkeypatch: pytest.MonkeyPatch, path: str, kind: str, message: str
) -> None:
    monkeypatch.setattr(url, "TIMEOUT_S", 0.2)
    monkeypatch.setattr(url, "TOTAL_S", 0.3)
    monkeypatch.setattr(picture, "MAX_BYTES", 4000)
    found, said = failed(f"{server}/{path}")
    assert found == kind
    assert said.startswith(f"{server}/{path}: ")
    assert message in said
    assert "\n" not in said


def test_server_that_is_not_there_is_one_failure(server: str) -> None:
    kind, message = failed("http://127.0.0.1:9/a.png")
    assert kind == "unreachable"
    assert "cannot be reached: [Errno 111] Connection refused" in message
    assert failed("http://[::1/a.png")[0] == "unreachable"
    assert failed("http:///a.png")[0] == "unreachable"


def test_other_schemes_are_only_names_of_files(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    for address in (f"file://{tmp_path}/a.png", "ftp://127.0.0.1/a.png"):
        assert failed(address)[0] == "not-found"
