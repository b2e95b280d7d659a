"""Matplotlib drawings as SVG inside a page: coloured by its CSS, and the same bytes each time.

Drawings use the colours of PAINT, which no chart would choose; each becomes a CSS variable of
the page, so that one drawing serves a light and a dark theme.
"""

from __future__ import annotations

import io
import re
from html import escape
from math import log10
from typing import Any

WIDTH_IN = 4.6
"""At 72 units an inch a phone's 330 pixels show a size of 10 as about 10 pixels."""

PAINT = {
    name: f"#a0b0{number:02x}"
    for number, name in enumerate(
        ["ink", "muted", "grid", "paper", *(f"series-{index}" for index in range(1, 6))], start=1
    )
}
"""CSS variable -> the colour that stands for it in a drawing."""

_STYLE = {
    "svg.fonttype": "none",  # text stays text: it can be read out, copied and restyled
    "svg.hashsalt": "edgeproof",  # ids would be random otherwise
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.edgecolor": PAINT["muted"],
    "axes.labelcolor": PAINT["ink"],
    "axes.titlecolor": PAINT["ink"],
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": PAINT["grid"],
    "grid.linewidth": 0.8,
    "xtick.color": PAINT["muted"],
    "ytick.color": PAINT["muted"],
    "xtick.labelcolor": PAINT["muted"],
    "ytick.labelcolor": PAINT["muted"],
    "text.color": PAINT["ink"],
    "legend.frameon": False,
    "figure.facecolor": "none",
    "lines.linewidth": 1.6,
}


class Drawing:
    """A figure to draw on, with the page's style while it is open."""

    def __init__(self, name: str, height_in: float, spoken: str) -> None:
        """
        name: of this drawing in its page; its ids begin with it.
        spoken: what the drawing says, for those who cannot see it.
        """
        self._name, self._height_in, self._spoken = name, height_in, spoken
        self.svg = ""
        """The `<svg>` element, once the drawing is closed."""

    def __enter__(self) -> Drawing:
        import matplotlib
        from matplotlib.figure import Figure

        self._context: Any = matplotlib.rc_context(_STYLE)
        self._context.__enter__()
        self.figure: Any = Figure(figsize=(WIDTH_IN, self._height_in), layout="constrained")
        return self

    def __exit__(self, *exception: object) -> None:
        try:
            if not any(exception):
                buffer = io.StringIO()
                nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
                self.figure.savefig(buffer, format="svg", metadata=nothing)
                self.svg = _inline(buffer.getvalue(), self._name, self._spoken)
        finally:
            self._context.__exit__(None, None, None)


def plain_ticks(axis: Any) -> None:
    """Plain numbers on a logarithmic axis, not powers of ten: 1, 2 and 5 of few decades."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    if axis.get_scale() == "log":
        low, high = axis.get_view_interval()
        decades = log10(high / low)
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if decades < 3 else (1,)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
        axis.set_minor_formatter(NullFormatter())


def _inline(text: str, name: str, spoken: str) -> str:
    """A file's SVG as an element of a page: no header, no addresses, ids of its own."""
    box = re.search(r'viewBox="[^"]+"', text)
    body = text[text.index(">", text.index("<svg")) + 1 :]
    body = re.sub(r"<style.*?</style>|<clipPath.*?</clipPath>", "", body, flags=re.DOTALL)
    body = re.sub(r' clip-path="[^"]*"| transform="rotate\(-0 [^"]*"', "", body)
    body = re.sub(r'<g id="(?!m)[^"]*"', "<g", body)  # only markers are referred to
    body = re.sub(r"<defs>\s*</defs>|<g>\s*</g>|<g/>", "", body)
    body = re.sub(r' id="([^"]+)"', rf' id="{name}-\1"', body)
    body = re.sub(r'xlink:href="#([^"]+)"', rf'href="#{name}-\1"', body)
    body = re.sub(r"font-family: [^;\"]*;? ?", "", body)
    body = re.sub(r"(\.\d\d)\d+", r"\1", body)
    for variable, paint in PAINT.items():
        body = body.replace(paint, f"var(--{variable})")
    body = re.sub(r"\s*\n\s*", "\n", body).strip()
    return f'<svg {box[0] if box else ""} role="img" aria-label="{escape(spoken)}">\n{body}'
