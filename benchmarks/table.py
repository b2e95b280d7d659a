"""The report as a page of Markdown: goals first, then everybody side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.counts import CALLS, FRAMES, PHOTOS, PICTURES
from benchmarks.lineup import CONTENDERS
from benchmarks.report import side_by_side

REACHED = {True: "yes", False: "**no**", None: "not measured"}

METHOD = f"""\
## What is measured

- Every run is a process of its own, from its start to its end, in an environment of its own. All
  take turns within each round (A B C, then B C A). Figures are medians over the rounds, ratios
  medians of those of neighbours within a turn, with their quartiles in brackets. One run each
  before the first round is not counted: files are in memory and bytecode is compiled for all.
  Output goes to /dev/null; labels are compared in the uncounted run.
- **Every ratio says how many times better edgeproof is: above 1, edgeproof; below 1, the other.**
- Pictures a second: a folder less its first picture, over its time less the time for one picture.
  So starting up is not in it; it is in the cold start. Starting worker processes is. Where the
  work is less than 15 % of the start-up, as TensorFlow's may be, nothing is told.
- edgeproof runs as its users run it: `edgeproof classify`, int8 `digits` model, defaults. The
  others run the float32 model of the same network with a fixed batch of 1, one picture at a time,
  as example scripts do; MediaPipe takes RGB alone and has it behind a mean of the channels. ONNX
  Runtime and OpenCV DNN are set to one thread, tflite-runtime, LiteRT and `tf.lite` take one by
  default; MediaPipe and the decoders are as they come.
- The plain script resizes a photo as a whole; edgeproof finds the digit first. What that is worth
  stands under "right".
- Peak memory is that of the largest process. Installed size is what pip put there, without pip
  itself and with the bytecode that it compiles, in blocks on disk, 10^6 bytes. `tf.lite` runs in
  the environment of `make setup`, so its size is left open.
- Made by the benchmark itself: {PICTURES:,} PNG of 28x28, {PHOTOS} JPEG of 1280x720 with a digit on
  lit paper, a film of 1280x720 that shows such pages (Motion JPEG, as USB cameras record), and
  ready frames. The digits are MNIST's test pictures where they are at hand, else optdigits. PNG and
  photos show digits that the shipped model is sure of, so that whoever runs the same network can
  give the same labels; the {FRAMES:,} on which int8 kernels are compared are as they come.
- A photo that is not clear at a first look is looked at closely, which takes several times as long;
  and a film of few bits is decoded faster than anything can be found in it: [LOG.md](LOG.md).
"""


def render(report: Mapping[str, Any]) -> str:
    """The whole page."""
    settings, machine = report["settings"], report["machine"]
    lines = [
        "# Speed, side by side",
        "",
        f"Made by `make bench` on {report['date']}: {machine['words']}, "
        f"Python {machine['python']}, {settings['rounds']} rounds. Times hold for this machine "
        "alone; ratios are what carries over. All samples and versions: [speed.json](speed.json).",
        "",
        "![Side by side](speed.png)",
        "",
        "## Goals",
        "",
        *goal_lines(report),
        "",
        *missing_lines(report),
        "## Side by side",
        "",
        *side_lines(report),
        "",
        "Right: photos of the 200 whose digit was told.",
        "",
        *differing_lines(report),
        *call_lines(report),
        METHOD,
    ]
    return "\n".join(lines)


def goal_lines(report: Mapping[str, Any]) -> list[str]:
    """One line for each goal."""
    rows = [
        [one["what"], one["ratio"], one["measured"], one["goal"], REACHED[one["is_reached"]]]
        for one in report["goals"]
    ]
    return table(["what", "ratio", "measured", "goal", "reached"], rows)


def missing_lines(report: Mapping[str, Any]) -> list[str]:
    """Who was left out, and why; nothing where all were measured."""
    missing = report["not_measured"]
    if not missing:
        return []
    lines = [f"- {CONTENDERS[name].title}: {why}" for name, why in missing.items()]
    return ["Left out:", "", *lines, ""]


def side_lines(report: Mapping[str, Any]) -> list[str]:
    """One line for each contender that takes pictures."""
    rows = []
    for name, one in side_by_side(report).items():
        size = report["environments"][one["environment"]]["size_mb"]
        is_floor = not CONTENDERS[name].answers
        same = one["png_labels_as_plain"]
        rows.append(
            [
                one["title"],
                cell(one["start_s"], "{:.0f} ms", 1000),
                cell(one["peak_mb"], "{:.0f} MB"),
                cell(one["png_per_s"], "{:,.0f}/s"),
                cell(one["photos_per_s"], "{:,.0f}/s"),
                cell(one["film_per_s"], "{:,.0f}/s"),
                cell(one["photos_right"], "{:d}"),
                "" if same is None else f"{same:,}{'' if same == PICTURES else ' (differs)'}",
                "" if is_floor else cell(size, "{:.0f} MB"),
            ]
        )
    heads = ["", "cold start", "peak memory", "28x28 PNG", "photos", "film", "right"]
    return table([*heads, f"labels as plain, of {PICTURES:,}", "installed"], rows)


def differing_lines(report: Mapping[str, Any]) -> list[str]:
    """Who answers otherwise than the plain script, in words."""
    different = {
        one["title"]: PICTURES - one["png_labels_as_plain"]
        for one in report["contenders"].values()
        if one["png_labels_as_plain"] not in (None, PICTURES)
    }
    if not different:
        return ["All gave the same label to each of the PNG files.", ""]
    told = "; ".join(f"{title} to {count}" for title, count in different.items())
    return [f"Another label than the plain script's was given by: {told} of the PNG files.", ""]


def call_lines(report: Mapping[str, Any]) -> list[str]:
    """Calls within one process."""
    rows = [
        [one["title"], cell(one["call_us"], "{:.0f} us")]
        for one in report["contenders"].values()
        if one["call_us"] is not None
    ]
    if not rows:
        return []
    heading = f"A ready frame of 28x28, median of {CALLS:,} calls in one process:"
    return [heading, "", *table(["", "a call"], rows), ""]


def cell(value: float | None, form: str, times: float = 1) -> str:
    """A figure, or nothing where there is none."""
    return "" if value is None else form.format(value if times == 1 else value * times)


def table(heads: list[str], rows: list[list[str]]) -> list[str]:
    """Lines of a Markdown table."""
    ruled = [heads, ["---"] * len(heads), *rows]
    return ["| " + " | ".join(row) + " |" for row in ruled]
