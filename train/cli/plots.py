"""`edgeproof plots`: the pictures of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

if TYPE_CHECKING:
    from train.plots.figures import Draw


@click.command()
@click.argument("run_name", metavar="RUN")
@click.option(
    "--index",
    "indices",
    type=int,
    multiple=True,
    help="Only this picture with the probability of each class; may be given again.",
)
@click.option(
    "--split",
    type=click.Choice(["test", "validation", "train"]),
    default="test",
    show_default=True,
    help="The pictures that are asked about, numbered from 0.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="Default: RUN/plots, or RUN/plots/SPLIT."
)
@click.option("--show", "is_shown", is_flag=True, help="Open windows too.")
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
)
@click.option("--data", type=click.Path(path_type=Path), help="Folder that holds the data set.")
def plots(
    run_name: str,
    indices: tuple[int, ...],
    split: Literal["test", "validation", "train"],
    out: Path | None,
    is_shown: bool,
    output_format: str,
    data: Path | None,
) -> None:
    """Draw what RUN learned and what it calls its pictures.

    RUN is a folder, or a name under runs/ or models/. Writes samples, curves, predictions, the
    confusion matrix and the surest mistakes as PNG files, and index.html to look around in: it
    needs no network and can be sent as it is.
    """
    from train.devices import start_backend
    from train.plots.parts import fitted_samples, part_of
    from train.run_data import load_run_data
    from train.runs import find_run

    run = find_run(run_name)
    if is_shown:
        from train.plots.windows import check_display

        check_display()
    dataset = load_run_data(run, data)
    part = part_of(run, dataset, split)
    part.check_indices(indices)
    folder = out or run.folder / "plots" / ("" if split == "test" else split)
    start_backend()  # after everything that is quick to check
    from train.plots import collection, summary
    from train.plots.answers import ask
    from train.plots.page import write_page

    is_table = output_format == "table"
    if indices:
        numbers = list(dict.fromkeys(indices))
        answers = ask(run, part.only(numbers))
        drawn = collection.prediction_figures(part, answers, numbers)
        written = _write(folder, drawn)
        tell_some = summary.prediction_table if is_table else summary.prediction_json
        click.echo(tell_some(part, answers, numbers, written))
    else:
        answers, fitted = ask(run, part.samples), fitted_samples(run, dataset)
        drawn = collection.run_figures(part, answers, fitted)
        if "curves.png" not in drawn:
            click.echo(f"no curves: {run.folder} has no history of a training", err=True)
        written = _write(folder, drawn)
        written.append(write_page(folder / "index.html", part, answers, fitted))
        tell = summary.run_table if is_table else summary.run_json
        click.echo(tell(part, answers, written))
    if is_shown:
        from train.plots.windows import show

        show(drawn.values())


def _write(folder: Path, drawn: dict[str, Draw]) -> list[Path]:
    from train.plots.figures import save

    return [save(folder / name, draw) for name, draw in drawn.items()]
