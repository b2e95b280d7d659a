"""The same model in fewer bytes: what no runtime reads is left out, and equal parts stand once.

The converter's flatbuffers carry names of a hundred letters, ranges that have become scales, and
for each weight a list of zero points that are all zero; in a small network that is a quarter of the
file. What a runtime computes with stays as it is, bit by bit.
"""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np
from numpy.typing import NDArray

from export.graph import parse_model, short_names

ALIGNED_BYTES = 16
"""Where a constant begins, a multiple of it (schema.fbs, Buffer: force_align)."""
_CUSTOM = 32
_IDLE_METADATA = b"CONVERSION_METADATA"
"""The converter's own record of its version and options; the contract has the version."""


def slim(model: bytes) -> bytes:
    """The model as its bundle carries it; the same bytes always give the same ones.

    What is computed is called by its layer (`export.graph.short_names`), and a constant has no
    name: the operator that reads it tells what it is. Signatures keep theirs. A model with what our
    networks do not have (several graphs, variables, operators of its own, constants outside of the
    file) is given back as it came.

    model: a flatbuffer that our own converter made.
    """
    parsed = parse_model(model)
    if not _is_plain(parsed):
        return model
    _rename(parsed)
    for tensor in parsed.subgraphs[0].tensors:
        _drop_ranges(tensor)
    parsed.metadata = [one for one in parsed.metadata or () if one.name != _IDLE_METADATA]
    _renumber_buffers(parsed)
    builder = _Builder(len(model))
    builder.Finish(parsed.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _is_plain(parsed: Any) -> bool:
    codes, tensors = parsed.operatorCodes, [t for g in parsed.subgraphs for t in g.tensors]
    return (
        len(parsed.subgraphs) == 1
        and not parsed.metadataBuffer
        and not parsed.externalBuffers
        and not any(buffer.offset or buffer.size for buffer in parsed.buffers)
        and not any(_CUSTOM in (code.builtinCode, code.deprecatedBuiltinCode) for code in codes)
        and not any(tensor.isVariable or tensor.sparsity for tensor in tensors)
    )


def _rename(parsed: Any) -> None:
    graph, names = parsed.subgraphs[0], short_names(parsed)
    for index, tensor in enumerate(graph.tensors):
        tensor.name = names[index].encode() if index in names else None
    graph.name = parsed.description = None


def _drop_ranges(tensor: Any) -> None:
    """Leaves scales and zero points, which are what was made of the ranges."""
    stored = tensor.quantization
    if stored is None or stored.details is not None:
        return
    stored.min = stored.max = None
    if stored.scale is None or not len(stored.scale):
        tensor.quantization = None


def _renumber_buffers(parsed: Any) -> None:
    """Leaves out what is empty: number 0, which always is, stands for all of it (schema.fbs)."""
    old, kept = parsed.buffers, [0]

    def renumber(holder: Any) -> None:
        data = old[holder.buffer].data
        if data is None or not len(data):
            holder.buffer = 0
            return
        if holder.buffer not in kept:
            kept.append(holder.buffer)
        holder.buffer = kept.index(holder.buffer)

    for holder in (*parsed.subgraphs[0].tensors, *parsed.metadata):
        renumber(holder)
    parsed.buffers = [old[index] for index in kept]


class _Builder(flatbuffers.Builder):  # type: ignore[misc]
    """Writes equal strings, lists and tables once, for many places may refer to one."""

    def __init__(self, size_bytes: int) -> None:
        super().__init__(size_bytes)
        self._written: dict[Any, int] = {}
        self._fields: list[tuple[Any, int, Any]] = []
        self._slots = 0

    def CreateString(self, s: bytes) -> int:  # noqa: N802
        if s not in self._written:
            self._written[s] = super().CreateString(s)
        return self._written[s]

    def CreateNumpyVector(self, x: NDArray[np.generic]) -> int:  # noqa: N802
        key = (x.dtype.str, x.tobytes())
        if key not in self._written:
            if x.dtype == np.uint8:
                self.Prep(ALIGNED_BYTES, len(x))
            self._written[key] = super().CreateNumpyVector(x)
        return self._written[key]

    def StartObject(self, numfields: int) -> None:  # noqa: N802
        self.Prep(4, 0)  # so that like tables are of one length, and share what describes them
        super().StartObject(numfields)
        self._fields, self._slots = [], numfields

    def PrependSlot(self, flags: Any, o: int, x: Any, d: Any) -> None:  # noqa: N802
        if x != d:
            self._fields.append((flags, o, x))

    def PrependUOffsetTRelativeSlot(self, o: int, x: int, d: int) -> None:  # noqa: N802
        if x != d:
            self._fields.append((None, o, x))

    def EndObject(self) -> int:  # noqa: N802
        """Writes the fields now, the largest first, so that none leaves a gap before the next."""
        key = (self._slots, *self._fields)
        if key in self._written:
            self.nested, self.current_vtable = False, None
            return self._written[key]
        for flags, slot, value in sorted(self._fields, key=lambda one: -_width(one[0])):
            if flags is None:
                self.PrependUOffsetTRelative(value)
            else:
                self.Prepend(flags, value)
            self.Slot(slot)
        self._written[key] = super().EndObject()
        return self._written[key]


def _width(flags: Any) -> int:
    """Bytes of a field; an offset has no flags here."""
    return 4 if flags is None else int(flags.bytewidth)
