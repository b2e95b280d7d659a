"""Two machines' answers to the same pictures, held against what they may differ by."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.golden import QUANTIZED_TOLERANCE_STEPS

FLOAT_SHARE = 1e-5
"""Of the largest output. Sums of float32 in another order, with fused multiply-add: 2e-6 seen."""
DYNAMIC_SHARE = 2e-3
"""Of the largest output. Activations are quantised as it runs: where the last bit of a float lies
on the edge between two of 255 steps, the other one is taken; 4e-4 seen."""
XNNPACK_STEPS, XNNPACK_SHARE = 2, 0.05
"""Steps, and part of the pictures, by which XNNPACK of tflite-runtime 2.14 may differ: it rounds
sums back to int8 by other instructions on each processor. LiteRT's newer one does not differ."""
SUM_STEPS, SUM_LABELS = {"default": 24, "xnnpack": 4}, 0.06
"""The same of a network that adds (ADD: residual blocks) on tflite-runtime 2.14, whose own int8
kernels round a sum otherwise on ARM, and it grows from block to block. Seen of 300 pictures, most
of them none of the model's: 21 steps and 15 labels with its own kernels (digits shown to a model of
clothes); 4 steps and no label with XNNPACK's, which a device runs. LiteRT does not differ."""
MOVED_SHARE = {"ink": 0.0, "object": 0.05, "photo": 0.0}
"""Preprocessing -> part of the pictures whose prepared pixels may differ. `object` fits the
ground's light in float32, by logarithms and least squares, and has a threshold on it; of 40 scenes
9 fell on the other side somewhere. `ink` counts in whole steps: none of 40."""


@dataclass(frozen=True)
class Side:
    """One machine's answers, as `tests/arm/answer.py` wrote them."""

    header: dict[str, Any]
    arrays: dict[str, NDArray[Any]]

    def answers(self) -> dict[tuple[str, str], dict[str, Any]]:
        """(model, kernels) -> the record of its outputs."""
        return {(one["model"], one["kernels"]): one for one in self.header["answers"]}


@dataclass(frozen=True)
class Row:
    """How one model's outputs compare."""

    model: str
    kernels: str
    pictures: int
    moved: int
    """Pictures whose prepared pixels differ; what follows is without them, but for the labels."""
    labels: int
    """Pictures with another label."""
    rows: int
    """Pictures whose outputs are not the same to the bit."""
    largest: float
    """Steps of a quantised output, or the share of the largest float one."""
    allowed: float
    unit: str
    fault: str = ""
    """What is beyond its bound, with the picture; empty when nothing is."""


def read_side(path: Path) -> Side:
    """Reads what `answer.py` wrote."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    return Side(json.loads(str(arrays.pop("header"))), arrays)


def compare(ours: Side, theirs: Side) -> list[Row]:
    """A row for each model and set of kernels; what only one side has is a fault."""
    rows = []
    expected, got = ours.answers(), theirs.answers()
    for key in sorted(expected | got):
        if key not in expected or key not in got:
            where = "here, not on the device" if key in expected else "on the device, not here"
            fault = f"{key[0]}: kernels {key[1]!r} run {where}"
            rows.append(Row(*key, 0, 0, 0, 0, 0.0, 0.0, "", fault))
        else:
            rows.append(_compare(ours, theirs, key))
    return rows


def _compare(ours: Side, theirs: Side, key: tuple[str, str]) -> Row:
    record, other = ours.answers()[key], theirs.answers()[key]
    pictures = ours.header["pictures"]
    if pictures != theirs.header["pictures"]:
        raise ValueError("expected the same pictures on both sides")
    pixels = ours.arrays[record["pixels"]], theirs.arrays[other["pixels"]]
    moved = _largest(pixels[0], pixels[1]) > 0
    outputs, others = ours.arrays[record["outputs"]], theirs.arrays[other["outputs"]]
    largest = _largest(outputs, others)
    relabelled = outputs.argmax(axis=1) != others.argmax(axis=1)
    is_float = record["scale"] == 0
    if is_float:
        largest = largest / float(np.abs(outputs).max())
        allowed = DYNAMIC_SHARE if record["model"].endswith("-dynamic") else FLOAT_SHARE
    else:
        allowed = float(XNNPACK_STEPS if record["kernels"] == "xnnpack" else 0)
        if record["adds"]:
            allowed = float(SUM_STEPS[record["kernels"]])
    is_own = record["adds"] and record["kernels"] == "default"
    faults = []
    if not np.isfinite(others.astype(np.float64)).all() or outputs.dtype != others.dtype:
        faults.append(f"{others.dtype} outputs that are no numbers, or {outputs.dtype} expected")
    if relabelled.mean() > (SUM_LABELS if is_own else 0):
        faults.append(f"another label at {pictures[int(relabelled.argmax())]}")
    if moved.mean() > MOVED_SHARE[record["preprocess"]]:
        faults.append(f"other pixels at {moved.sum()}, first {pictures[int(moved.argmax())]}")
    beyond = np.where(moved & ~np.array(is_float), QUANTIZED_TOLERANCE_STEPS, allowed)
    beyond = ~(largest <= beyond) & ~(moved & is_float)
    if beyond.any():
        worst = int(np.where(beyond, largest, -1).argmax())
        faults.append(f"outputs differ by {largest[worst]:.3g} at {pictures[worst]}")
    still = largest[~moved]
    if not (is_float or is_own) and (still > 0).mean() > XNNPACK_SHARE:
        first = int(((largest > 0) & ~moved).argmax())
        faults.append(f"outputs differ at {(still > 0).sum()}, first {pictures[first]}")
    return Row(
        *key,
        pictures=len(pictures),
        moved=int(moved.sum()),
        labels=int(relabelled.sum()),
        rows=int((still > 0).sum()),
        largest=float(still.max(initial=0)),
        allowed=allowed,
        unit="of the largest" if is_float else "steps",
        fault=f"{key[0]}, {key[1]} kernels: {'; '.join(faults)}" if faults else "",
    )


def _largest(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.float64]:
    """float64 (pictures,): the largest difference in each."""
    difference = np.abs(one.astype(np.float64) - other.astype(np.float64))
    return np.asarray(difference.reshape(len(one), -1).max(axis=1))
