"""Records and tables: whole lines that programs can rely on, whatever a label or a name holds."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from edge.classifier import UNKNOWN, Result, Score
from edge.contract import Input, Preprocess
from edge.outputs import CSV_COLUMNS, Format, Output, reading_of
from edge.preprocess.detail import needed_side
from edge.preprocess.region import Box
from edge.sources.frame import Frame
from train.datasets import INK_28, OBJECT_28


def told(format_name: Format, frame: Frame, results: list[Result], is_auto: bool) -> list[str]:
    """The lines of one frame's answers."""
    lines: list[str] = []
    output = Output(format_name, "digits", out=lines.append, err=lines.append)
    if is_auto:
        output.regions(frame, results)
    else:
        output.result(frame, results[0])
    return lines


def frame(source: str = "a.jpg", shrunk: int = 1) -> Frame:
    return Frame(0, source, 1.0, np.zeros((10, 10), np.uint8), shrunk)


def answer(label: str, box: Box | None, score: float = 0.9) -> Result:
    known = "7" if label == UNKNOWN else label
    return Result(label, score, (Score(known, score), Score("1", 0.01)), 2.0, box)


NUMBER = [
    answer("4", (5, 5, 10, 20)),
    answer(UNKNOWN, (25, 6, 10, 20), 0.4),
    answer("1", (50, 4, 3, 20)),
]


def test_box_counts_the_files_pixels() -> None:
    (line,) = told("jsonl", frame(shrunk=4), [answer("7", (1, 2, 30, 40))], is_auto=False)
    assert json.loads(line)["box"] == [4, 8, 120, 160]
    _, line = told("csv", frame(shrunk=2), [answer("7", (1, 2, 30, 40))], is_auto=False)
    (row,) = csv.DictReader([",".join(CSV_COLUMNS), line])
    assert (row["box"], row["region"], row["reading"]) == ("2 4 60 80", "", "")


def test_every_region_is_a_record_with_the_frames_reading() -> None:
    records = [json.loads(line) for line in told("jsonl", frame(), NUMBER, is_auto=True)]
    whole = json.loads(told("jsonl", frame(), NUMBER[:1], is_auto=False)[0])
    assert [record["region"] for record in records] == [0, 1, 2]
    assert {record["reading"] for record in records} == {"4?1"}
    assert [record["label"] for record in records] == ["4", UNKNOWN, "1"]
    assert set(records[0]) == set(whole) | {"region", "reading"}


def test_table_has_the_reading_and_below_it_the_parts() -> None:
    heading, first, *parts = told("table", frame("meter.jpg", 2), NUMBER, is_auto=True)
    assert heading.split() == ["SOURCE", "LABEL", "SCORE", "OTHERS"]
    assert first.split() == ["meter.jpg", "4?1", "0.400"]  # the least sure of them
    assert [part.startswith("  at ") for part in parts] == [True] * 3
    assert parts[0].split()[:7] == ["at", "10", "10", "20", "40", "4", "0.900"]
    _, _, part = told("table", frame(), [answer("7", None)], is_auto=True)
    assert part.startswith("  the whole frame ")


def test_lines_of_a_page_are_parted_in_its_reading() -> None:
    assert reading_of([answer("4", (5, 5, 9, 20)), answer("1", (5, 60, 9, 20))]) == "4 / 1"
    assert reading_of([]) == ""


@pytest.mark.parametrize("format_name", ["table", "jsonl", "csv"])
def test_empty_frame_counts_as_one_result(format_name: Format) -> None:
    lines: list[str] = []
    output = Output(format_name, "digits", out=lines.append, err=lines.append)
    output.regions(frame(), [])
    assert (output.results, output.failures) == (1, 0)
    assert UNKNOWN in lines[-1]


def photo(height: int, width: int, fit: str) -> Input:
    recipe = Preprocess("photo", (0.0,) * 3, (1.0,) * 3, fit)  # type: ignore[arg-type]
    return Input(height, width, "rgb", recipe)


def test_enough_of_a_picture_is_decoded() -> None:
    """The side is the longer one: a centre crop needs the pixels in the shorter one."""
    assert needed_side(INK_28) == needed_side(OBJECT_28) == 1280
    assert needed_side(photo(224, 160, "letterbox")) == 448
    for fit in ("crop", "stretch"):
        assert needed_side(photo(224, 160, fit)) == 896
