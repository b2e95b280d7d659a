"""Layer by layer: how far a quantised model's activations are from those of the float model.

Both run in a child process on the same inputs: TensorFlow and tflite-runtime do not work in one
process, and a damaged model may kill the one that runs it.

    python -m export.layers REQUEST.json
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeproofError, ModelError
from edge.process import last_words
from edge.quantize import INTEGER_LIMITS
from export.graph import Operator, read_operators

BEST_DB = 99.0
"""Stands for no error at all, and its opposite for an output without numbers: JSON has no inf."""
CLIFF_DB = 10.0
BROKEN_DB = 15.0
"""A broken layer falls by a CLIFF below all before it, to noise of a sixth of its signal."""


@dataclass(frozen=True)
class LayerError:
    """One layer of a quantised model against the same layer of the float model."""

    name: str
    """The layer, as `export.graph` names it."""
    operator: str
    """TFLite's name: CONV_2D."""
    shape: tuple[int, ...]
    """Of its output."""
    sqnr_db: float
    """Signal to quantisation noise of its output, the errors of all layers before it included."""
    channel_sqnr_db: float
    """The median over its channels (last axis) of each one's own: where channels differ much in
    size, the small ones are lost in the steps of the large ones, and only this shows it."""
    saturated: float
    """Fraction of its output at an integer limit, unless that limit stands for 0 (a ReLU's)."""
    scale: float
    """Real value of one step; 0 where the layer is float."""
    low: float
    """Least value of the float model's output."""
    high: float
    weights_bytes: int
    """In the quantised model."""


def layer_errors(
    float_model: bytes, quantised: bytes, inputs: NDArray[np.float32], runtime: str
) -> tuple[LayerError, ...]:
    """The error of every layer that both models have, in the order they run.

    Left out is a layer whose memory the next one takes: tflite-runtime 2.14 adds and multiplies in
    place, even where it is told to keep all tensors.

    float_model: a float32 .tflite, plain or calibrated.
    quantised: any variant of the same network, damaged ones included.
    inputs: float32 (n, height, width, channels), preprocessed; a few dozen tell enough.
    runtime: package name of an installed runtime.

    Raises:
        ModelError: the models have no layer in common, or one of them does not run.
    """
    theirs = {operator.layer: operator for operator in read_operators(quantised)}
    operators = read_operators(float_model)
    pairs = [(one, theirs[one.layer]) for one in operators if one.layer in theirs]
    if not pairs:
        raise ModelError("expected two variants of one network, they have no layer in common")
    request = {"pairs": [_pair(ours, other, operators) for ours, other in pairs]}
    (sums,) = _run_child(request, float_model, [quantised], inputs, runtime)
    return tuple(
        LayerError(
            ours.layer,
            ours.kind,
            ours.shape,
            row["sqnr_db"],
            row["channel_sqnr_db"],
            row["saturated"] / row["count"],
            other.scale,
            row["low"],
            row["high"],
            other.weights_bytes,
        )
        for (ours, other), row in zip(pairs, sums, strict=True)
        if not row["overwritten"]
    )


def output_errors(
    float_model: bytes, models: Sequence[bytes], inputs: NDArray[np.float32], runtime: str
) -> tuple[float, ...]:
    """SQNR of each model's output in dB, as `layer_errors` has it for the last layer; quicker."""
    rows = _run_child({"pairs": []}, float_model, models, inputs, runtime)
    return tuple(row[0]["sqnr_db"] for row in rows)


def first_broken(errors: Sequence[LayerError]) -> LayerError | None:
    """The layer where the SQNR first falls off a cliff; none where it falls step by step.

    By the median channel: an outlier that is cut off on purpose costs SQNR and harms nothing.
    """
    worst_db = BEST_DB
    for error in errors:
        if error.channel_sqnr_db < min(worst_db - CLIFF_DB, BROKEN_DB):
            return error
        worst_db = min(worst_db, error.channel_sqnr_db)
    return None


def _pair(ours: Operator, other: Operator, operators: Sequence[Operator]) -> dict[str, Any]:
    limits: list[float] = []
    if other.scale and other.type.lower() in INTEGER_LIMITS:
        ends = [end - other.zero_point for end in INTEGER_LIMITS[other.type.lower()]]
        limits = [end * other.scale for end in ends if end]
    return {
        "float": ours.tensor,
        "other": other.tensor,
        "readers": [later.tensor for later in operators if ours.tensor in later.reads],
        "limits": limits,
        "step": other.scale,
    }


def _run_child(
    request: dict[str, Any],
    float_model: bytes,
    models: Sequence[bytes],
    inputs: NDArray[np.float32],
    runtime: str,
) -> list[list[dict[str, float]]]:
    with tempfile.TemporaryDirectory(prefix="edgeproof-") as scratch:
        folder = Path(scratch)
        for index, model in enumerate((float_model, *models)):
            (folder / f"{index}.tflite").write_bytes(model)
        np.save(folder / "inputs.npy", inputs)
        path = folder / "request.json"
        path.write_text(json.dumps({**request, "runtime": runtime, "models": len(models)}))
        child = subprocess.run(
            [sys.executable, "-m", "export.layers", str(path)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if child.returncode:
            words = last_words(child.returncode, child.stderr)
            raise ModelError(f"comparing layers on {runtime}: {words}")
        rows: list[list[dict[str, float]]] = json.loads((folder / "sums.json").read_text())
        return rows


def _child(path: Path) -> None:
    from edge.interpreter import Interpreter
    from edge.quantize import dequantize, quantize

    request, folder = json.loads(path.read_text()), path.parent
    pairs = request["pairs"]

    def load(index: int) -> Interpreter:
        return Interpreter(
            (folder / f"{index}.tflite").read_bytes(),
            runtime=request["runtime"],
            kernels="builtin",  # what a delegate computes on its way cannot be read
            keep_tensors=bool(pairs),
        )

    reference, others = load(0), [load(index + 1) for index in range(request["models"])]
    sums = [[_Sums(pair["limits"], pair["step"]) for pair in pairs] for _ in others]
    outputs = [_Sums() for _ in others]
    for picture in np.load(folder / "inputs.npy"):
        expected = reference.invoke(picture[np.newaxis])
        ours = reference.tensors() if pairs else {}
        for other, rows, output in zip(others, sums, outputs, strict=True):
            raw = other.invoke(quantize(picture[np.newaxis], other.input))
            output.add(expected, dequantize(raw, other.output))
            theirs = other.tensors() if pairs else {}
            for pair, row in zip(pairs, rows, strict=True):
                here = ours[pair["float"]]
                row.add(here, theirs[pair["other"]])
                row.overwritten |= any(np.array_equal(here, ours[name]) for name in pair["readers"])
    tables = [rows or [output] for rows, output in zip(sums, outputs, strict=True)]
    (folder / "sums.json").write_text(json.dumps([[row.table() for row in t] for t in tables]))


class _Sums:
    """What one layer's comparison adds up to, picture by picture."""

    def __init__(self, limits: Sequence[float] = (), step: float = 0.0) -> None:
        self._limits, self._step = limits, step
        self._signal: Any = 0.0
        self._noise: Any = 0.0
        self._saturated = self._count = 0
        self._low, self._high = np.inf, -np.inf
        self.overwritten = False

    def add(self, ours: NDArray[np.generic], other: NDArray[np.float32]) -> None:
        """Adds one picture, in float64: squares of float32 may overflow."""
        if ours.shape != other.shape:
            raise ModelError(f"expected a layer of shape {ours.shape}, got {other.shape}")
        expected = ours.astype(np.float64).reshape(-1, ours.shape[-1])
        got = other.astype(np.float64).reshape(expected.shape)
        self._signal += np.sum(expected**2, axis=0)
        self._noise += np.sum((expected - got) ** 2, axis=0)
        for end in self._limits:
            self._saturated += int(np.sum(np.abs(got - end) < self._step / 2))
        self._count += expected.size
        self._low = min(self._low, float(expected.min()))
        self._high = max(self._high, float(expected.max()))

    def table(self) -> dict[str, float]:
        """For JSON; an output of NaN has the worst of errors."""
        channels = [_decibels(*both) for both in zip(self._signal, self._noise, strict=True)]
        speaking = [one for one, signal in zip(channels, self._signal, strict=True) if signal]
        return {
            "sqnr_db": _decibels(self._signal.sum(), self._noise.sum()),
            "channel_sqnr_db": float(np.median(speaking or [BEST_DB])),
            "overwritten": self.overwritten,
            "saturated": self._saturated,
            "count": self._count,
            "low": self._low,
            "high": self._high,
        }


def _decibels(signal: float, noise: float) -> float:
    if noise == 0:
        return BEST_DB
    if not signal or not np.isfinite(noise):
        return -BEST_DB
    return float(np.clip(10 * np.log10(signal / noise), -BEST_DB, BEST_DB))


if __name__ == "__main__":
    try:
        _child(Path(sys.argv[1]))
    except EdgeproofError as problem:
        sys.exit(str(problem))  # its message alone is the last line of stderr
