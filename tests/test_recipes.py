"""Recipes are data: what is in a file, on the command line and in a run is one and the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.errors import UsageError
from tests.conftest import Edgeproof
from train.augment import BY_KIND, Augment
from train.recipes import Recipe, load_recipe, parse_change, recipe_names, to_toml


def test_notebook_recipe_is_the_notebooks() -> None:
    recipe = load_recipe("mlp", "ink")
    assert (recipe.network, recipe.widths, recipe.dropout) == ("mlp", (128,), 0.2)
    assert (recipe.optimizer, recipe.batch_size, recipe.epochs) == ("sgd", 32, 15)
    assert recipe.augment == Augment()


def test_ink_recipe_is_shown_outliers_and_no_other_is() -> None:
    with_outliers = {name for name in recipe_names() if load_recipe(name, "ink").outliers}
    assert with_outliers == {"ink", "ink-residual", "ink-tiny"}
    recipe = load_recipe("ink", "ink")
    assert recipe.label_smoothing == 0  # it would flatten the answers on digits too
    assert recipe.augment.stroke > 0
    assert recipe.on_paper > 0


def test_tuned_recipe_trains_as_the_notebook_did() -> None:
    recipe = load_recipe("mlp-tuned", "object")
    assert (recipe.epochs, recipe.validation_fraction) == (50, 0.2)
    assert (recipe.patience, recipe.min_delta, recipe.refit) == (5, 0.001, True)
    assert recipe.widths[0] in range(256, 513, 32)
    assert recipe.learning_rate in (1e-2, 1e-3, 1e-4)


@pytest.mark.parametrize("name", recipe_names())
@pytest.mark.parametrize("kind", ["ink", "object", "photo"])
def test_every_recipe_is_itself_again_from_its_own_file(
    name: str, kind: str, tmp_path: Path
) -> None:
    recipe = load_recipe(name, kind)
    path = tmp_path / "mine.toml"
    path.write_text(to_toml(recipe))
    assert load_recipe(str(path), "ink") == recipe  # nothing in it is open any more


def test_augmentation_follows_the_kind_of_preprocessing() -> None:
    for kind, augment in BY_KIND.items():
        assert load_recipe("cnn", kind).augment == augment
    assert not BY_KIND["ink"].mirror  # a mirrored digit is another one, or none
    assert load_recipe("cnn", "photo", [("augment", "none")]).augment == Augment()


def test_changes_reach_every_key() -> None:
    said = ["epochs=3", "widths=[8, 16]", "augment.mirror=true", "schedule=constant", "dropout=0"]
    recipe = load_recipe("cnn", "ink", map(parse_change, said))
    assert (recipe.epochs, recipe.widths, recipe.schedule) == (3, (8, 16), "constant")
    assert recipe.augment.mirror
    assert recipe.augment.shift == BY_KIND["ink"].shift
    assert isinstance(recipe, Recipe)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("speed=2", "recipe cnn: unknown key 'speed'; known are network, widths"),
        ("dropout=1.0", "fractions below 1"),
        ("network=vgg", "expected one of mlp, cnn, separable, residual, mobilenet, got 'vgg'"),
        ('widths=[8, "x"]', r"widths\[1\]: expected int, got str 'x'"),
        ("widths=[]", "widths: cnn needs at least one"),
        ("weights=imagenet", "only mobilenet starts from given ones, cnn got 'imagenet'"),
        ("epochs=true", "epochs: expected int, got bool True"),
        ("epochs=many", "epochs: expected int, got str 'many'"),
        ("augment.flip=true", "augment: unknown key 'flip'; known are shift, rotate_degrees"),
        ("augment.zoom=2.0", "zoom is a fraction below 1"),
        ("augment.stroke=-1", "stroke is a fraction below 1, got -1"),
        ("augment.shear_degrees=80", "shear_degrees is 0 to 60, got 80"),
        ("outliers=1.5", "outliers is a fraction up to 1, got 1.5"),
        ("augment=strong", "augment: expected a table of keys, got str"),
        ("side=4000", "side is 8 to 1024 pixels, got 4000"),
        ("epochs", "--set: expected key=value, such as epochs=5, got 'epochs'"),
        ("=5", "--set: expected key=value"),
    ],
)
def test_recipe_refuses_what_does_not_fit(change: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_recipe("cnn", "ink", [parse_change(change)])


def test_recipe_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"unknown recipe 'vgg': expected cnn, ink, ink-residual, ink-tiny, mlp"
    ):
        load_recipe("vgg", "ink")
    (tmp_path / "bad.toml").write_text("epochs = = 5")
    with pytest.raises(UsageError, match=r"bad\.toml: expected a recipe in TOML"):
        load_recipe(str(tmp_path / "bad.toml"), "ink")


def test_wrong_recipe_is_told_before_anything_starts(edgeproof: Edgeproof) -> None:
    done = edgeproof("train", "optdigits", "--set", "epochs=none")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "epochs: expected int, got str 'none'" in done.stderr
