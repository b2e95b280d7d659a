"""report.html: one file, without scripts and without anything from elsewhere."""

from __future__ import annotations

from importlib.resources import files

from export.report import wording
from export.report.analysis import word
from export.report.contents import Report
from export.report.page import make_page


def to_html(report: Report) -> str:
    """The text of report.html; labels and paths are escaped wherever they stand."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("export", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(say=wording, word=word)
    style = files("export.report").joinpath("report.css").read_text(encoding="utf-8")
    return environment.get_template("report.html.j2").render(page=make_page(report), style=style)
