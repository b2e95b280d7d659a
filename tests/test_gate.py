"""The gate: each limit fails for its own reason, and a damaged model does not get through."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.bundle import Bundle, write_bundle
from edge.classifier import Classifier
from edge.errors import ModelError, UsageError
from edge.interpreter import installed_runtimes
from export.calibration import check_apart, choose_calibration
from export.flatbuffer import check_effect, read_structure
from export.gate import Verdict, judge
from export.measure import Answers, measure
from export.policy import Policy, load_policy
from export.statistics import wilson
from export.variants import VARIANTS
from tests.conftest import Edgeproof, Exported
from train.datasets import INK_28, load_dataset
from train.samples import Samples

LENIENT = Policy(
    min_test_pictures=1,
    min_accuracy=0.0,
    max_drop_points=100.0,
    max_class_recall_drop_points=100.0,
    min_agreement=0.0,
    max_size_bytes=1000,
)
TARGETS = np.repeat(np.arange(10), 20)


def logits_for(answers: NDArray[np.int64]) -> NDArray[np.float32]:
    return np.eye(10, dtype=np.float32)[answers]


def verdict(policy: Policy, answers: NDArray[np.int64], size_bytes: int = 500) -> Verdict:
    """The gate's word on these answers, against a float model that is always right."""
    logits = logits_for(answers)
    measured = Answers("runtime", "1", logits, logits)
    labels = tuple("0123456789")
    return judge(policy, "int8", size_bytes, labels, TARGETS, logits_for(TARGETS), [measured])


def with_wrong(count: int, target: int = 3) -> NDArray[np.int64]:
    """All right but `count` pictures of one class."""
    answers = TARGETS.copy()
    answers[np.flatnonzero(target == TARGETS)[:count]] = 8
    return answers


@pytest.mark.parametrize(
    ("limit", "wrong", "size_bytes"),
    [
        ({"min_test_pictures": 201}, 0, 500),
        ({"max_size_bytes": 499}, 0, 500),
        ({"min_accuracy": 0.96}, 10, 500),
        ({"max_drop_points": 4.9}, 10, 500),
        ({"max_class_recall_drop_points": 49.0}, 10, 500),
        ({"min_agreement": 0.96}, 10, 500),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_each_limit_fails_alone_and_by_name(
    limit: dict[str, float], wrong: int, size_bytes: int
) -> None:
    assert verdict(LENIENT, with_wrong(wrong), size_bytes).passed
    result = verdict(replace(LENIENT, **limit), with_wrong(wrong), size_bytes)  # type: ignore[arg-type]
    failed = [check.name for check in result.checks if not check.passed]
    assert (failed, result.passed) == (list(limit), False)


def test_findings_are_counted_right() -> None:
    (found,) = verdict(LENIENT, with_wrong(5)).measurements
    assert (found.score.correct, found.score.n) == (195, 200)
    assert found.drop_points == pytest.approx(2.5)
    assert found.agreement == pytest.approx(0.975)
    assert found.worst_class == "3"
    assert found.worst_class_drop_points == pytest.approx(25.0)


def test_a_drop_of_exactly_the_limit_passes() -> None:
    assert verdict(replace(LENIENT, max_drop_points=2.5), with_wrong(5)).passed


def test_no_answer_is_never_right() -> None:
    logits = logits_for(TARGETS)
    logits[:50] = np.nan
    measured = Answers("runtime", "1", logits, logits)
    labels = tuple("0123456789")
    result = judge(LENIENT, "int8", 1, labels, TARGETS, logits_for(TARGETS), [measured])
    assert result.measurements[0].score.correct == 150


def test_a_candidate_that_no_runtime_ran_does_not_pass() -> None:
    labels = tuple("0123456789")
    assert not judge(LENIENT, "int8", 1, labels, TARGETS, logits_for(TARGETS), []).passed


def test_wilson_interval_has_the_published_values() -> None:
    # Newcombe (1998), Statistics in Medicine 17, table I, method 3.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(29, 29) == pytest.approx((0.8830, 1.0), abs=5e-5)


def test_policy_refuses_unknown_keys_and_wrong_values(tmp_path: Path) -> None:
    path = tmp_path / "gate.toml"
    for text, message in [
        ("[default]\nmin_acuracy = 1", "unknown key 'min_acuracy'"),
        ("[default]\nmin_accuracy = 1.0", "key 'min_test_pictures' is missing"),
        ("[default]\nmin_test_pictures = 'many'", "expected int, got str 'many'"),
        ("not toml", "expected a policy in TOML"),
    ]:
        path.write_text(text)
        with pytest.raises(UsageError, match=message):
            load_policy("digits", path)
    with pytest.raises(UsageError, match="expected a policy in TOML"):
        load_policy("digits", tmp_path / "none.toml")


def test_policy_of_a_model_stands_over_the_default() -> None:
    assert load_policy("digits").min_accuracy > load_policy("somebody's own").min_accuracy


def test_export_leaves_five_gated_variants(exported: Exported) -> None:
    names = {path.name for path in exported.dist.iterdir()}
    assert names == {"report.json", *(f"tiny-{variant}.tflite" for variant in VARIANTS)}
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


def test_operator_version_that_the_old_runtime_lacks_is_refused(
    exported: Exported, tmp_path: Path
) -> None:
    """What the converter makes of a dynamic variant unless it is told otherwise."""
    code = f"""
import train, keras, tensorflow as tf
model = keras.models.load_model({str(exported.run / "model.keras")!r})
picture = keras.Input(batch_shape=(1, 28, 28, 1))
converter = tf.lite.TFLiteConverter.from_keras_model(keras.Model(picture, model(picture)))
converter.optimizations = [tf.lite.Optimize.DEFAULT]
open({str(tmp_path / "new.tflite")!r}, "wb").write(converter.convert())
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    structure = read_structure((tmp_path / "new.tflite").read_bytes())
    assert structure.operators["FULLY_CONNECTED"] == 12
    with pytest.raises(ModelError, match=r"TFLite 2\.14\.0 has, got a model for 2\.17\.0"):
        check_effect(structure, VARIANTS["dynamic"])


def test_the_measuring_child_answers_as_the_edge_does(exported: Exported) -> None:
    """One frame, one tensor: the gate's child and an application get the same bits."""
    bundle = exported.bundle()
    frames = np.asarray(load_dataset("optdigits").test.frames)[:20]
    with Classifier(bundle) as classifier:
        answers = measure(bundle, frames, classifier.runtime)
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
            measure(rehash(bundle, bundle.model[:2000]), frames, runtime)


def test_the_measuring_child_cannot_import_tensorflow() -> None:
    from export.measure import _Refuse

    finder = _Refuse()
    for name in ("tensorflow", "tensorflow.lite", "keras"):
        with pytest.raises(ImportError, match="must not be imported"):
            finder.find_spec(name)
    finder.find_spec("numpy")


def rehash(bundle: Bundle, model: bytes) -> Bundle:
    """The bundle around other model bytes, its contract made to agree."""
    told = replace(
        bundle.contract.model, sha256=hashlib.sha256(model).hexdigest(), size_bytes=len(model)
    )
    return replace(bundle, model=model, contract=replace(bundle.contract, model=told))


def scramble_layer(bundle: Bundle) -> Bundle:
    """The same model with the weights of its largest layer in another order."""
    from ai_edge_litert import schema_py_generated as schema

    parsed = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(bundle.model, 0))
    data = max((buffer.data for buffer in parsed.buffers if buffer.data is not None), key=len)
    weights = bytes(bytearray(data))
    at = bundle.model.index(weights)
    mixed = np.random.default_rng(1).permutation(np.frombuffer(weights, np.uint8)).tobytes()
    return rehash(bundle, bundle.model[:at] + mixed + bundle.model[at + len(mixed) :])


def test_scrambled_weights_fail_the_gate(
    exported: Exported, edgeproof: Edgeproof, tmp_path: Path
) -> None:
    write_bundle(tmp_path / "scrambled.tflite", scramble_layer(exported.bundle()))
    report = tmp_path / "report.json"
    done = edgeproof(
        "gate", tmp_path / "scrambled.tflite", "--run", exported.run, "--report", report
    )
    assert done.returncode == 3, done.stdout + done.stderr
    for check in ("min_accuracy", "max_drop_points", "min_agreement"):
        assert f"FAILED int8: {check} on " in done.stdout
    assert "the accuracy gate refuses int8" in done.stderr
    assert json.loads(report.read_text())["candidates"][0]["passed"] is False


def test_honest_model_passes_the_gate_again(exported: Exported, edgeproof: Edgeproof) -> None:
    done = edgeproof("gate", exported.path(), exported.path("dynamic"), "--run", exported.run)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("passed") >= 2


def test_failed_candidate_leaves_a_report_and_no_tflite(
    exported: Exported, edgeproof: Edgeproof, tmp_path: Path
) -> None:
    policy = tmp_path / "strict.toml"
    policy.write_text(
        "[default]\nmin_test_pictures = 450\nmin_accuracy = 0.5\nmax_drop_points = 1\n"
        "max_class_recall_drop_points = 20\nmin_agreement = 0.9\nmax_size_bytes = 100_000\n"
    )
    out = tmp_path / "dist"
    out.mkdir()
    (out / "tiny-float32.tflite").write_bytes(b"of an earlier export")
    done = edgeproof(
        "export", exported.run, "--out", out, "--policy", policy, "--variants", "float32,int8"
    )
    assert done.returncode == 3, done.stdout + done.stderr
    assert "FAILED float32: max_size_bytes: expected at most 100000, got 35" in done.stdout
    assert {path.name for path in out.iterdir()} == {"report.json", "tiny-int8.tflite"}


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
