"""Strange words on the command line: a documented exit code, one line, and no traceback."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edge.cameras.which import find_spec, parse_size
from edge.cli import run
from edge.errors import CameraError, EnvironmentFault, UsageError
from edge.live.address import parse_live
from edge.sinks.address import parse_mqtt
from edge.sinks.webhook import parse_webhook
from edge.sources.video import parse_every
from edge.steady.smoothing import parse_smooth
from edge.terminal import printable
from tests.conftest import ROOT
from tests.fuzz.amount import FEW, MANY, SOME, examples
from tests.fuzz.seeds import seeds

ANY = st.text(st.characters(exclude_categories=()), max_size=12)
"""NULs, control characters and the lone surrogates that stand for bytes that are no UTF-8."""
ODD = (
    *("", "-", "--", "-1", "0", "1", "9" * 5000, "1e400", "nan", "inf", "1x1", "0x0", "-5s", "2s"),
    *(
        "\0",
        "a\0b",
        "\udcff",
        "\x1b[2J",
        "a\nb",
        "x" * 5000,
        "ä",
        "\u0663",
        "%",
        "{}",
        "*",
        "[",
        "?",
    ),
)
SCRATCH = ("good.png", "bad.png", "missing.png", "some", "bare.tflite", "model.tflite", "x.json")
"""What lies in the folder that everything runs in, or does not."""
NAMES = st.sampled_from(ODD + SCRATCH) | ANY.filter(
    lambda text: "/" not in text and "~" not in text
)
"""None leads out of that folder, to the network or to a device."""
OPTIONS = {
    "classify": (
        *("--model", "--top", "--format", "--regions", "--annotate", "--explain", "--every"),
        *("--jobs", "--help", "-h"),
    ),
    "info": ("--json",),
    "verify": ("--json",),
    "models": ("--json",),
    "doctor": ("--help",),
    "adopt": (
        *("--labels", "--preprocess", "--pixels", "--mean", "--std", "--fit", "--scores", "--name"),
        *("--out", "--force"),
    ),
    "service": ("--user", "--name", "--help"),
}
CHOICES = (
    "jsonl",
    "csv",
    "table",
    "auto",
    "whole",
    "digits",
    "photo",
    "ink",
    "0..255",
    "1,2,3",
    "1",
)
OTHERS = {".hypothesis", ".mypy_cache", ".pytest_cache", ".ruff_cache", "build", "dist", "runs"}
"""That tests beside this one may make."""
DOCUMENTED = {0, 1, 2, 4}
"""3 is the gate's."""


@st.composite
def lines(draw: st.DrawFn) -> list[str]:
    """A command with words in any order, options repeated, and values that may not be theirs."""
    command = draw(st.sampled_from([*OPTIONS, "classify", "adopt", "nonsense", ""]))
    words = [command]
    if command == "service":
        words.append("uninstall")  # it prints; the other one writes, as root into /etc
    elif command == "doctor":
        words.append("--nothing")  # it takes seconds
    for _ in range(draw(st.integers(0, 5))):
        options = OPTIONS.get(command, ("--help",))
        words.append(draw(st.sampled_from(options) | st.sampled_from(CHOICES) | NAMES))
    return words


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("words")
    (folder / "inner" / "some").mkdir(parents=True)
    picture, bundle = seeds("pictures")["gray.png"], seeds("bundles")["bare.tflite"]
    for name, data in (("good.png", picture), ("some/one.png", picture), ("bad.png", picture[:99])):
        (folder / "inner" / name).write_bytes(data)
    (folder / "inner" / "model.tflite").write_bytes(bundle[:9000])
    (folder / "inner" / "bare.tflite").write_bytes(bundle[:-200])
    return folder


def listing(scratch: Path) -> set[str]:
    """What lies around, where nothing may be added."""
    return {path.name for folder in (ROOT, scratch) for path in folder.iterdir()} - OTHERS


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, scratch: Path) -> Callable[[list[str]], tuple[int, str]]:
    """Runs the command line in this process: exit code, and what it wrote to stderr."""
    monkeypatch.chdir(scratch / "inner")
    monkeypatch.setenv("HOME", str(scratch / "inner"))
    monkeypatch.delenv("EDGEPROOF_SOURCE", raising=False)

    def call(words: list[str]) -> tuple[int, str]:
        before = sys.stdin, sys.stdout, sys.stderr
        with ExitStack() as files:  # real ones, as a camera's lines go past Python
            streams = [files.enter_context(TemporaryFile("w+", encoding="utf-8")) for _ in range(3)]
            sys.stdin, sys.stdout, sys.stderr = streams
            try:
                code = run(words)
                sys.stdout.flush()
            finally:
                sys.stdin, sys.stdout, sys.stderr = before
            streams[2].seek(0)
            return code, streams[2].read()

    return call


def check(words: list[str], code: int, told: str) -> None:
    assert code in DOCUMENTED, (words, told)
    assert "Traceback" not in told, words
    assert told or code in (0, 4), words  # doctor and verify say it on stdout
    assert all(printable(line) == line for line in told.splitlines()), words


@pytest.fixture
def nothing_elsewhere(scratch: Path) -> Any:
    before = listing(scratch)
    yield
    assert listing(scratch) == before


@examples(150)
@example(["adopt", ""])
@example(["adopt", "\0"])
@example(["classify", "good.png", "--every", "9" * 5000])
@example(["classify", "good.png", "some", "--model", "digits", "--format", "csv"])
@given(lines())
def test_any_command_line_ends_as_documented(
    call: Callable[[list[str]], tuple[int, str]], nothing_elsewhere: None, words: list[str]
) -> None:
    check(words, *call(words))


CAMERA = (
    *(
        "--model",
        "--top",
        "--format",
        "--regions",
        "--fps",
        "--size",
        "--smooth",
        "--live",
        "--mqtt",
    ),
    *("--webhook", "--record-limit", "--stall-after", "--frozen-after", "--motion", "--all-frames"),
)


@FEW
@given(st.lists(st.tuples(st.sampled_from(CAMERA), NAMES), max_size=2))
def test_camera_with_any_options_ends_as_documented(
    call: Callable[[list[str]], tuple[int, str]],
    nothing_elsewhere: None,
    pairs: list[tuple[str, str]],
) -> None:
    pairs = [(name, "no address" if name == "--live" else value) for name, value in pairs]
    words = ["camera", "some", "--frames", "1", *(word for pair in pairs for word in pair)]
    check(words, *call(words))


@examples(40)
@given(st.lists(NAMES, max_size=4))
def test_service_with_any_arguments_ends_as_documented(
    call: Callable[[list[str]], tuple[int, str]], nothing_elsewhere: None, words: list[str]
) -> None:
    words = ["service", "install", "--output", "unit.service", "--", *words]
    check(words, *call(words))


PARSERS: dict[str, tuple[Callable[[str], object], str]] = {
    "live": (parse_live, "0123456789:.[]localhst"),
    "mqtt": (lambda text: parse_mqtt(text, {}), "mqtt:/@[]%?#.0123456789é\udcff\0 x"),
    "webhook": (lambda text: parse_webhook(text, {}), "https:/@[]%?#.0123456789é\udcff\0 x"),
    "every": (parse_every, "0123456789.s -"),
    "size": (parse_size, "0123456789x"),
    "smooth": (parse_smooth, "exponential:majority0123456789.-e"),
}
BEGINNINGS = ("", "mqtt://", "mqtts://u:p@", "http://", "https://[", "exponential:", "[", "1", ":")


@pytest.mark.parametrize("name", list(PARSERS))
def test_word_is_a_value_or_a_usage_error(name: str) -> None:
    parse, letters = PARSERS[name]

    @SOME
    @given(st.sampled_from(BEGINNINGS), st.text(letters, max_size=12) | ANY)
    def try_one(beginning: str, rest: str) -> None:
        with suppress(UsageError):
            parse(beginning + rest)

    try_one()
    for beginning in BEGINNINGS:
        for rest in (*ODD, "9" * 5000 + "s", "h/\udcff", "h/%ff", "h:\u0663/"):
            with suppress(UsageError):
                parse(beginning + rest)


@MANY
@example("", "a\0b")
@given(st.sampled_from(("http://", "rtsp://u:p@", "https://[", "pi:", "")), NAMES)
def test_source_is_a_camera_or_an_error(beginning: str, word: str) -> None:
    if not word:
        return  # whichever camera there is
    with suppress(UsageError, CameraError, EnvironmentFault):
        assert find_spec(beginning + word).name


def test_file_name_and_label_do_nothing_to_a_terminal(
    call: Callable[[list[str]], tuple[int, str]], scratch: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    name = "\x1b]0;owned\x07\x9b2J\u202e.png"
    path = scratch / "inner" / name
    path.write_bytes((scratch / "inner" / "bad.png").read_bytes())
    code, told = call(["classify", name])
    path.unlink()
    assert code == 1
    assert re.search(r"\\x1b\]0;owned\\x07\\x9b2J\\u202e\.png: the picture is damaged", told)
    assert "\x1b" not in told


def test_surrogates_and_blanks_stay_what_they_are() -> None:
    """The stream writes a surrogate as an escape; a blank of another width is no harm."""
    assert printable("a\u00a0b\u200dc ä") == "a\u00a0b\u200dc ä"
    assert os.fsencode(printable("\udcff")) == b"\xff"
