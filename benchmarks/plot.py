"""The report as one picture: four bar charts with the plain script as 1.

python -m benchmarks.plot SPEED.json OUT.png
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.report import EXPECTED, side_by_side

PANELS = (
    ("start_s", "Cold start, whole process", "shorter is better", "{:,.0f} ms", 1000),
    ("peak_mb", "Peak memory of one classification", "shorter is better", "{:.0f} MB", 1),
    ("png_per_s", "28x28 PNG files a second", "longer is better", "{:,.0f}/s", 1),
    ("photos_per_s", "1280x720 JPEG photos a second", "longer is better", "{:,.0f}/s", 1),
)
WHITE = {"color": "white", "pad": 0.2}
OURS, OTHER, FLOOR = "#0b6e4f", "#8a9ba8", "#d9dee2"


def main() -> None:
    report = json.loads(Path(sys.argv[1]).read_text())
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 2, figsize=(13, 8.4), layout="constrained")
    for axis, panel in zip(axes.flat, PANELS, strict=True):
        draw_panel(axis, side_by_side(report), *panel)
    machine = report["machine"]["words"]
    figure.suptitle(f"edgeproof side by side ({machine}; log scales; plain script = 1)")
    figure.savefig(sys.argv[2], dpi=100)


def draw_panel(
    axis: Any, contenders: dict[str, Any], key: str, title: str, sense: str, form: str, times: int
) -> None:
    """One bar a contender, labelled with its own figure and how many times the plain script's."""
    shown = {name: one for name, one in contenders.items() if one[key] is not None}
    if key in ("start_s", "peak_mb"):
        shown = {name: one for name, one in shown.items() if not name.startswith("decode")}
    plain = shown[EXPECTED][key] if EXPECTED in shown else None
    values = [one[key] for one in shown.values()]
    colors = [color_of(name) for name in shown]
    rows = range(len(shown))
    axis.barh(rows, values, color=colors)
    axis.set_yticks(rows, [one["title"] for one in shown.values()])
    axis.invert_yaxis()
    axis.set_xscale("log")
    if values:
        axis.set_xlim(min(values) / 2, max(values) * 12)
    for row, value in zip(rows, values, strict=True):
        ratio = f"  ({value / plain:.3g}x)" if plain else ""
        label = f"{form.format(value * times)}{ratio}"
        place = {"xytext": (4, 0), "textcoords": "offset points", "va": "center", "fontsize": 9}
        axis.annotate(label, (value, row), bbox=WHITE, **place)
    if plain:
        axis.axvline(plain, color="black", linewidth=0.8, linestyle=":", zorder=0)
    axis.set_xticks([])
    axis.minorticks_off()
    axis.set_title(f"{title}: {sense}", fontsize=11)
    for side in ("top", "right", "bottom"):
        axis.spines[side].set_visible(False)


def color_of(name: str) -> str:
    """Ours stand out; floors stay back."""
    if name.startswith("ours"):
        return OURS
    return FLOOR if name == "python" or name.startswith("decode") else OTHER


if __name__ == "__main__":
    main()
