"""When int8 fails: which layer it is, and a search that mends two models that truly collapse."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.bundle import Bundle, read_bundle
from edge.errors import ModelError
from edge.interpreter import installed_runtimes
from export.controls import scramble_weights, with_model
from export.flatbuffer import check_effect, read_structure
from export.graph import read_operators
from export.layers import LayerError, first_broken, layer_errors, output_errors
from export.measure import Questions, measure
from export.ranges import Observed, choose_range, sample
from export.repair import Screened, _worth_a_trial
from export.variants import MIXED, VARIANTS, Quantization, parse_variants
from tests.collapsing import KINDS
from tests.conftest import POLICY, Edgeproof, Exported
from train.datasets import INK_28, load_dataset

RUNTIMES = installed_runtimes()


@dataclass(frozen=True)
class Rescued:
    """What `tests.collapsing` made of the small model."""

    folder: Path
    shell: Bundle

    def model(self, kind: str, name: str) -> bytes:
        return (self.folder / kind / f"{name}.tflite").read_bytes()

    def steps(self, kind: str) -> list[dict[str, Any]]:
        steps: list[dict[str, Any]] = json.loads((self.folder / kind / "steps.json").read_text())
        return steps

    def recipe(self, kind: str) -> Quantization:
        """The winner's, as a contract would keep it: through JSON and back."""
        told = self.steps(kind)[-1]["quantization"]
        return Quantization(**{**told, "float_layers": tuple(told["float_layers"])})

    def accuracy(self, kind: str, name: str, runtime: str) -> float:
        """On the test pictures, which neither calibration nor search has seen."""
        test = load_dataset("optdigits").test
        answers = measure(
            with_model(self.shell, self.model(kind, name)), Questions(held_out_frames()), runtime
        )
        return float(np.mean(answers.logits.argmax(1) == test.targets))


@pytest.fixture(scope="session")
def rescued(exported: Exported, tmp_path_factory: pytest.TempPathFactory) -> Rescued:
    folder = tmp_path_factory.mktemp("collapsing")
    command = [sys.executable, "-m", "tests.collapsing", exported.run, exported.path(), folder]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return Rescued(folder, exported.bundle())


def held_out_frames() -> NDArray[np.uint8]:
    return np.asarray(load_dataset("optdigits").test.frames)


def inputs() -> NDArray[np.float32]:
    return load_dataset("optdigits").train.take(np.arange(24)).tensors(INK_28)


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("kind", list(KINDS))
def test_collapsed_model_is_rescued(rescued: Rescued, kind: str, runtime: str) -> None:
    accuracy = {
        name: rescued.accuracy(kind, name, runtime) for name in ("float32", "plain", "repaired")
    }
    assert accuracy["float32"] > 0.85
    assert accuracy["plain"] < 0.6
    assert accuracy["repaired"] > accuracy["float32"] - 0.01


def test_outlier_is_mended_by_ranges_alone(rescued: Rescued) -> None:
    recipe = rescued.recipe("outlier")
    assert recipe.ranges in ("percentile", "mse")
    assert (recipe.float_layers, recipe.variant) == ((), VARIANTS["int8"])
    repaired = rescued.model("outlier", "repaired")
    check_effect(read_structure(repaired), VARIANTS["int8"])
    assert len(repaired) <= len(rescued.model("outlier", "plain"))


def test_unequal_channels_are_mended_by_the_smallest_float_island(rescued: Rescued) -> None:
    recipe, repaired = rescued.recipe("unequal"), rescued.model("unequal", "repaired")
    operators = read_operators(repaired)
    assert recipe.variant == MIXED
    assert recipe.float_layers == tuple(operator.layer for operator in operators[:3])
    assert [operator.kind for operator in operators[:3]] == ["CONV_2D", "MAX_POOL_2D", "CONV_2D"]
    assert {operator.type for operator in operators[3:]} == {"INT8"}
    assert len(rescued.model("unequal", "plain")) < len(repaired)
    assert len(repaired) < 0.5 * len(rescued.model("unequal", "float32"))


def test_mixed_is_told_from_int8_and_from_float(rescued: Rescued) -> None:
    mixed = read_structure(rescued.model("unequal", "repaired"))
    check_effect(mixed, MIXED)
    with pytest.raises(ModelError, match="variant int8: expected INT8 weights, got FLOAT32"):
        check_effect(mixed, VARIANTS["int8"])
    with pytest.raises(ModelError, match="variant mixed: expected some layers in FLOAT32"):
        check_effect(read_structure(rescued.model("unequal", "plain")), MIXED)
    with pytest.raises(ModelError, match="variant mixed: expected INT8 input and output"):
        check_effect(read_structure(rescued.model("unequal", "float32")), MIXED)
    assert MIXED not in parse_variants("all")


def test_search_keeps_its_steps_and_tries_what_costs_nothing_first(rescued: Rescued) -> None:
    for kind in KINDS:
        steps = rescued.steps(kind)
        assert [step["trial"]["passed"] for step in steps] == [False] * (len(steps) - 1) + [True]
        kept = [len(step["quantization"]["float_layers"]) for step in steps]
        assert kept == sorted(kept)
        sizes = [step["size_bytes"] for step in steps]
        assert sizes == sorted(sizes)
    assert len(rescued.steps("outlier")) < len(rescued.steps("unequal"))


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_table_points_to_the_first_collapsed_layer(rescued: Rescued, runtime: str) -> None:
    for kind in KINDS:
        reference, plain = rescued.model(kind, "float32"), rescued.model(kind, "plain")
        errors = layer_errors(reference, plain, inputs(), runtime)
        operators = read_operators(reference)
        assert [error.name for error in errors] == [operator.layer for operator in operators]
        found = first_broken(errors)
        assert found is not None
        assert found.name == operators[0].layer
        assert found.high > 40 * errors[2].high
        assert errors[-1].sqnr_db < 10
        repaired = layer_errors(reference, rescued.model(kind, "repaired"), inputs(), runtime)
        assert first_broken(repaired) is None
        assert repaired[-1].sqnr_db > 30


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_table_points_to_scrambled_weights(exported: Exported, runtime: str) -> None:
    reference, honest = exported.bundle("float32").model, exported.bundle()
    errors = layer_errors(reference, honest.model, inputs(), runtime)
    assert first_broken(errors) is None
    assert min(error.sqnr_db for error in errors) > 20
    found = first_broken(layer_errors(reference, scramble_weights(honest).model, inputs(), runtime))
    assert found is not None
    assert found.name == max(errors, key=lambda error: error.weights_bytes).name


@pytest.mark.parametrize("variant", ["float16", "dynamic", "int16x8"])
def test_the_table_knows_every_variant(exported: Exported, variant: str) -> None:
    reference, other = exported.bundle("float32").model, exported.bundle(variant).model
    errors = layer_errors(reference, other, inputs(), RUNTIMES[0])
    names = [operator.layer for operator in read_operators(reference)]
    assert [error.name for error in errors] == names
    assert min(error.sqnr_db for error in errors) > 25
    assert output_errors(reference, [other], inputs(), RUNTIMES[0])[0] > 25


def test_damaged_and_foreign_models_are_refused_in_one_line(exported: Exported) -> None:
    reference, other = exported.bundle("float32").model, exported.bundle("int8").model
    with pytest.raises(ModelError, match="cannot read its operators"):
        layer_errors(reference, other[:2000], inputs(), RUNTIMES[0])
    for runtime in RUNTIMES:
        with pytest.raises(ModelError, match=f"comparing layers.* {runtime}"):
            output_errors(reference, [other[:2000]], inputs(), runtime)


def test_broken_is_a_cliff_and_not_a_slope() -> None:
    def table(*levels_db: float) -> list[LayerError]:
        return [
            LayerError(str(index), "CONV_2D", (1, 4), db, db, 0.0, 0.1, 0.0, 1.0, 8)
            for index, db in enumerate(levels_db)
        ]

    assert first_broken(table(40, 32, 24, 16, 14, 8)) is None
    assert first_broken(table(40, 38, 25)) is None
    found = first_broken(table(40, 38, 3, 1, -2))
    assert found is not None
    assert found.name == "2"


def observed(values: NDArray[np.float64]) -> Observed:
    return Observed(float(values.min()), float(values.max()), values.astype(np.float32))


def test_trials_go_from_small_to_large_and_each_must_gain() -> None:
    def recipe(layer: str) -> Quantization:
        return Quantization(float_layers=(layer,))

    told = {"a": (50, 9.0), "b": (60, 30.0), "c": (70, 29.0), "d": (80, 40.0), "e": (100, 99.0)}
    candidates = {recipe(name): Screened(*of) for name, of in told.items()}
    without = {Quantization(): Screened(40, 5.0)}
    front = _worth_a_trial(candidates, without, float_bytes=100, most=9)
    assert front == [recipe("b"), recipe("d")]  # a gains too little, c costs more, e is no smaller
    assert _worth_a_trial(candidates, without, float_bytes=100, most=1)
    nothing = {recipe("a"): Screened(50, 5.5)}
    assert _worth_a_trial(nothing, without, float_bytes=100, most=9) == []


def test_ranges_of_known_values() -> None:
    even = observed(np.linspace(-1, 3, 4001))
    assert choose_range(even, "minmax", None) == (-1, 3)
    assert choose_range(even, "percentile", 99.0) == pytest.approx((-0.96, 2.96))
    assert choose_range(even, "mse", None) == (-1, 3)  # nothing to gain by clipping
    assert choose_range(observed(np.linspace(2, 3, 9)), "minmax", None) == (0, 3)
    assert choose_range(observed(np.linspace(-3, -2, 9)), "percentile", 99.9)[1] == 0


def test_squared_error_clips_a_gaussian_where_the_literature_does() -> None:
    """Banner et al. 2019, table 1 and section 3: 8 bits clip a Gaussian near 3.92 deviations."""
    values = np.random.default_rng(1).normal(size=200_000)
    low, high = choose_range(observed(np.append(values, [-6.0, 6.0])), "mse", None)
    assert 3.4 < high < 4.6
    assert 3.4 < -low < 4.6


def test_percentile_cuts_an_outlier_off() -> None:
    values = np.append(np.random.default_rng(1).uniform(0, 1, 100_000), 1000.0)
    assert choose_range(observed(values), "minmax", None)[1] == 1000
    assert choose_range(observed(values), "percentile", 99.9)[1] == pytest.approx(1, abs=0.01)


def test_sample_is_bounded_and_takes_small_tensors_whole() -> None:
    rng, values = np.random.default_rng(1), np.arange(1000, dtype=np.float32)
    assert np.array_equal(sample(values.reshape(10, 100), 1000, rng), values)
    drawn = sample(values, 10, rng)
    assert drawn.shape == (10,)
    assert set(drawn) <= set(values)


def test_recipe_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(ValueError, match="minmax ranges do not go with percentile"):
        Quantization(percentile=99.9)
    with pytest.raises(ValueError, match="percentile ranges do not go with percentile None"):
        Quantization("percentile")
    assert str(Quantization("percentile", 99.9, 2000)) == "99.9 % range of 2000 pictures"


def test_export_repairs_what_plain_int8_ruins(
    rescued: Rescued, edgeproof: Edgeproof, tmp_path: Path
) -> None:
    run = rescued.folder / "outlier"
    (tmp_path / "tiny-outlier-mixed.tflite").write_bytes(b"of an earlier repair")
    done = edgeproof("export", run, "--variants", "int8", "--out", tmp_path, "--policy", POLICY)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "REPAIRED int8 (plain): by 99.99 % range of 2000 pictures" in done.stdout
    bundle = read_bundle(tmp_path / "tiny-outlier-int8.tflite")
    assert not (tmp_path / "tiny-outlier-mixed.tflite").exists()
    recorded = bundle.contract.provenance["quantization"]
    assert (recorded["ranges"], recorded["percentile"]) == ("percentile", 99.99)
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["passed"] is True
    assert [step["trial"]["passed"] for step in report["steps"]] == [False, True]
