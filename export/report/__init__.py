"""Reports for people and for machines: report.html, report.json, junit.xml, summary.md, a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge.files import write_atomic
from export.report.contents import Report
from export.report.html import to_html
from export.report.junit import to_junit
from export.report.machine import to_json
from export.report.overview import overview, rows_of
from export.report.overview import to_json as overview_json
from export.report.summary import to_markdown
from export.report.terminal import table

__all__ = ["Report", "overview", "rows_of", "table", "write_overview", "write_reports"]


def write_reports(folder: Path, report: Report) -> list[Path]:
    """Writes all four into a folder, which is made when missing; the paths in their order.

    The same report gives the same bytes.
    """
    contents = {
        "report.html": _encoded(to_html(report)),
        "report.json": to_json(report).encode(),
        "junit.xml": to_junit(report),
        "summary.md": _encoded(to_markdown(report)),
    }
    for name, data in contents.items():
        write_atomic(folder / name, data)
    return [folder / name for name in contents]


def write_overview(folder: Path, reports: Sequence[Report]) -> Path:
    """Writes gate.json, a row for each candidate of several runs; its path."""
    rows = [row for report in reports for row in rows_of(report)]
    write_atomic(folder / "gate.json", overview_json(rows).encode())
    return folder / "gate.json"


def _encoded(text: str) -> bytes:
    """UTF-8; the bytes of a file name that are no text in any encoding become question marks."""
    return text.encode("utf-8", "replace")
