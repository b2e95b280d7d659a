"""`edgeproof train`: a data set and a recipe to a run folder."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("dataset")
@click.option(
    "--recipe",
    "recipe_name",
    default="cnn",
    show_default=True,
    help="A recipe's name, see docs/training.md, or the path of a TOML file.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Another value for a key of the recipe, such as epochs=5 or augment.mirror=false.",
)
@click.option("--epochs", type=int, help="Exactly so many; short for two keys of --set.")
@click.option(
    "--weights", help="What mobilenet starts from: imagenet, none, or a Keras weights file."
)
@click.option("--name", help="Name of the run; default: the data set's, then the recipe's.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder that holds the data set.")
@click.option("--seed", default=1, show_default=True)
@click.option("--resume", is_flag=True, help="Continue an interrupted training of this run.")
@click.option("--runs", type=click.Path(path_type=Path), default="runs", show_default=True)
@click.option(
    "--precision",
    default="auto",
    show_default=True,
    help="auto, float32, bfloat16 or float16; auto is bfloat16 on GPUs that have it.",
)
def train(
    dataset: str,
    recipe_name: str,
    settings: tuple[str, ...],
    epochs: int | None,
    weights: str | None,
    name: str | None,
    data: Path | None,
    seed: int,
    resume: bool,
    runs: Path,
    precision: str,
) -> None:
    """Train a classifier on DATASET.

    DATASET is optdigits, digits (MNIST), fashion (Fashion-MNIST), or a folder that has a folder
    of pictures for each class.

    Trains on the GPUs that there are. Several machines: start the same command on each, with
    TF_CONFIG set; docs/training.md has an example.
    """
    from train.datasets import load_dataset
    from train.recipes import load_recipe, parse_change
    from train.runs import MODEL, run_name

    changes = [parse_change(text) for text in settings]
    if weights is not None:
        changes.append(("weights", weights))
    if epochs is not None:
        changes += [("epochs", epochs), ("min_steps", 0)]
    load_recipe(recipe_name, "photo", changes)  # before what takes long: does it fit at all?
    loaded = load_dataset(dataset, data)
    recipe = load_recipe(recipe_name, loaded.input.preprocess.kind, changes)
    from train.devices import find_machine

    machine = find_machine(precision)
    from train.fit import train_model
    from train.progress import say

    say(f"training on {machine.describe()}")
    folder = runs / run_name(name, dataset, recipe_name)
    record = train_model(loaded, dataset, recipe, folder, seed, resume, machine)
    best = record.history["val_accuracy"][record.best_epoch - 1]
    click.echo(
        f"{folder / MODEL}: best of {record.epochs} epochs is {record.best_epoch}, "
        f"{100 * best:.2f} % of the validation pictures right"
        + (", then trained anew on all pictures" if recipe.refit else "")
    )
