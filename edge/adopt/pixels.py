"""What becomes of a pixel before a network sees it, and what a model's input tensor says of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.errors import ModelError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge.adopt.metadata import Metadata
    from edge.tflite.structure import Tensor

PIXELS: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "0..1": ((0.0, 0.0, 0.0), (255.0, 255.0, 255.0)),
    "-1..1": ((127.5, 127.5, 127.5), (127.5, 127.5, 127.5)),
    "0..255": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    # Means and deviations of ImageNet's channels as torchvision publishes them, in pixels.
    "imagenet": ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
}
"""How people say what their network was fed -> mean and standard deviation of a pixel."""

REALS = {"0..1": (0.0, 1.0), "-1..1": (-1.0, 1.0), "0..255": (0.0, 255.0)}
"""The real numbers of black and white, as far as a tensor's range can tell."""
RANGE_TOLERANCE = 0.02
"""Of the range's width: calibration pictures seldom reach pure black and pure white."""
SAME_STEPS = 1.5
"""Two ways to write a pixel are one and the same when they differ by no more, in steps of 255."""
MAX_CLIPPED, MIN_STEPS = 0.25, 64
"""A normalisation that pushes more of the 256 pixel values than that part out of an 8-bit tensor,
or tells fewer of them apart, is another one than the model was made with."""


@dataclass(frozen=True)
class Normalization:
    """(pixel - mean) / std, and who says so."""

    mean: tuple[float, ...]
    """One number a channel, of pixels 0 to 255."""
    std: tuple[float, ...]
    name: str
    """In words, for people."""
    source: str


def choose_normalization(
    tensor: Tensor, metadata: Metadata, said: Normalization | None, where: str
) -> Normalization:
    """What an input tensor wants: as the user says, else the metadata, else the tensor itself.

    said: of as many channels as the tensor; none: nothing was said.

    Raises:
        UsageError: nobody says it, and the tensor does not show it.
        ModelError: what is said does not fit the tensor.
    """
    if tensor.dtype == "uint8" and (said is None or not tensor.scale):
        return _of_bytes(tensor, metadata, said, where)
    channels = tensor.shape[3]
    found = said or _of_metadata(metadata, channels, where) or _of_range(tensor, channels)
    if found is None:
        raise UsageError(
            f"{where}: its {tensor.dtype} input does not say what becomes of a pixel, and a wrong "
            f"guess only shows in wrong answers: say {_choices(channels)}, as it was trained with"
        )
    if tensor.scale:
        _check_fits(tensor, found, where)
    return found


def spread(values: tuple[float, ...], channels: int) -> tuple[float, ...]:
    """One number for all channels becomes one for each."""
    return values * channels if len(values) == 1 else values


def quantized_pixels(tensor: Tensor, chosen: Normalization) -> NDArray[np.float64]:
    """float64 (256, channels): the steps that each pixel value comes to, not rounded or clipped."""
    import numpy as np

    reals = (np.arange(256.0)[:, np.newaxis] - np.array(chosen.mean)) / np.array(chosen.std)
    return np.asarray(reals / tensor.scale + tensor.zero_point)


def _of_bytes(
    tensor: Tensor, metadata: Metadata, said: Normalization | None, where: str
) -> Normalization:
    """uint8: the pixel is the number in the tensor, unless the metadata has another one that fits.

    That is how such models are fed by convention, whatever scale and zero point they state.
    """
    import numpy as np

    channels = tensor.shape[3]
    if not tensor.scale:
        plain = Normalization((0.0,) * channels, (1.0,) * channels, "as they are", "uint8 input")
        if said is not None and (said.mean, said.std) != (plain.mean, plain.std):
            raise ModelError(
                f"{where}: its uint8 input takes pixels as they are, got {said.name} "
                f"({said.source})"
            )
        return plain
    mean, std = float(tensor.zero_point), 1 / tensor.scale
    plain = Normalization((mean,) * channels, (std,) * channels, "as they are", "uint8 input")
    _check_exact(tensor, plain, where)
    stated = _of_metadata(metadata, channels, where)
    if stated is None:
        return plain
    steps = quantized_pixels(tensor, stated)
    if np.abs(steps - np.arange(256.0)[:, np.newaxis]).max() <= SAME_STEPS:
        return Normalization(plain.mean, plain.std, plain.name, "uint8 input, metadata agrees")
    if _misfit(tensor, stated) is None:
        return stated
    source = f"uint8 input; its metadata says {stated.name}, which does not fit the tensor"
    return Normalization(plain.mean, plain.std, plain.name, source)


def _of_metadata(metadata: Metadata, channels: int, where: str) -> Normalization | None:
    if not metadata.mean and not metadata.std:
        return None
    mean, std = spread(metadata.mean, channels), spread(metadata.std, channels)
    numbers = (*mean, *std)
    if (len(mean), len(std)) != (channels, channels) or not all(map(math.isfinite, numbers)):
        raise ModelError(
            f"{where}: expected mean and std of {channels} channels in its metadata, "
            f"got {list(mean)} and {list(std)}"
        )
    if min(std) <= 0:
        raise ModelError(f"{where}: expected a std above 0 in its metadata, got {list(std)}")
    return Normalization(mean, std, in_words(mean, std), "metadata")


def _of_range(tensor: Tensor, channels: int) -> Normalization | None:
    """What the real numbers that an int8 tensor can hold give away."""
    if tensor.dtype != "int8" or not tensor.scale:
        return None
    low = (-128 - tensor.zero_point) * tensor.scale
    high = (127 - tensor.zero_point) * tensor.scale
    for name, (black, white) in REALS.items():
        if max(abs(low - black), abs(high - white)) <= RANGE_TOLERANCE * (white - black):
            mean, std = (values[:channels] for values in PIXELS[name])
            return Normalization(mean, std, name, f"int8 input that holds {low:.3g}..{high:.3g}")
    return None


def _check_fits(tensor: Tensor, chosen: Normalization, where: str) -> None:
    misfit = _misfit(tensor, chosen)
    if misfit is not None:
        raise ModelError(
            f"{where}: pixels {chosen.name} ({chosen.source}) do not fit its {tensor.dtype} input: "
            f"{misfit}; say {_choices(tensor.shape[3])}, as it was trained with"
        )


def _misfit(tensor: Tensor, chosen: Normalization) -> str | None:
    """Why a normalisation cannot be the one that the tensor was made for; none when it can."""
    import numpy as np

    from edge.quantize import INTEGER_LIMITS

    lowest, highest = INTEGER_LIMITS[tensor.dtype]
    steps = quantized_pixels(tensor, chosen)
    clipped = float(np.mean((steps < lowest - 1) | (steps > highest + 1)))
    if clipped > MAX_CLIPPED:
        return f"{100 * clipped:.0f} % of all pixel values are beyond what it holds"
    apart = min(len(np.unique(np.rint(column))) for column in steps.T)
    if apart < MIN_STEPS:
        return f"it tells {apart} of 256 pixel values apart"
    return None


def _check_exact(tensor: Tensor, plain: Normalization, where: str) -> None:
    """By the very arithmetic that frames go through: each pixel value must come out as itself."""
    import numpy as np

    from edge.quantize import TensorSpec, quantize

    pixels = np.arange(256, dtype=np.uint8)
    reals = (pixels.astype(np.float32) - np.float32(plain.mean[0])) / np.float32(plain.std[0])
    spec = TensorSpec(0, (256,), np.dtype(np.uint8), tensor.scale, tensor.zero_point)
    if not (math.isfinite(plain.std[0]) and np.array_equal(quantize(reals, spec), pixels)):
        raise ModelError(
            f"{where}: its uint8 input has scale {tensor.scale:g} and zero point "
            f"{tensor.zero_point}, which cannot give a pixel back exactly"
        )


def in_words(mean: tuple[float, ...], std: tuple[float, ...]) -> str:
    """The name in PIXELS, where there is one; else the numbers."""
    for name, (means, stds) in PIXELS.items():
        if (mean, std) == (means[: len(mean)], stds[: len(std)]) and name != "imagenet":
            return name
    return f"mean {_numbers(mean)}, std {_numbers(std)}"


def _numbers(values: tuple[float, ...]) -> str:
    kept = values[:1] if len(set(values)) == 1 else values
    return ",".join(f"{value:g}" for value in kept)


def _choices(channels: int) -> str:
    names = [name for name in PIXELS if channels == 3 or name != "imagenet"]
    return f"--pixels {', '.join(names)}, or --mean and --std"
