"""What a model makes of each of the 256 values that a byte can have, worked out once.

A picture of 28x28 is then prepared by one lookup instead of six rounds of arithmetic, and comes out
the same to the bit, for the tables are filled by that very arithmetic.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.contract import Input
from edge.preprocess import scale
from edge.quantize import TensorSpec, dequantize, quantize

BYTES = np.arange(256, dtype=np.uint8)


def input_tables(spec: Input, tensor: TensorSpec) -> tuple[NDArray[np.generic], ...]:
    """Pixel -> the model's input: (256,) in the tensor's dtype, one table a channel.

    One for all, where the channels are scaled alike.
    """
    pixels = np.repeat(BYTES[:, np.newaxis, np.newaxis], spec.channels, axis=2)
    by_channel = quantize(scale(pixels, spec), tensor)[:, 0].T
    tables = tuple(np.ascontiguousarray(table) for table in by_channel)
    are_alike = all(np.array_equal(table, tables[0]) for table in tables)
    return tables[:1] if are_alike else tables


def to_input(
    pixels: NDArray[np.uint8], tables: tuple[NDArray[np.generic], ...]
) -> NDArray[np.generic]:
    """uint8 (height, width, channels) -> (1, height, width, channels) in the tables' dtype."""
    if len(tables) == 1:
        return tables[0].take(pixels[np.newaxis])
    planes = [table.take(pixels[:, :, channel]) for channel, table in enumerate(tables)]
    return np.stack(planes, axis=-1)[np.newaxis]


def output_table(tensor: TensorSpec) -> NDArray[np.float32] | None:
    """Output byte, taken without its sign -> float32 value: (256,); none: not a byte."""
    return dequantize(BYTES.view(tensor.dtype), tensor) if tensor.dtype.itemsize == 1 else None
