"""What must be reached, and whether it was. A ratio says how many times better: above 1, ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.environments import Environment
from benchmarks.figures import Measure, Ratio, Runs, agreement, compare

MAX_BASE_MB = 110


@dataclass(frozen=True)
class Goal:
    """A ratio and its least value."""

    what: str
    ratio: str
    """How it is formed."""
    ours: str
    other: str
    task: str
    measure: Measure
    least: float
    """Reached from here on."""
    asked: str
    """As the goal was set."""


@dataclass(frozen=True)
class Verdict:
    """One line of the table of goals."""

    what: str
    ratio: str
    measured: str
    value: float | None
    """None: not measured."""
    low: float | None
    high: float | None
    goal: str
    is_reached: bool | None
    """None: not measured."""


GOALS = (
    Goal(
        "cold start of `edgeproof classify one.png`, whole process",
        "plain script's time / ours",
        "ours", "plain", "one-png", "time", 1.0, "at most 1.0 times the plain script",
    ),
    Goal(
        "the same against `tf.lite` in TensorFlow",
        "TensorFlow's time / ours",
        "ours", "tensorflow", "one-png", "time", 15, "at most 1/15",
    ),
    Goal(
        "the same against MediaPipe Tasks",
        "MediaPipe's time / ours",
        "ours", "mediapipe", "one-png", "time", 5, "at most 1/5",
    ),
    Goal(
        "a folder of 2,000 PNG of 28x28, base install",
        "our pictures a second / plain script's",
        "ours", "plain", "png", "rate", 1.8, "at least 1.8 times the plain script",
    ),
    Goal(
        "a folder of 2,000 PNG of 28x28, OpenCV present",
        "our pictures a second / plain script's",
        "ours-opencv", "plain", "png", "rate", 4.5, "at least 4.5 times the plain script",
    ),
    Goal(
        "200 JPEG of 1280x720, `ink` included, base install",
        "our pictures a second / plain script's, bare resize",
        "ours", "plain", "photos", "rate", 3.3, "at least 3.3 times the plain script",
    ),
    Goal(
        "200 JPEG of 1280x720, `ink` included, OpenCV present",
        "our pictures a second / plain script's, bare resize",
        "ours-opencv", "plain", "photos", "rate", 4.3, "at least 4.3 times the plain script",
    ),
    Goal(
        "a film of 1280x720 through the whole pipeline",
        "our frames a second / OpenCV's read loop's",
        "ours-opencv", "decode-opencv", "film", "rate", 0.95, "at least 0.95 of decoding alone",
    ),
    Goal(
        "`Classifier.classify` on a ready frame, float32",
        "bare set + invoke + get / ours",
        "ours-float32", "bare-float32", "calls", "call", 1 / 1.5, "at most 1.5 times bare",
    ),
    Goal(
        "`Classifier.classify` on a ready frame, int8, same kernels",
        "bare set + invoke + get / ours",
        "ours-int8", "kernels-int8", "calls", "call", 1 / 1.5, "at most 1.5 times bare",
    ),
    Goal(
        "int8 on tflite-runtime 2.14",
        "stock set + invoke + get / ours",
        "kernels-int8", "bare-int8", "calls", "call", 4, "at least 4 times the stock speed",
    ),
    Goal(
        "resident memory of one classification",
        "plain script's peak / ours",
        "ours", "plain", "one-png", "memory", 1 / 1.1, "at most 1.1 times the plain script",
    ),
)  # fmt: skip


def judge(
    runs: Runs, answers: Mapping[tuple[str, str], Sequence[str]], base: Environment | None
) -> list[Verdict]:
    """Every goal in its order, with what was measured."""
    verdicts = []
    for goal in GOALS:
        found = compare(runs, goal.ours, goal.other, goal.task, goal.measure)
        whole = compare(runs, goal.ours, goal.other, goal.task, "time")
        verdicts.append(_verdict(goal, found, whole if goal.measure == "rate" else None))
        if goal.ours == "kernels-int8":
            verdicts.append(judge_labels(answers))
    return [*verdicts, judge_size(base)]


def _verdict(goal: Goal, found: Ratio | None, whole: Ratio | None) -> Verdict:
    wanted = f"{goal.least:.3g} or more ({goal.asked})"
    if found is None:
        return Verdict(goal.what, goal.ratio, "not measured", None, None, None, wanted, None)
    measured = f"{number(found.value)} ({number(found.low)} to {number(found.high)})"
    if whole:
        measured += f"; start-up included {number(whole.value)}"
    is_reached = found.value >= goal.least
    return Verdict(
        goal.what, goal.ratio, measured, found.value, found.low, found.high, wanted, is_reached
    )


def judge_labels(answers: Mapping[tuple[str, str], Sequence[str]]) -> Verdict:
    """Whether int8 gives the labels of the stock kernels: on MNIST where it is at hand."""
    task = "mnist" if ("kernels-int8", "mnist") in answers else "frames"
    pictures = "MNIST's test pictures" if task == "mnist" else "drawn digits"
    what = f"int8: equal labels on {pictures}"
    ours = answers.get(("kernels-int8", task))
    stock = answers.get(("bare-int8", task))
    if not ours or not stock:
        return Verdict(what, "", "not measured", None, None, None, "all equal", None)
    same = agreement(ours, stock)
    measured = f"{same:,} of {len(ours):,} as the stock kernels"
    litert = answers.get(("litert-int8", task))
    if litert:
        measured += f"; {agreement(ours, litert):,} as LiteRT"
    share = same / len(ours)
    return Verdict(what, "labels", measured, share, None, None, "all equal", same == len(ours))


def judge_size(base: Environment | None) -> Verdict:
    """Whether the base install is small enough."""
    goal = f"at most {MAX_BASE_MB} MB"
    what = "installed size of the base edge environment, NumPy included"
    if base is None or base.size_mb is None:
        return Verdict(what, "", "not measured", None, None, None, goal, None)
    measured = f"{base.size_mb:.0f} MB, {base.bytecode_mb:.0f} MB of it bytecode"
    is_reached = base.size_mb <= MAX_BASE_MB
    return Verdict(what, "on disk", measured, base.size_mb, None, None, goal, is_reached)


def number(value: float) -> str:
    """Three digits that count: 0.912, 1.83, 15.2, 152."""
    return f"{value:.0f}" if value >= 99.95 else f"{value:#.3g}".rstrip(".")
