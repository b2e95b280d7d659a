"""How right the shipped model is on camera frames, condition by condition: docs/robustness.md.

    python -m tests.robustness [--data FOLDER] [--count 2000] [--workers 2] [--quick]

Draws frames from test digits (tests/scenes.py), asks edge.Classifier as anybody would, and writes
the tables and pictures of docs/robustness.md. One scene for each test picture; the same seed gives
the same frames.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from edge.classifier import UNKNOWN, Classifier, Result
from tests.conditions import LADDERS, hardest, on_ladder, plain, several
from tests.conftest import DATA, ROOT
from tests.distractors import KINDS, draw_distractor
from tests.lettering import drawn_digits
from tests.scenes import Scene, draw_scene, labelled_digits
from tests.settings import Setting

NUMBERS = ("plain", "hardest", "two lines", "touching")
DIGITS_IN_A_NUMBER = 5


@dataclass(frozen=True)
class Asked:
    """What every process must know to draw and ask the same."""

    model: str = "digits"
    seed: int = 1
    data: Path | None = DATA
    drawn: bool = False
    """Digits from strokes in place of a data set's: the same everywhere."""


@dataclass(frozen=True)
class Case:
    """One frame to be drawn and asked about."""

    row: str
    """A condition of LADDERS, plain, hardest, number, no digit, or clean (the test pictures)."""
    level: str
    index: int
    """Number of the frame within its row and level."""


@dataclass(frozen=True)
class Answer:
    """What came back for one frame."""

    case: Case
    truth: str
    """The digits in reading order; empty where there is none."""
    label: str
    """The answers in reading order, with `?` for an unknown one within a number."""
    best: str
    """The best label before the threshold; empty when nothing was found."""
    score: float
    """Of the best label; 0 where something else than the threshold made it unknown."""

    @property
    def outcome(self) -> str:
        """right, unknown or wrong; of a number, unknown when a part is unknown or missing."""
        if self.label == self.truth:
            return "right"
        is_short = len(self.label) < len(self.truth)
        return "unknown" if self.label == UNKNOWN or "?" in self.label or is_short else "wrong"


def main() -> None:
    asked, options = _parse()
    cases = list(all_cases(options.count))
    if not hasattr(Classifier, "classify_regions"):
        print("SKIPPED: numbers, for Classifier.classify_regions is missing", file=sys.stderr)
    if options.only:
        cases = [case for case in cases if case.row in options.only]
    answers = list(tqdm(ask_all(cases, asked, options.workers), total=len(cases), unit="frame"))
    if options.failures:
        _save_failures(answers, asked, options.failures)
    from tests import robustness_page

    print(robustness_page.tables(answers, asked))
    if not options.only:
        robustness_page.write(answers, asked, options.count, options.out)


def _parse() -> tuple[Asked, argparse.Namespace]:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="digits", help="a shipped model's name, or a path")
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of mnist.npz")
    parser.add_argument("--count", type=int, default=2000, help="frames of the two large rows")
    parser.add_argument("--quick", action="store_true", help="a tenth of the frames")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", action="append", metavar="ROW", help="these rows; writes nothing")
    parser.add_argument("--failures", type=Path, metavar="DIR", help="keep frames answered wrongly")
    parser.add_argument("--out", type=Path, default=ROOT / "docs")
    options = parser.parse_args()
    if options.quick:
        options.count = max(20, options.count // 10)
    return Asked(options.model, options.seed, options.data), options


def all_cases(count: int) -> Iterator[Case]:
    """Every frame: `count` plain and hardest, fewer of the others."""
    few = max(10, count * 3 // 20)
    for row in ("clean", "plain", "hardest"):
        yield from (Case(row, "", index) for index in range(count))
    for row, levels in LADDERS.items():
        yield from (Case(row, level, index) for level in levels for index in range(few))
    yield from (Case("no digit", kind, index) for kind in KINDS for index in range(few))
    if hasattr(Classifier, "classify_regions"):
        few = max(10, count // 4)
        yield from (Case("number", how, index) for how in NUMBERS for index in range(few))


def ask_all(cases: Sequence[Case], asked: Asked, workers: int = 0) -> Iterable[Answer]:
    """The answers, in the cases' order; workers: processes, 0 for none but this one."""
    if not workers:
        return (ask(case, asked) for case in cases)
    return _in_processes(cases, asked, workers)


def _in_processes(cases: Sequence[Case], asked: Asked, workers: int) -> Iterator[Answer]:
    # Spawned, not forked: a runtime's threads do not outlive a fork.
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap(_Ask(asked), cases, chunksize=8)


@dataclass(frozen=True)
class _Ask:
    """`ask` with its second argument, in a form that processes can be sent."""

    asked: Asked

    def __call__(self, case: Case) -> Answer:
        return ask(case, self.asked)


def ask(case: Case, asked: Asked) -> Answer:
    """Draws one frame and classifies it."""
    classifier = _classifier(asked.model)
    frame, truth = draw(case, asked)
    if case.row == "number":
        found = classifier.classify_regions(frame)  # type: ignore[attr-defined,unused-ignore]
        label = "".join("?" if one.label == UNKNOWN else one.label for one in found)
        least = min((one.score for one in found), default=0.0)
        return Answer(case, truth, label or UNKNOWN, label, least)
    result = classifier.classify(frame)
    best = result.top[0].label if result.top else ""
    return Answer(case, truth, result.label, best, _score(result, classifier))


def draw(case: Case, asked: Asked) -> tuple[NDArray[np.uint8], str]:
    """The case's frame and what is to be read in it."""
    if case.row == "no digit":
        return draw_distractor(case.level, asked.seed * 100_003 + case.index), ""
    frames, targets, order = _test_digits(asked)
    picked = [order[case.index % len(order)]]
    if case.row == "number":
        rng = np.random.default_rng((asked.seed, case.index, 9))
        picked = [int(one) for one in rng.integers(0, len(order), DIGITS_IN_A_NUMBER)]
    truth = "".join(str(targets[index]) for index in picked)
    if case.row == "clean":
        return frames[picked[0]], truth
    return draw_case(case, [frames[index] for index in picked], asked.seed).frame, truth


def draw_case(case: Case, digits: Sequence[NDArray[np.uint8]], seed: int) -> Scene:
    own = seed * 100_003 + case.index
    return draw_scene(digits, setting_of(case, own), own)


def setting_of(case: Case, seed: int) -> Setting:
    if case.row in ("plain", "hardest"):
        return plain(seed) if case.row == "plain" else hardest(seed)
    if case.row != "number":
        return on_ladder(case.row, case.level, seed)
    setting = hardest(seed) if case.level == "hardest" else plain(seed)
    lines = 2 if case.level == "two lines" else 1
    count = -(-DIGITS_IN_A_NUMBER // lines)
    return several(setting, seed, count, case.level == "touching", lines)


@cache
def _classifier(model: str) -> Classifier:
    return Classifier.load(model)


@cache
def _test_digits(
    asked: Asked,
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
    """Frames, targets, and the order in which they are taken."""
    samples = drawn_digits(500, 1) if asked.drawn else labelled_digits("test", asked.data)
    order = np.random.default_rng((asked.seed, 10)).permutation(len(samples))
    return np.asarray(samples.frames), samples.targets, order


def _score(result: Result, classifier: Classifier) -> float:
    """The best label's score; 0 when the frame was refused for another reason than its score."""
    least = classifier.contract.output.unknown_threshold or 0.0
    return 0.0 if result.label == UNKNOWN and result.score >= least else result.score


def _save_failures(answers: Sequence[Answer], asked: Asked, folder: Path) -> None:
    """Frames that were not answered rightly, by row, named by truth, answer and number."""
    for (row, level), group in groupby(answers, key=lambda one: (one.case.row, one.case.level)):
        place = folder / row / level.replace("%", "pc").replace("/", "-")
        for one in group:
            missed = one.label not in (UNKNOWN, "") if not one.truth else one.outcome != "right"
            if missed:
                place.mkdir(parents=True, exist_ok=True)
                name = f"{one.truth or 'none'}-as-{one.label.replace('?', '_')}-{one.case.index}"
                Image.fromarray(draw(one.case, asked)[0]).save(place / f"{name}.png")


if __name__ == "__main__":
    main()
