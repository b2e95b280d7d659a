"""Slim models: the same answers to the bit, the same layers, and no byte that nothing reads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.interpreter import KERNELS, RUNTIMES, Interpreter, installed_runtimes
from edge.quantize import quantize
from edge.tflite.structure import check_whole
from edge.tflite.structure import read_structure as read_anything
from export.flatbuffer import read_structure
from export.graph import Operator, parse_model, read_operators
from export.slim import ALIGNED_BYTES, slim
from export.variants import VARIANTS
from tests.conftest import Exported

NETWORKS = ("cnn", "residual", "separable")
VARIETIES = (*VARIANTS, "mixed")
MODELS = tuple(f"{network}-{variant}" for network in NETWORKS for variant in VARIETIES)
FRAMES = np.random.default_rng(7).random((100, 28, 28, 1), np.float32)

MAKE = """
from train.devices import start_backend; start_backend()
import json, sys
from dataclasses import replace
from pathlib import Path
import keras, numpy as np
import export.convert
from export.convert import convert
from export.graph import read_operators
from export.slim import slim
from export.variants import VARIANTS, Quantization
from train.datasets import OBJECT_28
from train.networks import build_network
from train.recipes import load_recipe

out, again = Path(sys.argv[1]), {}
pictures = np.random.default_rng(3).random((4, *OBJECT_28.shape), np.float32)
for network in sys.argv[2:]:
    keras.utils.set_random_seed(1)
    recipe = replace(load_recipe("cnn", "object"), network=network, widths=(8, 12))
    model = build_network(recipe, OBJECT_28, 10)
    export.convert.slim = lambda raw: raw
    made = {name: convert(model, variant, pictures) for name, variant in VARIANTS.items()}
    layers = [one.layer for one in read_operators(made["int8"])]
    mixed = Quantization(pictures=4, float_layers=(layers[0], layers[2], layers[-1]))
    made["mixed"] = convert(model, mixed.variant, pictures, mixed)
    for variant, raw in made.items():
        (out / f"{network}-{variant}").write_bytes(raw)
        (out / f"{network}-{variant}.slim").write_bytes(slim(raw))
    export.convert.slim = slim
    again[network] = convert(model, VARIANTS["int8"], pictures) == slim(made["int8"])
print(json.dumps(again))
"""


@dataclass(frozen=True)
class Made:
    """Models by `network-variant`, as the converter made them and slim."""

    raw: dict[str, bytes]
    slim: dict[str, bytes]
    again: dict[str, bool]
    """Network -> whether a second conversion gave the same slim int8 model."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("slim")
    done = subprocess.run(
        [sys.executable, "-c", MAKE, str(folder), *NETWORKS],
        env={**os.environ, "KERAS_BACKEND": "tensorflow", "PYTHONHASHSEED": "5"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    again = json.loads(done.stdout.splitlines()[-1])
    raw, thin = ({name: (folder / (name + end)).read_bytes() for name in MODELS}
                 for end in ("", ".slim"))  # fmt: skip
    return Made(raw, thin, again)


def answers(model: bytes, runtime: str, kernels: str) -> tuple[Interpreter, NDArray[np.generic]]:
    interpreter = Interpreter(model, runtime=runtime, kernels=kernels)
    frames = FRAMES[:10] if kernels == "reference" else FRAMES
    tensors = (quantize(frame[np.newaxis], interpreter.input) for frame in frames)
    return interpreter, np.concatenate([interpreter.invoke(tensor) for tensor in tensors])


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("runtime", installed_runtimes())
@pytest.mark.parametrize("network", NETWORKS)
def test_every_answer_is_the_same_to_the_bit(
    made: Made, network: str, runtime: str, kernels: str
) -> None:
    for model in (f"{network}-{variant}" for variant in VARIETIES):
        before, expected = answers(made.raw[model], runtime, kernels)
        after, got = answers(made.slim[model], runtime, kernels)
        assert (after.input, after.output) == (before.input, before.output), model
        assert after.kernels == before.kernels
        assert len(np.unique(expected, axis=0)) > 1
        assert (got.dtype, got.tobytes()) == (expected.dtype, expected.tobytes()), model


@pytest.mark.parametrize("model", MODELS)
def test_every_layer_keeps_its_name_and_its_numbers(made: Made, model: str) -> None:
    def told(operator: Operator) -> tuple[object, ...]:
        values = vars(operator)
        return tuple(values[name] for name in values if name not in ("tensor", "reads"))

    before, after = (read_operators(models[model]) for models in (made.raw, made.slim))
    assert [told(one) for one in after] == [told(one) for one in before]
    computed = {one.tensor: theirs.tensor for one, theirs in zip(before, after, strict=True)}
    for one, theirs in zip(before, after, strict=True):
        reads = tuple(computed.get(name, "picture") for name in one.reads)
        assert theirs.reads == reads


@pytest.mark.parametrize("model", MODELS)
def test_names_are_the_layers_and_constants_have_none(made: Made, model: str) -> None:
    parsed = parse_model(made.slim[model])
    graph = parsed.subgraphs[0]
    made_here = {int(index) for step in graph.operators for index in step.outputs}
    names = [tensor.name.decode() for tensor in graph.tensors if tensor.name is not None]
    assert len(set(names)) == len(names)
    assert "picture" in names
    layers = {one.layer for one in read_operators(made.raw[model])}
    assert layers <= set(names)
    assert {name.split("/")[0] for name in names} <= {*layers, "picture"}
    for index, tensor in enumerate(graph.tensors):
        if parsed.buffers[tensor.buffer].data is not None:
            assert tensor.name is None
            assert index not in made_here


@pytest.mark.parametrize("model", MODELS)
def test_constants_lie_where_the_schema_wants_them(made: Made, model: str) -> None:
    from ai_edge_litert import schema_py_generated as schema

    parsed = schema.Model.GetRootAsModel(made.slim[model], 0)
    buffers = [parsed.Buffers(index) for index in range(parsed.BuffersLength())]
    assert buffers[0].DataIsNone()
    for buffer in buffers[1:]:
        assert buffer.DataLength()
        assert buffer._tab.Vector(buffer._tab.Offset(4)) % ALIGNED_BYTES == 0


@pytest.mark.parametrize("network", NETWORKS)
def test_equal_lists_and_tables_stand_once(made: Made, network: str) -> None:
    from ai_edge_litert import schema_py_generated as schema

    graph = schema.Model.GetRootAsModel(made.slim[f"{network}-int8"], 0).Subgraphs(0)
    tensors = [graph.Tensors(index) for index in range(graph.TensorsLength())]
    stored = [one for one in (tensor.Quantization() for tensor in tensors) if one is not None]
    lists = {one.ZeroPointAsNumpy().tobytes(): one for one in stored}
    assert len({one._tab.Vector(one._tab.Offset(10)) for one in stored}) == len(lists) < len(stored)

    steps = [graph.Operators(index) for index in range(graph.OperatorsLength())]
    options = [step.BuiltinOptions() for step in steps if step.OpcodeIndex() == 0]
    convolutions = {options.Pos for options in options}
    assert len(convolutions) < len(options)


def notes(model: bytes) -> dict[bytes, bytes]:
    """What a model carries beside its network."""
    parsed = parse_model(model)
    return {one.name: bytes(parsed.buffers[one.buffer].data) for one in parsed.metadata}


@pytest.mark.parametrize("model", MODELS)
def test_readers_take_it_and_see_what_was_there(made: Made, model: str) -> None:
    check_whole(made.slim[model], "m")
    before, after = (read_anything(models[model], "m") for models in (made.raw, made.slim))
    for fact in ("subgraphs", "operators", "custom", "output_operator", "min_runtime", "metadata"):
        assert getattr(after, fact) == getattr(before, fact)
    ours, theirs = (read_structure(models[model]) for models in (made.slim, made.raw))
    assert (ours.operators, ours.min_runtime) == (theirs.operators, theirs.min_runtime)
    kept = [(tensor.type, tensor.shape, tensor.constant_bytes) for tensor in ours.tensors]
    assert kept == [(tensor.type, tensor.shape, tensor.constant_bytes) for tensor in theirs.tensors]
    noted, before_noted = (notes(models[model]) for models in (made.slim, made.raw))
    assert set(before_noted) - set(noted) == {b"CONVERSION_METADATA"}
    assert noted == {name: before_noted[name] for name in noted}


@pytest.mark.parametrize("model", MODELS)
def test_the_same_bytes_come_of_the_same_and_nothing_is_left_to_gain(
    made: Made, model: str
) -> None:
    assert slim(made.raw[model]) == made.slim[model]  # made by another process
    assert slim(made.slim[model]) == made.slim[model]


def test_int8_loses_a_kilobyte_at_least(made: Made) -> None:
    for network in NETWORKS:
        saved = len(made.raw[f"{network}-int8"]) - len(made.slim[f"{network}-int8"])
        assert saved > 1000


def test_a_second_conversion_gives_the_same_model(made: Made) -> None:
    assert made.again == dict.fromkeys(NETWORKS, True)


@pytest.mark.parametrize("runtime", installed_runtimes())
def test_the_signature_keeps_its_names(made: Made, runtime: str) -> None:
    (module,) = (one.module for one in RUNTIMES if one.package == runtime)
    said = []
    for models in (made.raw, made.slim):
        model = models["cnn-float32"]
        interpreter = import_module(f"{module}.interpreter").Interpreter(model_content=model)
        names = {"inputs": ["picture"], "outputs": ["output_0"]}
        assert interpreter.get_signature_list() == {"serving_default": names}
        said.append(interpreter.get_signature_runner()(picture=FRAMES[:1])["output_0"])
    assert said[0].tobytes() == said[1].tobytes()


def packed(parsed: Any) -> bytes:
    import flatbuffers

    builder = flatbuffers.Builder(1024)
    builder.Finish(parsed.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def test_a_layer_that_is_called_as_the_input_is_told_apart(made: Made) -> None:
    parsed = parse_model(made.raw["cnn-float32"])
    for tensor in parsed.subgraphs[0].tensors:
        tensor.name = tensor.name.replace(b"/logits", b"/picture")
    model = slim(packed(parsed))
    names = [tensor.name for tensor in parse_model(model).subgraphs[0].tensors if tensor.name]
    assert {b"picture", b"picture_"} <= set(names)
    assert len(set(names)) == len(names)


def two_graphs(parsed: Any) -> None:
    parsed.subgraphs *= 2


def a_variable(parsed: Any) -> None:
    parsed.subgraphs[0].tensors[-1].isVariable = True


def an_operator_of_its_own(parsed: Any) -> None:
    code = parsed.operatorCodes[0]
    code.builtinCode = code.deprecatedBuiltinCode = 32
    code.customCode = b"Mine"


def constants_outside(parsed: Any) -> None:
    parsed.buffers[-1].offset, parsed.buffers[-1].size = 1 << 20, 16


@pytest.mark.parametrize(
    "change", [two_graphs, a_variable, an_operator_of_its_own, constants_outside]
)
def test_what_our_networks_do_not_have_is_left_alone(
    made: Made, change: Callable[[Any], None]
) -> None:
    parsed = parse_model(made.raw["cnn-int8"])
    change(parsed)
    model = packed(parsed)
    assert slim(model) == model


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_is_exported_is_slim(exported: Exported, variant: str) -> None:
    model = exported.bundle(variant).model
    assert slim(model) == model
    assert b"functional" not in model


def test_a_bundle_spends_no_bytes_on_digits_of_no_meaning(exported: Exported) -> None:
    bundle = exported.bundle()
    assert bundle.proof_json is not None
    assert bundle.golden is not None
    digits = [
        len(number.split("e")[0].strip("-0.").replace(".", ""))
        for number in bundle.proof_json.split(": ")[1:]
        for number in [number.split(",")[0].split("\n")[0]]
        if number[0].isdigit() or number[0] == "-"
    ]
    assert 3 < max(digits) <= 6
    coarse = [not np.any(frame & 0x0F) for frame in bundle.golden.frames]
    assert 1 <= coarse.count(False) <= 16
