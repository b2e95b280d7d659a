"""Reports for people and for machines: report.html, report.json, junit.xml, summary.md, a table."""

from __future__ import annotations

from pathlib import Path

from edge.files import write_atomic
from export.report.contents import Report
from export.report.html import to_html
from export.report.junit import to_junit
from export.report.machine import to_json
from export.report.summary import to_markdown
from export.report.terminal import table

__all__ = ["Report", "table", "write_reports"]


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


def _encoded(text: str) -> bytes:
    """UTF-8; the bytes of a file name that are no text in any encoding become question marks."""
    return text.encode("utf-8", "replace")
