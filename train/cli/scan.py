"""`edgeproof scan`: what a folder of pictures holds, before anything is trained on it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Instead of stdout.")
def scan(folder: Path, format_name: Literal["table", "json"], out: Path | None) -> int:
    """Look through FOLDER, a folder of pictures for each class, and say what training will use.

    Names files that cannot be read, copies, near copies, pictures under two classes and more.
    Changes nothing. Exits with 1 when files would be left out, with 2 when it is no data set.
    """
    from edge.errors import UsageError
    from edge.files import write_atomic
    from train.photos.scan import scan_folder
    from train.photos.text import machine, table

    report = scan_folder(folder)
    text = machine(report) if format_name == "json" else table(report)
    if out is None:
        click.echo(text, nl=False)
    else:
        write_atomic(out, text.encode(errors="backslashreplace"))
    if report.problem is not None:
        raise UsageError(report.problem)
    return 1 if report.left_out else 0
