"""`edgeproof train`: a data set and a recipe to a run folder."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("dataset")
@click.option("--recipe", "recipe_name", default="cnn", show_default=True, help="mlp or cnn.")
@click.option("--name", help="Name of the run; default: the data set's, then the recipe's.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder that holds the data set.")
@click.option("--seed", default=1, show_default=True)
@click.option("--epochs", type=int, help="Instead of the recipe's.")
@click.option("--resume", is_flag=True, help="Continue an interrupted training of this run.")
@click.option("--runs", type=click.Path(path_type=Path), default="runs", show_default=True)
def train(
    dataset: str,
    recipe_name: str,
    name: str | None,
    data: Path | None,
    seed: int,
    epochs: int | None,
    resume: bool,
    runs: Path,
) -> None:
    """Train a classifier on DATASET.

    DATASET is optdigits, digits (MNIST), fashion (Fashion-MNIST), or a folder that has a folder
    of pictures for each class.
    """
    from train.backend import start_backend
    from train.datasets import load_dataset
    from train.recipes import load_recipe
    from train.runs import MODEL, default_name

    steps = None if epochs is None else 0  # exactly the epochs asked for
    recipe = load_recipe(recipe_name, epochs=epochs, min_steps=steps)
    loaded = load_dataset(dataset, data)
    start_backend()  # after everything that is quick to check
    from train.fit import train_model

    folder = runs / (name or default_name(dataset, recipe_name))
    record = train_model(loaded, dataset, recipe, folder, seed, resume)
    best = record.history["val_accuracy"][record.best_epoch - 1]
    click.echo(
        f"{folder / MODEL}: best of {record.epochs} epochs is {record.best_epoch}, "
        f"{100 * best:.2f} % of the validation pictures right"
    )
