"""What the shipped model reads on camera frames, at a small scale; and how the tables count."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.classifier import Classifier, Result
from tests.robustness import NUMBERS, Answer, Asked, Case, all_cases, ask_all
from tests.robustness_page import kept_threshold, shares, tables, write

DRAWN = Asked(drawn=True)
"""Digits from strokes: the same wherever the tests run."""

# Of the frames below, with what stands; docs/robustness.md has the large numbers.
LEAST_PLAIN = 0.98
LEAST_HARDEST = 0.95
LEAST_NUMBERS = 0.95
MOST_CALLED_A_DIGIT = {"blank wall": 0.1, "dark": 0.0, "cloth": 0.1}


def share_right(row: str, level: str, count: int) -> float:
    cases = [Case(row, level, index) for index in range(count)]
    return float(np.mean([one.outcome == "right" for one in ask_all(cases, DRAWN)]))


def answer(
    row: str, truth: str, label: str, score: float = 0.9, level: str = "", index: int = 0
) -> Answer:
    return Answer(Case(row, level, index), truth, label, label, score)


def test_plain_frames_are_read() -> None:
    assert share_right("plain", "", 50) >= LEAST_PLAIN


def test_hardest_frames_are_read() -> None:
    assert share_right("hardest", "", 80) >= LEAST_HARDEST


@pytest.mark.skipif(
    not hasattr(Classifier, "classify_regions"), reason="Classifier.classify_regions is missing"
)
def test_numbers_are_read() -> None:
    assert share_right("number", "plain", 20) >= LEAST_NUMBERS


@pytest.mark.parametrize("kind", MOST_CALLED_A_DIGIT)
def test_frame_without_a_digit_is_unknown(kind: str) -> None:
    cases = [Case("no digit", kind, index) for index in range(10)]
    called = [one.label != "unknown" for one in ask_all(cases, DRAWN)]
    assert np.mean(called) <= MOST_CALLED_A_DIGIT[kind]


@pytest.mark.parametrize(
    ("truth", "label", "outcome"),
    [
        ("7", "7", "right"),
        ("7", "1", "wrong"),
        ("7", "unknown", "unknown"),
        ("40817", "40817", "right"),
        ("40817", "40877", "wrong"),
        ("40817", "40?17", "unknown"),
        ("40817", "4087", "unknown"),
        ("40817", "408177", "wrong"),
    ],
)
def test_answer_is_right_unknown_or_wrong(truth: str, label: str, outcome: str) -> None:
    assert answer("plain", truth, label).outcome == outcome


def test_number_is_what_its_regions_say_one_behind_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def regions(_: Classifier, frame: NDArray[np.uint8]) -> list[Result]:
        return [Result(label, 0.9, (), 1.0) for label in ("4", "unknown", "8", "1", "7")]

    monkeypatch.setattr(Classifier, "classify_regions", regions, raising=False)
    (got,) = ask_all([Case("number", "plain", 0)], DRAWN)
    assert got.label == "4?817"
    assert got.outcome == "unknown"
    assert len(got.truth) == 5
    assert {case.level for case in all_cases(10) if case.row == "number"} == set(NUMBERS)
    assert any("| number | plain | 1 | 0.0 %" in line for line in tables([got], DRAWN).splitlines())


def test_workers_give_the_same_answers_in_the_same_order() -> None:
    cases = [Case("plain", "", index) for index in range(4)]
    assert list(ask_all(cases, DRAWN, workers=2)) == list(ask_all(cases, DRAWN))


def test_table_counts_what_was_answered() -> None:
    answers = [
        *(answer("plain", "1", label, index=at) for at, label in enumerate("1117")),
        answer("noise", "1", "unknown", level="sigma 4"),
    ]
    lines = tables(answers, DRAWN).splitlines()
    assert any(line.startswith("| plain |  | 4 | 75.0 %") for line in lines)
    assert any(line.startswith("| noise | sigma 4 | 1 | 0.0 %") for line in lines)
    assert next(line for line in lines if "sigma 4" in line).endswith("| 100.0 % | 0.0 % | 0.0 % |")


def test_curve_weighs_letters_textures_and_noise_the_same() -> None:
    answers = [
        *(answer("clean", "1", "1", score=0.5 + at / 200) for at in range(100)),
        *(answer("no digit", "", "1", 0.9, "word") for _ in range(3)),
        answer("no digit", "", "1", 0.2, "wood"),
        answer("no digit", "", "1", 0.2, "noise"),
        answer("no digit", "", "unknown", 0.0, "face"),
    ]
    found = shares(answers, np.array([0.0, 0.5, 0.95]))
    assert found["all"].tolist() == pytest.approx([1.0, 1 / 3, 0.0])
    assert found["faces"].tolist() == [0.0, 0.0, 0.0]
    assert found["clean"].tolist() == pytest.approx([1.0, 1.0, 0.1])
    kept = shares(answers, np.array([kept_threshold(answers)]))["clean"]
    assert kept.tolist() == [0.98]


def test_every_frame_is_asked_about_once() -> None:
    cases = list(all_cases(100))
    assert len(set(cases)) == len(cases)
    assert sum(case.row == "hardest" for case in cases) == 100


def test_page_and_its_pictures_are_written(tmp_path: Path) -> None:
    cases = [case for case in all_cases(10) if case.index < 2 and case.row != "JPEG"]
    answers = list(
        ask_all([case for case in cases if case.row in ("clean", "plain", "hardest")], DRAWN)
    )
    answers += [
        answer("no digit", "", "unknown", 0.1, kind) for kind in ("word", "wood", "noise", "face")
    ]
    write(answers, DRAWN, 10, tmp_path)
    page = (tmp_path / "robustness.md").read_text(encoding="utf-8")
    assert "python -m tests.robustness" in page
    for picture in ("unknown-curve.png", "scenes.png"):
        assert f"({picture})" in page
        assert (tmp_path / picture).stat().st_size > 5_000
