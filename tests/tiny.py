"""The smallest model that there is, one dense layer, with weights as a test wants them."""

from __future__ import annotations

import hashlib
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge.bundle import Bundle, Golden
from edge.contract import SCHEMA, Contract, Input, ModelBytes, Output, Preprocess

SIDE, CLASSES = 28, 4
LABELS = ("ant", "bee", "cat", "dog")
PHOTO = Preprocess("photo", (0.0,), (255.0,), "stretch")


def dense_model(weights: NDArray[np.float32], biases: NDArray[np.float32]) -> bytes:
    """A flatbuffer: float32 (1, 28, 28, 1) to (1, classes). weights: (classes, 784)."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model, graph, code = schema.ModelT(), schema.SubGraphT(), schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.FULLY_CONNECTED
    code.version = 1
    model.version, model.operatorCodes, model.buffers = 3, [code], [schema.BufferT()]
    graph.tensors = []
    classes = len(weights)
    for name, shape, data in (
        ("picture", (1, SIDE, SIDE, 1), None),
        ("weights", weights.shape, weights),
        ("biases", biases.shape, biases),
        ("scores", (1, classes), None),
    ):
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type = name, list(shape), schema.TensorType.FLOAT32
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(data.astype("<f4").tobytes(), np.uint8)
            tensor.buffer = len(model.buffers)
            model.buffers.append(buffer)
        graph.tensors.append(tensor)
    dense = schema.OperatorT()
    dense.opcodeIndex, dense.inputs, dense.outputs = 0, [0, 1, 2], [3]
    dense.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
    dense.builtinOptions = schema.FullyConnectedOptionsT()
    graph.inputs, graph.outputs, graph.operators = [0], [3], [dense]
    model.subgraphs = [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def tiny_bundle(
    weight: float = 0.0,
    biases: tuple[float, ...] = (0.0, 1.0, 2.0, 3.0),
    meaning: Literal["logits", "probabilities"] = "logits",
    preprocess: Preprocess = PHOTO,
) -> Bundle:
    """A bundle that answers its biases, and `weight` times the light of the picture besides.

    Its golden frames are black, so whatever `weight` is, they are answered rightly.
    """
    weights = np.full((len(biases), SIDE * SIDE), weight, np.float32)
    model = dense_model(weights, np.asarray(biases, np.float32))
    contract = Contract(
        SCHEMA,
        "tiny",
        "float32",
        Input(SIDE, SIDE, "gray", preprocess),
        Output(meaning),
        ModelBytes(hashlib.sha256(model).hexdigest(), len(model), "1.5.0", {"FULLY_CONNECTED": 1}),
        {},
    )
    frames = np.zeros((2, SIDE, SIDE), np.uint8)
    answers = np.tile(np.asarray(biases, np.float32), (2, 1))
    golden = Golden(frames, dict.fromkeys(("tflite-runtime", "ai-edge-litert"), answers))
    return Bundle(model, LABELS[: len(biases)], contract, golden)
