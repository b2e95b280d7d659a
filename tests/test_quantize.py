"""Integer arithmetic: rounding, clipping, and a whole int8 network against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.classifier import Classifier
from edge.quantize import TensorSpec, dequantize, quantize
from tests.conftest import Exported
from train.datasets import load_dataset

INT8 = TensorSpec(0, (1, 4), np.dtype(np.int8), scale=0.5, zero_point=-3)


def test_quantize_rounds_half_to_even_clips_then_casts() -> None:
    values = np.array([0.25, 0.75, -0.25, 130.2, -500.0, 1.0], np.float32)
    assert quantize(values, INT8).tolist() == [-3, -1, -3, 127, -128, -1]


def test_quantize_uses_the_tensors_own_dtype() -> None:
    for dtype, low, high in [("uint8", 0, 255), ("int16", -32768, 32767)]:
        spec = TensorSpec(0, (2,), np.dtype(dtype), scale=1.0, zero_point=0)
        result = quantize(np.array([-1e9, 1e9], np.float32), spec)
        assert (result.dtype.name, result.tolist()) == (dtype, [low, high])


def test_dequantize_does_not_wrap() -> None:
    spec = TensorSpec(0, (2,), np.dtype(np.int8), scale=1.0, zero_point=127)
    assert dequantize(np.array([-128, 127], np.int8), spec).tolist() == [-255.0, 0.0]


def test_float_tensors_pass_as_they_are() -> None:
    spec = TensorSpec(0, (1,), np.dtype(np.float32), scale=0.0, zero_point=0)
    values = np.array([0.3], np.float32)
    assert quantize(values, spec) == dequantize(values, spec) == values


@pytest.mark.parametrize("runtime", ["tflite-runtime", "ai-edge-litert"])
def test_runtime_computes_what_the_quantization_spec_says(exported: Exported, runtime: str) -> None:
    """Every layer in NumPy by the 8-bit spec; kernels may round a step differently, not more."""
    pytest.importorskip(runtime.replace("-", "_"), reason="runtime not on this Python")
    bundle = exported.bundle("int8")
    network = NumpyInt8(bundle.model)
    with Classifier(bundle, runtime=runtime) as classifier:
        frames = np.asarray(load_dataset("optdigits").test.frames)[:60]
        got = np.stack([classifier.raw_output(frame) for frame in frames]).astype(int)
        expected = np.stack([network(classifier.input_tensor(frame)) for frame in frames])
    difference = np.abs(got - expected)
    assert difference.max() <= 2
    assert (difference <= 1).mean() > 0.99
    assert len(np.unique(expected.argmax(axis=1))) >= 8


class NumpyInt8:
    """Runs the graph of an int8 flatbuffer with integer arithmetic and nothing of TFLite."""

    def __init__(self, model: bytes) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self.model: Any = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(model, 0))
        self.graph = self.model.subgraphs[0]
        names = {value: name for name, value in vars(schema.BuiltinOperator).items()}
        self.names = [names[code.builtinCode] for code in self.model.operatorCodes]

    def __call__(self, picture: NDArray[np.generic]) -> NDArray[np.int64]:
        values = {self.graph.inputs[0]: picture.astype(np.int64)}
        for operator in self.graph.operators:
            run = getattr(self, self.names[operator.opcodeIndex].lower())
            values[operator.outputs[0]] = run(operator, values[operator.inputs[0]])
        return values[self.graph.outputs[0]][0]

    def conv_2d(self, operator: Any, x: NDArray[np.int64]) -> NDArray[np.int64]:
        kernel, zero = self.constant(operator.inputs[1], np.int8), self.zero(operator.inputs[0])
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=zero) - zero
        height, width = x.shape[1:3]
        sums = sum(
            padded[:, i : i + height, j : j + width] @ kernel[:, i, j].T
            for i in range(3)
            for j in range(3)
        )
        return self.rescale(operator, np.asarray(sums))

    def fully_connected(self, operator: Any, x: NDArray[np.int64]) -> NDArray[np.int64]:
        weights = self.constant(operator.inputs[1], np.int8)
        return self.rescale(operator, (x - self.zero(operator.inputs[0])) @ weights.T)

    def max_pool_2d(self, operator: Any, x: NDArray[np.int64]) -> NDArray[np.int64]:
        n, height, width, channels = x.shape
        return x.reshape(n, height // 2, 2, width // 2, 2, channels).max(axis=(2, 4))

    def reshape(self, operator: Any, x: NDArray[np.int64]) -> NDArray[np.int64]:
        return x.reshape(1, -1)

    def rescale(self, operator: Any, sums: NDArray[np.int64]) -> NDArray[np.int64]:
        """Adds the bias, scales to the output's steps, clips; a fused ReLU clips at its zero."""
        inputs, output = operator.inputs, operator.outputs[0]
        sums = sums + self.constant(inputs[2], np.int32)
        factor = self.scale(inputs[0]) * self.scale(inputs[1]) / self.scale(output)
        low = self.zero(output) if operator.builtinOptions.fusedActivationFunction else -128
        return np.clip(np.rint(sums * factor) + self.zero(output), low, 127).astype(np.int64)

    def constant(self, index: int, dtype: type) -> NDArray[np.int64]:
        tensor = self.graph.tensors[index]
        data = np.asarray(self.model.buffers[tensor.buffer].data, np.uint8)
        return data.view(dtype).reshape(tensor.shape).astype(np.int64)

    def scale(self, index: int) -> NDArray[np.float64]:
        return np.asarray(self.graph.tensors[index].quantization.scale, np.float64)

    def zero(self, index: int) -> int:
        return int(self.graph.tensors[index].quantization.zeroPoint[0])
