"""The page that tests/robustness.py writes: tables, the curve of `unknown`, a sheet of scenes."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from edge.bundle import read_bundle
from edge.interpreter import installed_runtimes
from edge.zoo import find_model
from export.statistics import wilson
from tests.distractors import GROUPS
from tests.robustness import DIGITS_IN_A_NUMBER, Answer, Asked, draw

KEPT = 0.98
"""Share of clean test digits that must still be answered where the curve is read."""
THUMB = (200, 150)


def write(answers: Sequence[Answer], asked: Asked, count: int, folder: Path) -> None:
    """Writes robustness.md, unknown-curve.png and scenes.png."""
    folder.mkdir(parents=True, exist_ok=True)
    plot_curve(answers, asked, folder / "unknown-curve.png")
    scenes = [one for one in answers if one.case.row == "hardest"][:30]
    draw_sheet(scenes, asked, folder / "scenes.png")
    parts = [_head(asked, count), tables(answers, asked), _foot()]
    (folder / "robustness.md").write_text("\n".join(parts), encoding="utf-8")


def tables(answers: Sequence[Answer], asked: Asked) -> str:
    """All tables, as Markdown."""
    parts = []
    one_digit = [one for one in answers if one.case.row not in ("number", "no digit")]
    if one_digit:
        parts += ["## One digit", "", *_rows(one_digit, ("condition", "level")), ""]
    numbers = [one for one in answers if one.case.row == "number"]
    if numbers:
        title = f"## Numbers of {DIGITS_IN_A_NUMBER} digits, read wholly right"
        parts += [title, "", *_rows(numbers, ("", "setting")), ""]
    if any(one.case.row == "no digit" for one in answers):
        parts += ["## No digit", "", *_curve_table(answers, asked), ""]
    return "\n".join(parts)


def _head(asked: Asked, count: int) -> str:
    contract = read_bundle(find_model(asked.model)).contract
    digits = "MNIST's test digits" if asked.data else "optdigits' test digits"
    default = Asked()
    options = "".join(
        f" --{name} {value}"
        for name, value, usual in (
            ("model", asked.model, default.model),
            ("seed", asked.seed, default.seed),
            ("count", count, 2000),
        )
        if value != usual
    )
    machine = f"{platform.system()} on {platform.machine()}, {os.cpu_count()} cores"
    return f"""# On paper, under a lamp: accuracy by condition

```sh
python -m tests.robustness --data FOLDER{options}
```

draws camera frames from {digits}, one for each picture, asks `edge.Classifier` for each, and
writes this page. Model {contract.name} {contract.variant}, {installed_runtimes()[0]}, {machine};
seed {asked.seed}. Every condition stands alone in a plain frame (white paper, a dark pen, even
light, noise of sigma 2, 20 to 70 % of the frame's height); `hardest` is everything at once, drawn
by lot. What each condition is, with its unit, is in `tests/settings.py` and `tests/conditions.py`.

*right* is the digit, answered; *unknown* is no answer; *wrong* is another digit; *best guess* is
right before the model's threshold for `unknown`. `clean` are the test pictures themselves, for
which nothing needs to be found.

![30 of the hardest scenes](scenes.png)
"""


def _foot() -> str:
    return """The scenes are drawn, not photographed, and by the people who made the finder.
Take the table for what gets harder, and by how much.
"""


def _rows(answers: Sequence[Answer], heads: tuple[str, str]) -> list[str]:
    alone = heads[0] != ""
    lines = [
        f"| {heads[0]} | {heads[1]} | frames | right | 95 % interval | unknown | wrong |"
        + (" best guess |" if alone else ""),
        "| --- | --- | --: | --: | --: | --: | --: |" + (" --: |" if alone else ""),
    ]
    for (row, level), grouped in groupby(answers, key=lambda one: (one.case.row, one.case.level)):
        group = list(grouped)
        n = len(group)
        counts = {name: sum(one.outcome == name for one in group) for name in _OUTCOMES}
        low, high = wilson(counts["right"], n)
        level = "the test pictures as they are" if row == "clean" else level
        line = (
            f"| {row if alone else 'number'} | {level} | {n} | {_percent(counts['right'], n)} "
            f"| {100 * low:.1f} to {100 * high:.1f} "
            f"| {_percent(counts['unknown'], n)} | {_percent(counts['wrong'], n)} |"
        )
        if alone:
            line += f" {_percent(sum(one.best == one.truth for one in group), n)} |"
        lines.append(line)
    return lines


_OUTCOMES = ("right", "unknown", "wrong")


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %"


def shares(
    answers: Sequence[Answer], thresholds: NDArray[np.float64]
) -> Mapping[str, NDArray[np.float64]]:
    """(thresholds,) each: the share answered of each group without digits, of all of these but
    faces (`all`, every group weighing the same), and of the clean test digits (`clean`).
    """
    scores = {name: _scores_of(answers, "no digit", kinds) for name, kinds in GROUPS.items()}
    scores["clean"] = _scores_of(answers, "clean", ("",))
    over = {
        name: (some[:, np.newaxis] >= np.maximum(thresholds, 1e-9)).mean(axis=0)
        for name, some in scores.items()
        if len(some)
    }
    mixed = [over[name] for name in ("letters", "textures", "noise") if name in over]
    return {**over, "all": np.mean(mixed, axis=0)}


def _scores_of(answers: Sequence[Answer], row: str, levels: Sequence[str]) -> NDArray[np.float64]:
    return np.array(
        [one.score for one in answers if one.case.row == row and one.case.level in levels]
    )


def kept_threshold(answers: Sequence[Answer]) -> float:
    """The highest threshold that still answers KEPT of the clean test digits."""
    clean = np.sort(_scores_of(answers, "clean", ("",)))
    return float(clean[int((1 - KEPT) * len(clean))])


def _curve_table(answers: Sequence[Answer], asked: Asked) -> list[str]:
    """By threshold and by kind: how much of what is no digit was called one."""
    own = read_bundle(find_model(asked.model)).contract.output.unknown_threshold or 0.0
    steps = {"the model's own": own}
    if any(one.case.row == "clean" for one in answers):
        steps[f"keeps {100 * KEPT:.0f} % of clean digits"] = kept_threshold(answers)
    steps |= {"": 0.0, **{" " * at: one for at, one in enumerate((0.5, 0.8, 0.95, 0.99, 0.999), 1)}}
    named = sorted(steps.items(), key=lambda one: one[1])
    found = shares(answers, np.array([value for _, value in named]))
    columns = [name for name in ("clean", "letters", "textures", "noise", "all", "faces")
               if name in found]  # fmt: skip
    heads = {"clean": "clean digits kept", "all": "letters, textures, noise"}
    lines = [
        "| threshold | | " + " | ".join(heads.get(name, name) for name in columns) + " |",
        "| --: | --- | " + " | ".join("--:" for _ in columns) + " |",
    ]
    for at, (name, value) in enumerate(named):
        cells = " | ".join(f"{100 * found[one][at]:.1f} %" for one in columns)
        lines.append(f"| {value:.4f} | {name.strip()} | {cells} |")
    lines += ["", "![Called a digit against digits kept](unknown-curve.png)", ""]
    lines += ["At the model's own threshold, by kind:", ""]
    return lines + _kinds(answers)


def _kinds(answers: Sequence[Answer]) -> list[str]:
    lines = ["| frame shows | frames | called a digit |", "| --- | --: | --: |"]
    shown = [one for one in answers if one.case.row == "no digit"]
    for kind, grouped in groupby(shown, key=lambda one: one.case.level):
        group = list(grouped)
        called = sum(one.label != "unknown" for one in group)
        lines.append(f"| {kind} | {len(group)} | {_percent(called, len(group))} |")
    return lines


def plot_curve(answers: Sequence[Answer], asked: Asked, path: Path) -> None:
    """Over all thresholds: clean digits kept to the right, what is no digit called one upwards."""
    from matplotlib.figure import Figure

    scores = np.array([one.score for one in answers if one.case.row in ("clean", "no digit")])
    found = shares(answers, np.unique(np.append(scores, [0.0, 1.1])))
    own = read_bundle(find_model(asked.model)).contract.output.unknown_threshold or 0.0
    here = shares(answers, np.array([own]))
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for name in (*GROUPS, "all"):
        label = "letters, textures and noise" if name == "all" else name
        style = {"color": "black", "linewidth": 2.2} if name == "all" else {"linewidth": 1.2}
        axes.plot(100 * found["clean"], 100 * found[name], label=label, **style)
    axes.plot(
        100 * here["clean"], 100 * here["all"], "o", color="black", label="the model's threshold"
    )
    axes.axvline(100 * KEPT, color="gray", linestyle=":")
    axes.axhline(2, color="gray", linestyle=":")
    axes.set(
        xlim=(90, 100.1),
        ylim=(-0.5, max(10.0, 105 * float(max(found[name].max() for name in GROUPS)))),
        xlabel="clean test digits answered, %",
        ylabel="frames without a digit called one, %",
    )
    axes.legend(loc="upper left", frameon=False)
    figure.savefig(path, dpi=110)


def draw_sheet(answers: Sequence[Answer], asked: Asked, path: Path, columns: int = 6) -> None:
    """Small frames, each with what is written on it and what was answered."""
    wide, high = THUMB[0], THUMB[1] + 16
    sheet = Image.new("RGB", (columns * wide, -(-len(answers) // columns) * high), "white")
    pen = ImageDraw.Draw(sheet)
    colors = {"right": "darkgreen", "unknown": "darkorange", "wrong": "red"}
    for at, one in enumerate(answers):
        x, y = at % columns * wide, at // columns * high
        small = Image.fromarray(draw(one.case, asked)[0]).resize(THUMB, Image.Resampling.BOX)
        sheet.paste(small, (x, y))
        text = f"{one.truth}: {one.label} {one.score:.2f}"
        pen.text((x + 4, y + THUMB[1] + 2), text, fill=colors[one.outcome])
    palette = sheet.quantize(256)
    sheet.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG).save(path, optimize=True)
