"""The network's weights -> an ONNX model, batch of 1. Needs `onnx`.

python to_onnx.py WEIGHTS.npz OUT.onnx
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def main() -> None:
    weights = np.load(sys.argv[1])
    nodes: list[Any] = []
    constants: list[Any] = []
    last = "picture"
    for key in weights.files:
        kind, array = key.split("-", 1)[1], weights[key].astype(np.float32)
        if kind == "conv":
            array = array.transpose(3, 2, 0, 1)
        if kind in ("conv", "dense", "conv-bias", "dense-bias"):
            constants.append(numpy_helper.from_array(np.ascontiguousarray(array), key))
        if kind in ("conv-bias", "dense-bias"):
            nodes[-1].input.append(key)
            continue
        nodes += make_nodes(kind, key, last, weights[key])
        last = nodes[-1].output[0]
    nodes[-1].output[0] = "logits"
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 1, 28, 28])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 10])],
        constants,
    )
    # 17 and 8: what runtimes of the last three years read.
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, sys.argv[2])


def make_nodes(kind: str, key: str, last: str, array: Any) -> list[Any]:
    """The nodes of one step; a bias is added to the last one's inputs."""
    out = f"{key}-out"
    if kind == "conv":
        return [helper.make_node("Conv", [last, key], [out], pads=[1, 1, 1, 1])]
    if kind == "relu":
        return [helper.make_node("Relu", [last], [out])]
    if kind == "pool":
        pads = [0, 0, int(array[0]), int(array[1])]
        shape = {"kernel_shape": [2, 2], "strides": [2, 2], "pads": pads}
        return [helper.make_node("MaxPool", [last], [out], **shape)]
    # The weights read rows, columns, channels: Keras's order.
    return [
        helper.make_node("Transpose", [last], [f"{key}-turned"], perm=[0, 2, 3, 1]),
        helper.make_node("Flatten", [f"{key}-turned"], [f"{key}-flat"]),
        helper.make_node("Gemm", [f"{key}-flat", key], [out]),
    ]


if __name__ == "__main__":
    main()
