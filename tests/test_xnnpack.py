"""XNNPACK's int8 kernels on tflite-runtime: where they are right, and nowhere else."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge import interpreter, xnnpack
from edge.bundle import Bundle, Golden, read_bundle
from edge.classifier import Classifier
from edge.interpreter import Interpreter
from edge.selftest import run_selftest
from edge.zoo import find_model
from tests.conftest import DATA, Edgeproof, Exported
from train.datasets import load_dataset

RUNTIME = "tflite-runtime"
pytest.importorskip("tflite_runtime", reason="no tflite-runtime on this Python")
if os.uname().machine not in xnnpack.MACHINES:
    pytest.skip("these kernels were tried on other machines", allow_module_level=True)


@pytest.fixture(scope="module")
def frames() -> NDArray[np.uint8]:
    """uint8 (n, H, W): the test split of optdigits."""
    return np.asarray(load_dataset("optdigits").test.frames)


def answers(bundle: Bundle, frames: NDArray[np.uint8], **how: str) -> NDArray[np.int64]:
    with Classifier(bundle, **how) as classifier:  # type: ignore[arg-type]
        return np.stack([classifier.raw_output(frame) for frame in frames]).astype(np.int64)


def ran(bundle: Bundle, **how: str) -> tuple[str, str]:
    """The kernels that a classifier takes, and why not others."""
    with Classifier(bundle, runtime=RUNTIME, **how) as classifier:  # type: ignore[arg-type]
        return classifier.kernels, classifier.passed_over


def test_int8_model_runs_on_xnnpack(exported: Exported) -> None:
    bundle = exported.bundle("int8")
    assert ran(bundle) == ("xnnpack", "")
    loaded = Interpreter(bundle.model, runtime=RUNTIME, kernels="xnnpack")
    operators = [one["op_name"] for one in loaded._interpreter._get_ops_details()]
    assert operators.count("DELEGATE") == 1


@pytest.mark.parametrize("variant", ["float32", "float16", "dynamic", "int16x8"])
def test_other_variants_stay_as_they_are(exported: Exported, variant: str) -> None:
    assert ran(exported.bundle(variant)) == ("default", "")


def test_answers_are_those_of_litert(exported: Exported, frames: NDArray[np.uint8]) -> None:
    pytest.importorskip("ai_edge_litert", reason="no second runtime")
    bundle = exported.bundle("int8")
    own = answers(bundle, frames, runtime=RUNTIME)
    other = answers(bundle, frames, runtime="ai-edge-litert")
    stock = answers(bundle, frames, runtime=RUNTIME, kernels="default")
    assert (own.argmax(axis=1) == other.argmax(axis=1)).all()
    assert np.abs(own - other).max() <= 1  # newer kernels round a few outputs another way
    assert (own != other).any(axis=1).mean() < (stock != other).any(axis=1).mean()


@pytest.mark.skipif(DATA is None, reason="no MNIST at hand")
def test_shipped_model_gives_litert_s_label_to_thousands() -> None:
    pytest.importorskip("ai_edge_litert", reason="no second runtime")
    with np.load(Path(DATA or ".") / "mnist.npz") as mnist:
        digits = mnist["x_test"][:2000]
    bundle = read_bundle(find_model("digits"))
    own = answers(bundle, digits, runtime=RUNTIME)
    other = answers(bundle, digits, runtime="ai-edge-litert")
    assert (own.argmax(axis=1) == other.argmax(axis=1)).all()


def test_kernels_that_are_named_are_taken(exported: Exported) -> None:
    for kernels in interpreter.KERNELS:
        assert ran(exported.bundle("int8"), kernels=kernels) == (kernels, "")


def broken(*missing: str, pointer: int | None = 1, flags: int = 3) -> SimpleNamespace:
    """A library whose functions are there and answer so."""

    def function(answer: int | None) -> Callable[..., int | None]:
        return lambda *_: answer

    functions = {
        "TfLiteXNNPackDelegateCreate": function(pointer),
        "TfLiteXNNPackDelegateGetFlags": function(flags),
        "TfLiteXNNPackDelegateDelete": function(None),
    }
    return SimpleNamespace(**{k: v for k, v in functions.items() if k not in missing})


@pytest.mark.parametrize(
    ("library", "said"),
    [
        (broken("TfLiteXNNPackDelegateCreate"), "lacks a function"),
        (broken("TfLiteXNNPackDelegateDelete"), "lacks a function"),
        (broken("TfLiteXNNPackDelegateGetFlags"), "lacks a function"),
        (broken(pointer=None), "made no delegate"),
        (broken(flags=0), "did not understand the options"),
    ],
)
def test_library_that_is_not_as_expected_leaves_the_stock_kernels(
    exported: Exported,
    frames: NDArray[np.uint8],
    monkeypatch: pytest.MonkeyPatch,
    library: SimpleNamespace,
    said: str,
) -> None:
    bundle = exported.bundle("int8")
    stock = answers(bundle, frames[:20], runtime=RUNTIME, kernels="default")
    monkeypatch.setattr("ctypes.CDLL", lambda _: library)
    kernels, passed_over = ran(bundle)
    assert kernels == "default"
    assert said in passed_over
    assert (answers(bundle, frames[:20], runtime=RUNTIME) == stock).all()


def test_library_that_cannot_be_opened_leaves_the_stock_kernels(
    exported: Exported, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str) -> None:
        raise OSError(f"{path}: cannot open")

    monkeypatch.setattr("ctypes.CDLL", refuse)
    kernels, passed_over = ran(exported.bundle("int8"))
    assert kernels == "default"
    assert "cannot be reached" in passed_over


def test_delegate_that_is_refused_leaves_the_stock_kernels(
    exported: Exported, frames: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = exported.bundle("int8")
    stock = answers(bundle, frames[:20], runtime=RUNTIME, kernels="default")
    monkeypatch.setattr(xnnpack.Delegate, "pointer", "no pointer at all")
    kernels, passed_over = ran(bundle)
    assert kernels == "default"
    assert "refused" in passed_over
    assert (answers(bundle, frames[:20], runtime=RUNTIME) == stock).all()


def test_nothing_of_a_refused_delegate_stays(
    exported: Exported, frames: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, real = exported.bundle("int8"), xnnpack.switch_on

    def refuse(*arguments: Any) -> tuple[str, str]:
        real(*arguments)
        return "default", "refused, but its mark is on the interpreter"

    stock = answers(bundle, frames, runtime=RUNTIME, kernels="default")
    monkeypatch.setattr(xnnpack, "switch_on", refuse)
    assert (answers(bundle, frames, runtime=RUNTIME) == stock).all()


@pytest.mark.parametrize("version", ["2.13.0", "2.17.0"])
def test_other_version_keeps_its_own_kernels(
    exported: Exported, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setattr("tflite_runtime.__version__", version)
    kernels, passed_over = ran(exported.bundle("int8"))
    assert (kernels, passed_over) == ("default", f"they are not known of tflite_runtime {version}")


def test_other_machine_keeps_its_own_kernels(
    exported: Exported, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xnnpack, "MACHINES", ("riscv64",))
    kernels, passed_over = ran(exported.bundle("int8"))
    assert kernels == "default"
    assert "they were not tried on" in passed_over


def altered(golden: Golden, steps: int) -> Golden:
    """Golden outputs, all but the stock kernels' own moved by so many steps."""
    moved = {
        name: np.clip(found.astype(np.int64) + steps, -128, 127).astype(found.dtype)
        for name, found in golden.outputs.items()
        if name != RUNTIME
    }
    return Golden(golden.frames, {RUNTIME: golden.outputs[RUNTIME]} | moved)


def test_kernels_that_golden_frames_refute_are_not_used(
    exported: Exported, edgeproof: Edgeproof, tmp_path: Path
) -> None:
    from edge.bundle import write_bundle

    bundle = exported.bundle("int8")
    assert bundle.golden is not None
    lying = replace(bundle, golden=altered(bundle.golden, 40))
    kernels, passed_over = ran(lying)
    assert kernels == "default"
    assert "golden frames are missing or come out wrong" in passed_over
    write_bundle(tmp_path / "lying.tflite", lying)
    verified = edgeproof("verify", tmp_path / "lying.tflite")
    assert verified.returncode == 0
    assert f"self-test on {RUNTIME}: 32 of 32 golden frames identical" in verified.stdout
    assert "XNNPACK int8 is off: with them, golden frames" in verified.stdout


def test_model_without_golden_frames_keeps_the_stock_kernels(exported: Exported) -> None:
    kernels, passed_over = ran(replace(exported.bundle("int8"), golden=None))
    assert kernels == "default"
    assert "missing" in passed_over


def test_bundle_holds_golden_outputs_of_both_kernels(exported: Exported) -> None:
    bundle = exported.bundle("int8")
    assert bundle.golden is not None
    assert {RUNTIME, f"{RUNTIME} with XNNPACK int8"} <= set(bundle.golden.outputs)
    for kernels in ("default", "xnnpack"):
        with Classifier(bundle, runtime=RUNTIME, kernels=kernels) as classifier:
            test = run_selftest(classifier)
        assert (test.kernels, test.identical) == (kernels, test.frames)
        assert test.recorded_on == interpreter.with_kernels(RUNTIME, kernels)
    assert set(exported.bundle("float32").golden.outputs) <= {RUNTIME, "ai-edge-litert"}  # type: ignore[union-attr]


def test_older_bundle_is_held_against_the_stock_kernels(exported: Exported) -> None:
    bundle = exported.bundle("int8")
    assert bundle.golden is not None
    outputs = {RUNTIME: bundle.golden.outputs[RUNTIME]}
    older = replace(bundle, golden=Golden(bundle.golden.frames, outputs))
    assert ran(older) == ("xnnpack", "")
    with Classifier(older, runtime=RUNTIME) as classifier:
        assert run_selftest(classifier).recorded_on == RUNTIME


def test_proof_names_the_kernels_that_were_measured(exported: Exported) -> None:
    def measured(variant: str) -> list[str]:
        proof = exported.bundle(variant).proof
        return [one.runtime for one in proof.measurements] if proof else []

    assert "tflite-runtime 2.14.0 with XNNPACK int8" in measured("int8")
    assert "tflite-runtime 2.14.0" in measured("float32")


def test_verify_and_doctor_name_the_kernels(exported: Exported, edgeproof: Edgeproof) -> None:
    verified = edgeproof("verify", exported.path("int8"), exported.path("float32"))
    assert verified.stdout.count("self-test on tflite-runtime with XNNPACK int8: 32 of 32") == 1
    assert verified.stdout.count("self-test on tflite-runtime: 32 of 32") == 1
    assert "tflite-runtime 2.14.0 with XNNPACK int8; golden" in edgeproof("doctor").stdout


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core")
def test_threads_change_no_answer(exported: Exported, frames: NDArray[np.uint8]) -> None:
    bundle = exported.bundle("int8")
    one = answers(bundle, frames[:50], runtime=RUNTIME)
    with Classifier(bundle, runtime=RUNTIME, threads=2) as classifier:
        assert classifier.kernels == "xnnpack"
        two = np.stack([classifier.raw_output(frame) for frame in frames[:50]])
    assert (one == two).all()


def test_loading_again_and_again_leaks_nothing(
    exported: Exported, frames: NDArray[np.uint8]
) -> None:
    bundle = exported.bundle("int8")
    frame = frames[0]

    def load(times: int) -> None:
        for _ in range(times):
            with Classifier(bundle, runtime=RUNTIME) as classifier:
                classifier.raw_output(frame)

    load(30)
    before = resident_bytes()
    load(300)
    gc.collect()
    assert resident_bytes() - before < 4 << 20  # a delegate with its packed weights has 100 KiB


def test_delegate_outlives_its_interpreter_and_no_longer(
    exported: Exported, frames: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    deleted: list[int] = []
    real = xnnpack.Delegate.__del__

    def counted(delegate: xnnpack.Delegate) -> None:
        deleted.append(1)
        real(delegate)

    monkeypatch.setattr(xnnpack.Delegate, "__del__", counted)
    classifier = Classifier(exported.bundle("int8"), runtime=RUNTIME)
    gc.collect()
    classifier.raw_output(frames[0])
    assert not deleted
    classifier.close()
    assert deleted == [1]


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
