"""Several things in one frame: each found, read in order, cut where they touch or left unknown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.classifier import UNKNOWN, Classifier
from edge.preprocess import find_regions
from edge.preprocess.region import Box
from edge.preprocess.strokes import find_marks
from edge.preprocess.touching import cut
from edge.reading import read, reading_lines
from tests.drawing import draw_digit
from train.datasets import INK_28


@pytest.fixture(scope="module")
def digits() -> Iterator[Classifier]:
    with Classifier.load("digits") as classifier:
        yield classifier


def page(*placed: tuple[str, int, int], side: int = 90) -> NDArray[np.uint8]:
    """uint8 (480, 640): dark digits on paper, each with its left and top."""
    ink = np.zeros((480, 640))
    for digit, left, top in placed:
        drawn = draw_digit(digit, side, side // 10) / 255
        area = ink[top : top + side, left : left + side]
        np.maximum(area, drawn, out=area)
    return (215 - 170 * ink).astype(np.uint8)


def labels(classifier: Classifier, frame: NDArray[np.uint8]) -> list[str]:
    return [result.label for result in classifier.classify_regions(frame)]


def test_number_is_read_from_left_to_right(digits: Classifier) -> None:
    frame = page(("4", 40, 200), ("7", 150, 190), ("1", 260, 205), ("7", 370, 195))
    results = digits.classify_regions(frame)
    assert [result.label for result in results] == ["4", "7", "1", "7"]
    boxes = [result.box for result in results]
    assert all(box is not None for box in boxes)
    centers = [box[0] + box[2] / 2 for box in boxes if box]
    assert np.abs(np.array(centers) - [85, 195, 305, 415]).max() < 8


def test_lines_are_read_from_top_to_bottom(digits: Classifier) -> None:
    frame = page(("7", 300, 300), ("4", 100, 310), ("1", 320, 60), ("7", 90, 80))
    assert labels(digits, frame) == ["7", "1", "4", "7"]


def test_every_region_is_like_the_single_one() -> None:
    """A digit by itself gives the model the same pixels however it was asked for."""
    frame = page(("4", 250, 150))
    (single,), (one,) = find_regions(frame, INK_28), find_regions(frame, INK_28, many=True)
    assert np.array_equal(single.pixels, one.pixels)
    assert single.box == one.box


def test_empty_page_has_no_regions(digits: Classifier) -> None:
    assert digits.classify_regions(page()) == []


@pytest.mark.parametrize("overlap", [4, 10])
def test_touching_digits_are_cut_or_unknown_and_never_guessed(
    digits: Classifier, overlap: int
) -> None:
    """7 and 4 whose strokes run into one another; as one mark they look like no digit."""
    first, second = draw_digit("7", 90, 9), draw_digit("4", 90, 9)
    columns = [np.flatnonzero(one.any(axis=0)) for one in (first, second)]
    at = 200 + int(columns[0][-1]) - int(columns[1][0]) - overlap
    frame = page(("7", 200, 180), ("4", at, 180))
    assert labels(digits, frame) in (["7", "4"], [UNKNOWN])


def test_cut_parts_hold_all_of_the_ink() -> None:
    frame = page(("1", 200, 180), ("1", 270, 180))
    frame[222:228, 245:315] = 45  # a bar that joins them
    mark = max(find_marks(frame), key=lambda mark: mark.extent * mark.edged)
    pairs = cut(mark)
    assert pairs
    for one, other in pairs:
        assert int(one.mask.sum() + other.mask.sum()) == int(mark.mask.sum())
        assert one.box[0] < other.box[0]


def test_narrow_mark_is_not_cut() -> None:
    mark = max(find_marks(page(("1", 200, 180))), key=lambda mark: mark.extent * mark.edged)
    assert cut(mark) == []


def whole_boxes(frame: NDArray[np.uint8]) -> list[Box]:
    return [region.box for region in find_regions(frame, INK_28, many=True) if region.box]


NUMBER = (("4", 40, 200), ("7", 150, 190), ("1", 260, 205), ("4", 370, 195))


@pytest.mark.parametrize("at", [215, 225, 235])
def test_digit_that_broke_apart_is_put_together_beside_others(at: int) -> None:
    frame = page(*NUMBER)
    frame[at : at + 14, 150:240] = 215  # the pen left the paper in the 7's stem
    unbroken, boxes = sorted(whole_boxes(page(*NUMBER))), sorted(whole_boxes(frame))
    assert np.abs(np.array(boxes) - unbroken).max() <= 3


@pytest.mark.parametrize("at", [195, 245])
def test_single_digit_that_broke_apart_is_offered_with_its_pieces(at: int) -> None:
    frame = page(("1", 200, 180))
    (unbroken,) = find_regions(frame, INK_28)
    frame[at : at + 12, 190:300] = 215
    (region,) = find_regions(frame, INK_28)
    assert region.box is not None
    assert unbroken.box is not None
    assert region.box[3] < unbroken.box[3] - 10
    assert [whole.box for whole in region.wholes] == [unbroken.box]


def test_digit_by_itself_has_no_other_reading() -> None:
    (region,) = find_regions(page(("7", 200, 180)), INK_28)
    assert (region.wholes, region.splits) == ((), ())


def test_pieces_are_taken_along_only_where_the_model_is_surer_of_them(digits: Classifier) -> None:
    four, bar = page(("4", 200, 180)), page(("1", 200, 180))
    bar[195:207] = 215
    part, whole = find_regions(bar, INK_28)[0], find_regions(four, INK_28)[0]
    surer = digits._whole(replace(part, wholes=(whole,)), 1)
    assert (surer.label, surer.box) == ("4", whole.box)
    same = digits._whole(replace(whole, wholes=(part,)), 1)
    assert (same.label, same.box) == ("4", whole.box)


def test_piece_without_the_rest_of_a_digit_stays_what_it_is() -> None:
    frame = page(*NUMBER)
    frame[240:250, 480:530] = 45  # a dash behind the number
    alone = set(whole_boxes(page(*NUMBER)))
    assert alone <= set(whole_boxes(frame))
    assert all(box[3] < 40 for box in set(whole_boxes(frame)) - alone)


def test_lines_of_writing_are_not_put_together() -> None:
    upper = [(digit, left, 60) for digit, left, _ in NUMBER]
    lower = [(digit, left, 170) for digit, left, _ in NUMBER]
    assert len(whole_boxes(page(*upper, *lower))) == 8


LINES: dict[str, tuple[list[Box | None], list[list[int]]]] = {
    "one": ([(50, 10, 20, 40), (0, 12, 30, 38), (90, 8, 25, 41)], [[1, 0, 2]]),
    "two": ([(0, 100, 30, 40), (0, 0, 30, 40), (50, 104, 30, 40), (50, 3, 30, 40)],
            [[1, 3], [0, 2]]),
    "sloping": ([(i * 50, i * 15, 30, 40) for i in range(6)], [[0, 1, 2, 3, 4, 5]]),
    "whole": ([None], [[0]]),
    "none": ([], []),
}  # fmt: skip


@pytest.mark.parametrize("case", list(LINES))
def test_boxes_come_in_reading_order(case: str) -> None:
    boxes, expected = LINES[case]
    assert reading_lines(boxes) == expected


def test_reading_joins_characters_and_parts_words() -> None:
    assert read([["4", "0", UNKNOWN], ["1", "7"]], UNKNOWN) == "40? / 17"
    assert read([["Sneaker", UNKNOWN]], UNKNOWN) == "Sneaker unknown"
    assert read([], UNKNOWN) == ""
