"""`edgeproof tune`: search a recipe's best values, then train with them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from train.trials import SearchRecord

TOLD = 5
"""How many of the best trials are printed."""


@click.command()
@click.argument("dataset")
@click.option(
    "--recipe",
    "recipe_name",
    default="mlp-tuned",
    show_default=True,
    help="A recipe, or a TOML file, with a [search] table.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Another value for a key of the recipe that is not searched, such as dropout=0.1.",
)
@click.option("--name", help="Name of the run; default: the data set's, then the recipe's.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder that holds the data set.")
@click.option("--seed", default=1, show_default=True)
@click.option("--resume", is_flag=True, help="Go on with an interrupted search of this run.")
@click.option("--runs", type=click.Path(path_type=Path), default="runs", show_default=True)
@click.option("--trials-only", is_flag=True, help="Search, and leave the training for later.")
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="Fit so many trials at a time, each in a process of its own.",
)
def tune(
    dataset: str,
    recipe_name: str,
    settings: tuple[str, ...],
    name: str | None,
    data: Path | None,
    seed: int,
    resume: bool,
    runs: Path,
    trials_only: bool,
    workers: int | None,
) -> None:
    """Search a recipe's best values on DATASET, then train with them.

    Hyperband fits many sets of values for a few epochs each and goes on with the best. The run
    folder gets search.json, every trial; recipe.toml, which `edgeproof train` takes; and the
    model that was trained with it.

    On several machines that share the folder of --runs, run this on each with
    KERASTUNER_ORACLE_IP and KERASTUNER_ORACLE_PORT set to the chief's address, and
    KERASTUNER_TUNER_ID to "chief" on one and to another name on each other.
    """
    from train.datasets import load_dataset
    from train.devices import find_machine
    from train.recipes import parse_change, read_recipe, resolve
    from train.runs import MODEL, run_name
    from train.search import parse_search, take_search
    from train.trials import read_search
    from train.workers import own_role, search_in_parallel

    role = own_role(workers)
    table = read_recipe(recipe_name)
    searched = take_search(table, recipe_name)
    changes = [parse_change(text) for text in settings]
    recipe = resolve(table, recipe_name, "photo", changes)  # before what takes long: does it fit?
    search = parse_search(searched, recipe, f"recipe {recipe_name}")
    loaded = load_dataset(dataset, data)
    recipe = resolve(table, recipe_name, loaded.input.preprocess.kind, changes)
    folder = runs / run_name(name, dataset, recipe_name)
    machine = cache(find_machine)  # takes seconds, and may be asked for its devices only once
    if workers:
        same = ["--recipe", recipe_name, "--name", folder.name, "--seed", seed, "--runs", runs]
        same += [*(["--data", data] if data else []), *(["--resume"] if resume else [])]
        same += [word for text in settings for word in ("--set", text)]
        search_in_parallel(["tune", dataset, *map(str, same), "--trials-only"], workers)
        found = read_search(folder)
    else:
        here = machine()
        from train.tune import run_search

        found = run_search(loaded, dataset, recipe, search, folder, seed, resume, here, role)
    if found is None:
        return  # a worker: the chief has it
    _print(found, folder)
    if not trials_only:
        here = machine()
        from train.fit import train_model

        record = train_model(loaded, dataset, found.winner(), folder, seed, resume, here)
        click.echo(f"{folder / MODEL}: epoch {record.best_epoch} of {record.epochs} was the best")


def _print(found: SearchRecord, folder: Path) -> None:
    from train.trials import RECIPE, describe

    for trial in found.trials[:TOLD]:
        loss = "-" if trial.val_loss is None else f"{trial.val_loss:.4f}"
        click.echo(
            f"trial {trial.number:3d}  {100 * trial.val_accuracy:5.2f} %  loss {loss}  "
            f"epoch {trial.best_epoch:2d}  {describe(trial.values)}"
        )
    click.echo(f"{folder / RECIPE}: the best of {len(found.trials)} trials")
