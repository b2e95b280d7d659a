"""The gate: each limit fails for its own reason, and a damaged model does not get through."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.bundle import Bundle, write_bundle
from edge.classifier import Classifier
from edge.contract import Output
from edge.errors import ModelError, UsageError
from edge.interpreter import installed_runtimes
from export.baseline import Mistakes, Shipped, find_baseline
from export.bench import Bench
from export.calibration import check_apart, choose_calibration
from export.controls import CONTROLS, HONEST, Reason, scramble_weights, with_model
from export.corruptions import Condition
from export.diagnosis import Cause, Negatives, diagnose, diagnose_layers, explains
from export.flatbuffer import check_effect, read_structure
from export.gate import FLOAT, Cost, Verdict, judge, weigh
from export.layers import LayerError
from export.measure import Answers, Questions, measure
from export.pipeline import _rebuilt, check_calibration
from export.policy import Policy, load_policy
from export.reference import Reference
from export.variants import VARIANTS, Quantization
from tests.conftest import POLICY, Edgeproof, Exported
from train.datasets import INK_28, load_dataset
from train.runs import find_run
from train.samples import Samples

LENIENT = Policy(
    min_test_pictures=1,
    min_accuracy=0.0,
    max_drop_points=100.0,
    drop_confidence=0.0,
    max_class_recall_drop_points=100.0,
    min_agreement=0.0,
    min_sqnr_db=-200.0,
    max_calibration_error_rise=1.0,
    max_nll_rise=1000.0,
    max_unknown_rise_points=100.0,
    hard_pictures=1,
    max_corrupted_drop_points=100.0,
    min_kernel_agreement=0.0,
    max_regression_points=100.0,
    max_class_regression_points=100.0,
    max_size_bytes=1000,
    max_bundle_bytes=2000,
    max_multiply_adds=3000,
)
COST = Cost(500, 2500)
REPORTS = ("report.html", "report.json", "junit.xml", "summary.md")
TARGETS = np.repeat(np.arange(10), 20)
LABELS = tuple("0123456789")
PART = np.arange(0, 200, 4)
NEGATIVES = Negatives(PART, np.zeros((50, 10), np.float32))
NOISE = (Condition("noise", 1), Condition("noise", 2))


def logits_for(answers: NDArray[np.int64]) -> NDArray[np.float32]:
    return 12 * np.eye(10, dtype=np.float32)[answers]


def reference(answers: NDArray[np.int64] = TARGETS) -> Reference:
    """A float model that gives these answers, to clean and to noisy pictures."""
    logits = logits_for(answers)
    return Reference(LABELS, TARGETS, logits, PART, NOISE, np.stack([logits[PART]] * 2))


def answers_with(
    answers: NDArray[np.int64],
    noisy: int = 0,
    other: int = 0,
    unsure: int = 0,
    runtime: str = "runtime",
) -> Answers:
    """A candidate that gives these answers.

    noisy: how many more of the noisy pictures it gets wrong. other: how many pictures get another
    label from the reference kernels. unsure: how many get their label with a score of 0.23.
    """
    logits = logits_for(answers)
    logits[:unsure] /= 12
    bad = logits_for((answers[PART] + (np.arange(len(PART)) < noisy)) % 10)
    kernels = logits_for((answers[PART] + (np.arange(len(PART)) < other)) % 10)
    corrupted = np.stack([logits[PART], bad])
    return Answers(runtime, "1", logits, logits, 1.0, corrupted, {"reference": kernels})


def verdict(
    policy: Policy,
    answers: NDArray[np.int64],
    cost: Cost = COST,
    noisy: int = 0,
    other: int = 0,
    unsure: int = 0,
    shipped_wrong: tuple[int, ...] | None = None,
) -> Verdict:
    """The gate's word on these answers, against a float model that is always right."""
    shipped = None
    if shipped_wrong is not None:
        wrong = {"0": tuple(shipped_wrong)}
        shipped = Shipped({"runtime": Mistakes("1", 200 - len(shipped_wrong), 200, wrong)})
    one = answers_with(answers, noisy, other, unsure)
    return judge(policy, "int8", cost, reference(), [one], shipped, Output(unknown_threshold=0.5))


def with_wrong(count: int, target: int = 3) -> NDArray[np.int64]:
    """All right but `count` pictures of one class."""
    answers = TARGETS.copy()
    answers[np.flatnonzero(target == TARGETS)[:count]] = 8
    return answers


@pytest.mark.parametrize(
    ("limit", "candidate"),
    [
        ({"min_test_pictures": 201}, {}),
        ({"max_size_bytes": 499}, {}),
        ({"max_multiply_adds": 2499}, {}),
        ({"min_accuracy": 0.96}, {"wrong": 10}),
        ({"max_drop_points": 4.9}, {"wrong": 10}),
        ({"max_class_recall_drop_points": 49.0}, {"wrong": 10}),
        ({"min_agreement": 0.96}, {"wrong": 10}),
        ({"min_sqnr_db": 12.0}, {"wrong": 10}),
        ({"max_calibration_error_rise": 0.01}, {"wrong": 10}),
        ({"max_nll_rise": 0.2}, {"wrong": 10}),
        ({"max_unknown_rise_points": 0.9}, {"unsure": 2}),
        ({"max_corrupted_drop_points": 1.9}, {"noisy": 2}),
        ({"min_kernel_agreement": 0.99}, {"other": 1}),
        ({"max_regression_points": 4.4}, {"wrong": 10, "shipped_wrong": (1,)}),
        ({"max_class_regression_points": 49.0}, {"wrong": 10, "shipped_wrong": (1,)}),
    ],
    ids=lambda value: next(iter(value), "") if isinstance(value, dict) else None,
)
def test_each_limit_fails_alone_and_by_name(
    limit: dict[str, float], candidate: dict[str, Any]
) -> None:
    answers = with_wrong(candidate.pop("wrong", 0))
    assert verdict(LENIENT, answers, **candidate).passed
    result = verdict(replace(LENIENT, **limit), answers, **candidate)  # type: ignore[arg-type]
    failed = [check.name for check in result.failures]
    assert (failed, result.passed) == (list(limit), False)


def test_the_finished_bundle_is_weighed_to_the_byte() -> None:
    policy = replace(LENIENT, max_bundle_bytes=1_234_567)
    before = verdict(policy, TARGETS)
    assert before.cost.bundle_bytes is None
    assert weigh(policy, before, 1_234_567).passed
    (check,) = weigh(policy, before, 1_234_568).failures
    assert str(check) == "max_bundle_bytes: expected at most 1234567, got 1234568"


def test_findings_are_counted_right() -> None:
    (found,) = verdict(LENIENT, with_wrong(5)).measurements
    assert (found.score.correct, found.score.n) == (195, 200)
    assert found.drop.points == pytest.approx(2.5)
    assert (found.drop.lost, found.drop.gained) == (5, 0)
    assert found.agreement == pytest.approx(0.975)
    assert found.worst_class == "3"
    assert found.worst_class_drop_points == pytest.approx(25.0)


def test_unsure_answers_are_right_and_not_given() -> None:
    result = verdict(LENIENT, with_wrong(5), unsure=8)
    (found,) = result.measurements
    assert (found.score.correct, found.score.n) == (195, 200)
    assert (found.answered.correct, found.answered.n) == (187, 192)
    assert result.float_answered.n == 200
    (check,) = [check for check in result.checks if check.name == "max_unknown_rise_points"]
    assert check.value == pytest.approx(4.0)
    assert check.note == "8 pictures are unknown, 0 to the float model"


def test_corrupted_pictures_are_compared_one_by_one() -> None:
    (found,) = verdict(LENIENT, TARGETS, noisy=4).measurements
    assert found.corruptions["noise"].points == pytest.approx(4.0)  # 4 of 2 x 50
    assert found.corruptions["noise"].lost == 4


def test_other_kernels_are_compared_to_the_bit() -> None:
    (found,) = verdict(LENIENT, TARGETS, other=3).measurements
    (difference,) = found.differences
    assert (difference.against, difference.pictures) == ("reference kernels", 50)
    assert (difference.different, difference.other_labels) == (3, 3)
    assert difference.largest == 12.0


def test_a_drop_of_exactly_the_limit_passes() -> None:
    assert verdict(replace(LENIENT, max_drop_points=2.5), with_wrong(5)).passed


def test_a_claim_that_so_few_pictures_cannot_carry_is_said_to_lack_data() -> None:
    asked = replace(LENIENT, max_drop_points=0.2, drop_confidence=0.95)
    result = verdict(asked, TARGETS)
    (check,) = result.failures
    assert (check.name, check.outcome) == ("max_drop_points", "not enough data")
    assert check.value == 0
    assert "200 pictures say at most 1.33 with 95 % confidence" in check.note
    assert "needs about 1351" in check.note
    (cause,) = diagnose(result, reference(), [answers_with(TARGETS)], NEGATIVES)
    assert cause.kind == "too few pictures"
    enough = replace(LENIENT, max_drop_points=1.4, drop_confidence=0.95)
    assert verdict(enough, TARGETS).passed


def test_a_drop_beyond_the_limit_fails_and_lacks_nothing() -> None:
    asked = replace(LENIENT, max_drop_points=0.2, drop_confidence=0.95)
    (check,) = verdict(asked, with_wrong(5)).failures
    assert check.outcome == "failed"


def test_no_answer_is_never_right() -> None:
    one = answers_with(TARGETS)
    one.logits[:50] = np.nan
    result = judge(LENIENT, "int8", COST, reference(), [one])
    assert result.measurements[0].score.correct == 150


def test_a_candidate_that_no_runtime_ran_does_not_pass() -> None:
    assert not judge(LENIENT, "int8", COST, reference(), []).passed


def test_a_poor_float_model_fails_though_nothing_was_lost() -> None:
    poor = with_wrong(20)
    strict = replace(LENIENT, min_accuracy=0.95)
    result = judge(strict, "int8", COST, reference(poor), [answers_with(poor)])
    assert {check.where for check in result.failures} == {FLOAT, "runtime 1"}
    kinds = [cause.kind for cause in diagnose(result, reference(poor), [], NEGATIVES)]
    assert kinds == ["float model"]


def test_newly_wrong_pictures_are_named() -> None:
    result = verdict(LENIENT, with_wrong(3), shipped_wrong=(0, 1))
    (found,) = result.regressions
    assert found.newly_wrong == (60, 61, 62)
    assert (found.drop.lost, found.drop.gained) == (3, 2)
    assert found.class_drop_points["3"] == pytest.approx(15.0)
    assert found.class_drop_points["0"] == pytest.approx(-10.0)


def test_numbers_and_size_explain_themselves_and_a_lost_label_does_not() -> None:
    few = Cause("too few pictures", "")
    small = replace(LENIENT, max_size_bytes=1, max_bundle_bytes=1, max_multiply_adds=1)
    sized = weigh(small, verdict(small, TARGETS), 600)
    lost = verdict(replace(LENIENT, min_agreement=0.99), with_wrong(5))
    assert explains((), sized)
    assert not explains((few,), lost)
    assert explains((few, Cause("labels", "")), lost)


def a_layer(name: str, sqnr_db: float, saturated: float) -> LayerError:
    return LayerError(name, "CONV_2D", (1, 8), sqnr_db, sqnr_db, saturated, 0.1, 0.0, 1.0, 8)


@pytest.mark.parametrize(
    ("layers", "kind", "named"),
    [
        ([("a", 40, 0), ("b", -2, 0), ("c", -3, 0.04)], "layer", "b"),  # wrong weights
        ([("a", 40, 0), ("b", -2, 0.2)], "layer", "b"),  # the same, and larger than its range
        ([("a", 27, 0.03), ("b", 17, 0.03), ("c", 5, 0.6)], "ranges", "c"),  # noise
        ([("a", 35, 0), ("b", 33, 0.006)], "ranges", "b"),  # noise, and hardly visible
        ([("a", 30, 0), ("b", 24, 0), ("c", 18, 0)], "quantisation", "no usual mistake"),
        ([], "quantisation", "no usual mistake"),
    ],
)
def test_layers_tell_wrong_weights_from_wrong_ranges(
    layers: list[tuple[str, float, float]], kind: str, named: str
) -> None:
    cause = diagnose_layers([a_layer(*one) for one in layers])
    assert cause.kind == kind
    assert named in cause.text


def test_a_runtime_that_alone_computes_wrongly_is_named() -> None:
    strict = replace(LENIENT, min_agreement=0.9)
    bad = answers_with((TARGETS + 1 + np.arange(200) % 3) % 10, runtime="old")
    both = [bad, answers_with(TARGETS, runtime="new")]
    result = judge(strict, "dynamic", COST, reference(), both)
    causes = diagnose(result, reference(), both, NEGATIVES)
    assert [cause.kind for cause in causes] == ["runtime"]
    assert "old 1 computes this model wrongly" in causes[0].text


def test_policy_refuses_unknown_keys_and_wrong_values(tmp_path: Path) -> None:
    path = tmp_path / "gate.toml"
    for text, message in [
        ("[default]\nmin_acuracy = 1", "unknown key 'min_acuracy'"),
        ("[default]\nmin_accuracy = 1.5", "min_accuracy is a fraction from 0 to 1, got 1.5"),
        ("[default]\ndrop_confidence = 95", "drop_confidence is a fraction above 0.5"),
        ("min_accuracy = 0.9", "key 'min_accuracy' stands outside a table"),
        ("[default]\nmin_test_pictures = 'many'", "expected int, got str 'many'"),
        ("not toml", "expected a policy in TOML"),
    ]:
        path.write_text(text)
        with pytest.raises(UsageError, match=message):
            load_policy("digits", path)
    with pytest.raises(UsageError, match="expected a policy in TOML"):
        load_policy("digits", tmp_path / "none.toml")


def test_policy_of_ones_own_takes_the_rest_from_the_built_in(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[default]\nmin_accuracy = 0.9\n[cats]\nmin_agreement = 0.99\n")
    mine, built_in = load_policy("cats", path), load_policy("cats")
    assert (mine.min_accuracy, mine.min_agreement) == (0.9, 0.99)
    assert mine.max_size_bytes == built_in.max_size_bytes


def test_policy_of_a_model_stands_over_the_default() -> None:
    assert load_policy("digits").min_accuracy > load_policy("somebody's own").min_accuracy


def test_export_leaves_five_gated_variants(exported: Exported) -> None:
    names = {path.name for path in exported.dist.iterdir()}
    assert names == {*REPORTS, *(f"tiny-{variant}.tflite" for variant in VARIANTS)}
    report = json.loads((exported.dist / "report.json").read_text())
    assert all(candidate["passed"] for candidate in report["candidates"])
    for variant in VARIANTS:
        proof = exported.bundle(variant).proof
        assert proof is not None
        assert proof.float_score.n == proof.measurements[0].score.n == 450
        assert proof.measurements[0].score.accuracy > 0.85
    assert len(exported.output.splitlines()) >= 2 + 5 + 6


@pytest.mark.parametrize("variant", list(VARIANTS))
def test_each_variant_is_in_the_flatbuffer_and_not_only_in_the_settings(
    exported: Exported, variant: str
) -> None:
    structure = read_structure(exported.bundle(variant).model)
    check_effect(structure, VARIANTS[variant])
    for other in VARIANTS.values():
        if other.name != variant:
            with pytest.raises(ModelError, match=f"variant {other.name}: expected"):
                check_effect(structure, other)


@pytest.fixture(scope="module")
def too_new(exported: Exported, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What the converter makes of a dynamic variant unless it is told otherwise."""
    path = tmp_path_factory.mktemp("too-new") / "dynamic.tflite"
    code = f"""
import train, keras, tensorflow as tf
model = keras.models.load_model({str(exported.run / "model.keras")!r})
picture = keras.Input(batch_shape=(1, 28, 28, 1))
converter = tf.lite.TFLiteConverter.from_keras_model(keras.Model(picture, model(picture)))
converter.optimizations = [tf.lite.Optimize.DEFAULT]
open({str(path)!r}, "wb").write(converter.convert())
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    return path.read_bytes()


def test_operator_version_that_the_old_runtime_lacks_is_refused(too_new: bytes) -> None:
    structure = read_structure(too_new)
    assert structure.operators["FULLY_CONNECTED"] == 12
    with pytest.raises(ModelError, match=r"TFLite 2\.14\.0 has, got a model for 2\.17\.0"):
        check_effect(structure, VARIANTS["dynamic"])


def stamp(model: bytes, operator: str, version: int) -> bytes:
    """The model with another version on one of its operators."""
    from ai_edge_litert import schema_py_generated as schema

    parsed = schema.Model.GetRootAsModel(model, 0)
    wanted = getattr(schema.BuiltinOperator, operator)
    for index in range(parsed.OperatorCodesLength()):
        code = parsed.OperatorCodes(index)
        if code.BuiltinCode() == wanted:
            at = code._tab.Pos + code._tab.Offset(8)  # version is the table's third field
            model = model[:at] + version.to_bytes(4, "little") + model[at + 4 :]
    return model


def test_the_measuring_child_answers_as_the_edge_does(exported: Exported) -> None:
    """One frame, one tensor: the gate's child and an application get the same bits."""
    bundle = exported.bundle()
    frames = np.asarray(load_dataset("optdigits").test.frames)[:20]
    with Classifier(bundle) as classifier:
        answers = measure(bundle, Questions(frames), classifier.runtime)
        raw = np.stack([classifier.raw_output(frame) for frame in frames])
        logits = np.stack([classifier.logits(frame) for frame in frames])
        tensor = classifier.input_tensor(frames[0])
        scale = np.float32(1 / 255)
    assert np.array_equal(answers.raw, raw)
    assert np.array_equal(answers.logits, logits)
    trained_on = Samples(frames[:1], np.zeros(1, np.int64)).tensors(INK_28)
    assert np.abs((tensor.astype(np.float32) + 128) * scale - trained_on).max() < 1e-3


def test_the_measuring_child_reports_the_death_of_a_runtime(exported: Exported) -> None:
    bundle = exported.bundle()
    frames = np.zeros((1, 28, 28), np.uint8)
    for runtime in installed_runtimes():
        with pytest.raises(ModelError, match=f"tiny int8 on {runtime}: "):
            measure(with_model(bundle, bundle.model[:2000]), Questions(frames), runtime)


def test_the_measuring_child_cannot_import_tensorflow() -> None:
    from export.measure import _Refuse

    finder = _Refuse()
    for name in ("tensorflow", "tensorflow.lite", "keras"):
        with pytest.raises(ImportError, match="must not be imported"):
            finder.find_spec(name)
    finder.find_spec("numpy")


@dataclass(frozen=True)
class Gated:
    """One gating of an honest model, a scrambled one and one that lies on the old runtime."""

    output: str
    error: str
    code: int
    report: Path


@pytest.fixture(scope="module")
def gated(
    exported: Exported,
    edgeproof: Edgeproof,
    too_new: bytes,
    tmp_path_factory: pytest.TempPathFactory,
) -> Gated:
    folder = tmp_path_factory.mktemp("gated")
    write_bundle(folder / "scrambled.tflite", scramble_weights(exported.bundle()))
    write_bundle(folder / "liar.tflite", stamp_with_an_old_version(too_new, exported))
    done = edgeproof(
        *("gate", folder / "scrambled.tflite", folder / "liar.tflite", exported.path("float16")),
        *("--run", exported.run, "--policy", POLICY, "--report", folder / "report"),
    )
    return Gated(done.stdout, done.stderr, done.returncode, folder / "report")


def test_scrambled_weights_fail_the_gate(gated: Gated) -> None:
    assert gated.code == 3, gated.output + gated.error
    for check in ("min_accuracy", "max_drop_points", "min_agreement"):
        assert f"FAILED int8: {check} on " in gated.output
    assert "CAUSE int8: layer: the error begins in conv2d" in gated.output
    assert "the accuracy gate refuses int8" in gated.error


def test_honest_model_passes_beside_broken_ones(gated: Gated) -> None:
    rows = [line for line in gated.output.splitlines() if line.startswith("float16")]
    assert len(rows) == len(installed_runtimes())
    assert all(row.endswith("passed") for row in rows)
    assert {path.name for path in gated.report.iterdir()} == set(REPORTS)
    report = json.loads((gated.report / "report.json").read_text())
    assert [one["passed"] for one in report["candidates"]] == [False, len(rows) == 1, True]


@pytest.mark.skipif(len(installed_runtimes()) < 2, reason="needs both runtimes")
def test_a_model_that_one_runtime_silently_computes_wrongly_is_caught(gated: Gated) -> None:
    """Stamped with an old operator version it loads everywhere, and lies on the old runtime.

    tflite-runtime 2.14 reads the weights of a dynamic dense layer with one scale for all of its
    channels; LiteRT takes each channel's own.
    """
    assert "FAILED dynamic: min_agreement on tflite-runtime 2.14.0" in gated.output
    assert "FAILED dynamic: min_agreement on ai-edge-litert" not in gated.output
    assert "CAUSE dynamic: runtime: tflite-runtime 2.14.0 computes this model" in gated.output


def stamp_with_an_old_version(too_new: bytes, exported: Exported) -> Bundle:
    """A dynamic model that every check of the flatbuffer takes, and that 2.14 gets wrong."""
    stamped = stamp(too_new, "FULLY_CONNECTED", 9).replace(b"2.17.0", b"2.14.0")
    structure = read_structure(stamped)
    check_effect(structure, VARIANTS["dynamic"])
    honest = exported.bundle("dynamic")
    told = replace(
        honest.contract.model, min_runtime=structure.min_runtime, operators=structure.operators
    )
    return with_model(replace(honest, contract=replace(honest.contract, model=told)), stamped)


def test_failed_candidate_leaves_a_report_and_no_tflite(
    exported: Exported, edgeproof: Edgeproof, tmp_path: Path
) -> None:
    policy = tmp_path / "strict.toml"
    policy.write_text(
        "[default]\nmin_test_pictures = 450\nmin_accuracy = 0.5\nmax_drop_points = 1\n"
        "max_class_recall_drop_points = 20\nmin_agreement = 0.9\nmax_size_bytes = 250_000\n"
        "max_bundle_bytes = 150_000\nhard_pictures = 20\n"
    )
    out = tmp_path / "dist"
    out.mkdir()
    (out / "tiny-float32.tflite").write_bytes(b"of an earlier export")
    done = edgeproof(
        *("export", exported.run, "--out", out, "--policy", policy),
        *("--variants", "float32,float16,int8"),
    )
    assert done.returncode == 3, done.stdout + done.stderr
    assert "FAILED float32: max_size_bytes: expected at most 250000, got 35" in done.stdout
    assert "FAILED float16: max_bundle_bytes: expected at most 150000, got 18" in done.stdout
    assert "CAUSE" not in done.stdout  # a size explains itself
    assert {path.name for path in out.iterdir()} == {*REPORTS, "tiny-int8.tflite"}


def test_models_of_several_runs_end_in_one_table(exported: Exported, tmp_path: Path) -> None:
    """Each is made again to the same bytes, though others were converted before it: here the first
    of them, and when they were exported, those variants that stand before them.
    """
    shutil.copytree(exported.run, tmp_path / "runs" / "tiny")
    shutil.copytree(exported.run, tmp_path / "runs" / "other")
    record = tmp_path / "runs" / "other" / "run.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "name": "other"}))
    bundle = exported.bundle()
    other = replace(bundle, contract=replace(bundle.contract, name="other"), proof_json=None)
    write_bundle(tmp_path / "other.tflite", other)
    policy = tmp_path / "policy.toml"
    policy.write_text(POLICY.read_text() + "[other]\nmax_bundle_bytes = 50_000\n")
    command = [sys.executable, "-m", "edge", "gate", str(exported.path("float16")), "other.tflite"]
    command += ["--rebuild", "--policy", str(policy), "--report", "reports"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 3, done.stdout + done.stderr
    assert done.stderr.count("exported again from its run, and the same to the byte") == 2
    assert "the accuracy gate refuses other int8;" in done.stderr
    *_, headings, tiny, last = done.stdout.splitlines()
    assert headings.startswith("MODEL")
    assert (tiny.split()[:2], tiny.split()[-1]) == (["tiny", "float16"], "passed")
    assert (last.split()[:2], last.split()[-1]) == (["other", "int8"], "FAILED")
    told = json.loads((tmp_path / "reports" / "gate.json").read_text())
    assert told["passed"] is False
    size_bytes = (tmp_path / "other.tflite").stat().st_size
    assert told["models"][1]["bundle_bytes"] == size_bytes > told["models"][1]["max_bundle_bytes"]
    assert told["models"][0]["multiply_adds"] == told["models"][1]["multiply_adds"] > 0
    for name in ("tiny", "other"):
        assert {path.name for path in (tmp_path / "reports" / name).iterdir()} == set(REPORTS)


def test_a_repaired_model_is_not_made_again_in_passing(exported: Exported) -> None:
    bundle = exported.bundle()
    found = {**bundle.contract.provenance, "quantization": asdict(Quantization("mse"))}
    repaired = replace(bundle, contract=replace(bundle.contract, provenance=found))
    with pytest.raises(ModelError, match="a repair found its recipe"):
        _rebuilt(Bench.__new__(Bench), repaired)


def test_bundle_of_another_run_is_not_compared(
    exported: Exported, edgeproof: Edgeproof, tmp_path: Path
) -> None:
    bundle = exported.bundle()
    foreign = {**bundle.contract.provenance, "run": "other-123"}
    changed = replace(bundle, contract=replace(bundle.contract, provenance=foreign))
    write_bundle(tmp_path / "foreign.tflite", changed)
    done = edgeproof("gate", tmp_path / "foreign.tflite", "--run", exported.run)
    assert done.returncode == 2
    assert "was exported from run other-123" in done.stderr


def test_calibration_is_balanced_seeded_and_from_fitted_pictures() -> None:
    targets = np.repeat(np.arange(4), [100, 50, 30, 5])
    allowed = np.arange(0, 185, 2)
    chosen = choose_calibration(targets, allowed, count=40, seed=1)
    assert set(chosen) <= set(allowed)
    assert np.bincount(targets[chosen]).tolist() == [10, 10, 10, np.sum(targets[allowed] == 3)]
    assert np.array_equal(chosen, choose_calibration(targets, allowed, 40, seed=1))
    assert not np.array_equal(chosen, choose_calibration(targets, allowed, 40, seed=2))


def test_calibration_on_test_pictures_is_refused() -> None:
    test = load_dataset("optdigits").test
    with pytest.raises(UsageError, match="3 calibration pictures are also test pictures"):
        check_apart(test.take(np.array([4, 5, 6])), test)


def test_baseline_holds_later_builds_to_what_was_shipped(
    exported: Exported, edgeproof: Edgeproof, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(exported.run, run)
    common = ("--run", run, "--policy", POLICY, "--report", tmp_path / "report")
    first = edgeproof("gate", exported.path(), *common, "--update-baseline")
    assert first.returncode == 0, first.stdout + first.stderr
    path = run / "baseline.json"
    text = path.read_text()
    # A class stands on a line: a review sees which one a change touched.
    assert all(f'"{label}": [' in text for label in LABELS)
    assert len(text.splitlines()) < 50
    told = json.loads(text)
    for shipped in told["variants"]["int8"]["runtimes"].values():
        shipped["wrong"] = {label: [] for label in LABELS}  # it was never wrong
    path.write_text(json.dumps(told))
    strict = tmp_path / "strict.toml"
    strict.write_text("[default]\nhard_pictures = 20\nmax_regression_points = 0.0\n")
    worse = edgeproof(
        *("gate", exported.path(), "--run", run, "--policy", strict),
        *("--report", tmp_path / "report"),
    )
    assert worse.returncode == 3, worse.stdout + worse.stderr
    assert "FAILED int8: max_regression_points on " in worse.stdout
    assert "CAUSE int8: regression: the shipped model gets" in worse.stdout
    assert "classes that lost: '" in worse.stdout
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    newly = report["candidates"][0]["regressions"][0]["newly_wrong"]
    assert newly

    path.write_text(text.replace(told["test_sha256"][:8], "0" * 8))
    with pytest.raises(ModelError, match="was written for other test pictures"):
        find_baseline(find_run(str(run)))
    path.write_text(text)
    baseline = find_baseline(find_run(str(run)))
    assert baseline is not None
    assert baseline.variants["int8"].wrong("a runtime of the future") is None


def test_every_negative_control_fails_for_its_own_reason(
    exported: Exported, edgeproof: Edgeproof
) -> None:
    done = edgeproof("gate-selftest", exported.run, "--policy", POLICY)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()[1:]
    assert "passed" in lines[0]
    assert len(lines) == 9
    assert all("as it must" in line for line in lines)


def test_a_calibrated_model_without_its_record_is_refused(exported: Exported) -> None:
    bundle = exported.bundle()
    silent = {k: v for k, v in bundle.contract.provenance.items() if k != "quantization"}
    forged = replace(bundle, contract=replace(bundle.contract, provenance=silent))
    with pytest.raises(ModelError, match="its calibration pictures are not on record"):
        check_calibration(cast(Bench, None), forged)
    check_calibration(cast(Bench, None), exported.bundle("float16"))  # has none to record


def test_a_control_holds_only_for_its_own_reason() -> None:
    control = next(one for one in CONTROLS if one.name == "shifted zero point")
    right = Reason(False, ("min_agreement", "min_sqnr_db"), ("offset",))
    assert control.holds(right)
    assert not control.holds(replace(right, causes=("layer",)))
    assert not control.holds(replace(right, failed_checks=("min_agreement",)))
    assert not control.holds(Reason(True))
    assert HONEST.holds(Reason(True))
    assert not HONEST.holds(right)
