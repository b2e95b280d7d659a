"""Progress of a long run on stderr: what it says, how often, and when it keeps quiet."""

from __future__ import annotations

import io
import time
from pathlib import Path

import pytest

from edge.cli.progress import Progress, describe
from edge.terminal import ERASE


class Screen(io.StringIO):
    def __init__(self, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def progress_of(
    sources: list[str], *, terminal: bool, results_terminal: bool = False
) -> tuple[Progress, Screen, Clock]:
    screen, clock = Screen(terminal), Clock()
    results = Screen(results_terminal)
    return Progress(sources, out=screen, results=results, clock=clock), screen, clock


def steps(progress: Progress, clock: Clock, count: int, seconds: float) -> None:
    for _ in range(count):
        clock.now_s += seconds / count
        progress.step()


def test_terminal_shows_one_line_that_is_erased_at_the_end() -> None:
    progress, screen, clock = progress_of(["-"], terminal=True)
    with progress:
        steps(progress, clock, 63, 63 / 64)
        assert screen.getvalue() == ""  # a run this short needs none
        steps(progress, clock, 640, 10)
        shown = screen.getvalue().split(ERASE)[1:]
        assert 40 <= len(shown) <= 51  # five a second
        assert shown[0] == "64 done, 64.0/s"
        assert all("\n" not in line and len(line) < 79 for line in shown)
    assert screen.getvalue().endswith(ERASE)


def test_other_lines_are_written_on_a_cleared_one() -> None:
    progress, screen, clock = progress_of(["-"], terminal=True)
    progress.erase()
    assert screen.getvalue() == ""
    steps(progress, clock, 1, 2)
    progress.erase()
    progress.erase()
    assert screen.getvalue() == f"{ERASE}1 done, 0.5/s{ERASE}"


def test_log_gets_a_whole_line_each_half_minute() -> None:
    progress, screen, clock = progress_of(["-"], terminal=False)
    with progress:
        steps(progress, clock, 116, 29)
        assert screen.getvalue() == ""
        steps(progress, clock, 284, 71)
    assert screen.getvalue().splitlines() == [
        f"edgeproof: {count} done, 4.0/s" for count in (120, 240, 360)
    ]


def test_table_on_the_same_terminal_is_not_disturbed() -> None:
    progress, screen, clock = progress_of(["-"], terminal=True, results_terminal=True)
    with progress:
        steps(progress, clock, 1000, 1000)
    assert screen.getvalue() == ""


def test_total_is_counted_in_the_background(tmp_path: Path) -> None:
    for number in range(50):
        (tmp_path / f"{number}.png").touch()
    progress, screen, clock = progress_of([str(tmp_path), "one.jpg"], terminal=True)
    with progress:
        steps(progress, clock, 2, 2)
        deadline_s = time.monotonic() + 10
        while "of 51" not in screen.getvalue():
            assert time.monotonic() < deadline_s
            time.sleep(0.01)
            clock.now_s += 1
            progress.step()
    assert screen.getvalue().split(ERASE)[-2].partition(", ")[0].endswith(" of 51")


@pytest.mark.parametrize(
    ("done", "total", "elapsed_s", "expected"),
    [
        (1200, 4800, 12.6, "1,200 of 4,800, 95.2/s, 38 s left"),
        (5000, 1_000_000, 10.0, "5,000 of 1,000,000, 500/s, 33 min left"),
        (100, 100_000, 50.0, "100 of 100,000, 2.0/s, 13 h 52 min left"),
        (7, None, 14.0, "7 done, 0.5/s"),
        (12, 11, 6.0, "12 done, 2.0/s"),  # files were added meanwhile
    ],
)
def test_line_says_count_rate_and_time_left(
    done: int, total: int | None, elapsed_s: float, expected: str
) -> None:
    assert describe(done, total, elapsed_s) == expected
