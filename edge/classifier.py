"""Frames to labels: one loaded bundle, checked before anything of it runs."""

from __future__ import annotations

import math
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge.admission.admit import admit
from edge.bundle import Bundle, check_output, read_model_file
from edge.contract import PROBABILITY_TOLERANCE, Output
from edge.errors import EnvironmentFault, FrameError, ModelError, NothingFound
from edge.interpreter import Interpreter, with_kernels
from edge.lookup import input_tables, output_table, to_input
from edge.preprocess import Region, find_clear, find_regions, prepare_pixels
from edge.preprocess.region import Box
from edge.quantize import TensorSpec, dequantize
from edge.reading import reading_lines
from edge.store.place import find_state
from edge.zoo import find_model

if TYPE_CHECKING:
    from PIL.Image import Image

UNKNOWN = "unknown"
"""The label of a frame that holds nothing, or that the model is not sure enough of."""

MAX_WIDTH = 1.8
"""Width over height: what is wider and can be cut is no single thing, whatever the model says."""

SURE = 0.9
"""Least score of each part for which a region is cut: half of another thing may look like one."""


LOAD_FRAMES = 4
"""Golden frames that XNNPACK's int8 kernels are tried on at each load: half a millisecond."""


@dataclass(frozen=True)
class Score:
    """One label and how sure the model is of it."""

    label: str
    score: float
    """Probability, 0 to 1: softmax of the logits, or the model's own."""


@dataclass(frozen=True)
class Result:
    """The answer to one frame."""

    label: str
    """The best label, or `unknown`."""
    score: float
    """Of the best label, 0 to 1; 0 when nothing was found."""
    top: tuple[Score, ...]
    """The best labels, best first; empty when nothing was found."""
    latency_ms: float
    """Preprocessing, inference and scoring."""
    box: Box | None = None
    """x, y, width, height of what was classified, in the frame's pixels; none: all of it."""
    seen: NDArray[np.uint8] | None = field(default=None, compare=False, repr=False)
    """uint8 (height, width, channels): the model's input before scaling; none: it saw nothing."""
    reason: str | None = None
    """Why the model was not asked: what was looked for and what came instead."""
    is_glanced: bool = field(default=False, compare=False)
    """It was clear at the first look (`edge.preprocess.glance`), so there was no closer one."""


class Classifier:
    """A model ready to classify frames. Not thread-safe: one per thread.

    with Classifier.load("digits") as classifier:
        result = classifier.classify("photo.jpg")
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        runtime: str | None = None,
        threads: int = 1,
        kernels: str | None = None,
    ) -> None:
        """
        bundle: one that was admitted (see `load`). Damaged or ill-meant models kill the process;
            as `read_bundle` returns it, it is for a process that may die.
        runtime: `tflite-runtime` or `ai-edge-litert`; none takes the first installed.
        threads: one is fastest for small models.
        kernels: a key of `edge.interpreter.KERNELS`; none takes `xnnpack` where it answers some
            golden frames rightly, and `default` otherwise.

        Raises:
            ModelError: the tensors do not fit the contract or the labels.
            EnvironmentFault: no usable runtime.
        """
        self.bundle = bundle
        self.contract = bundle.contract
        self.labels = bundle.labels
        load = partial(Interpreter, bundle.model, runtime=runtime, threads=threads)
        self._interpreter = load(kernels=kernels or "xnnpack")
        self.runtime = self._interpreter.runtime.package
        self.passed_over = self._interpreter.passed_over
        """Why XNNPACK's int8 kernels do not run where they were looked for; else empty."""
        check_output(self.labels, self.output.shape, self.contract.name)
        expected, got = (1, *self.contract.input.shape), self._interpreter.input.shape
        if got != expected:
            raise ModelError(
                f"model {self.contract.name!r}: its contract says input {expected}, "
                f"its tensor is {got}"
            )
        self._inputs = input_tables(self.contract.input, self._interpreter.input)
        self._values = output_table(self.output)
        self._limits = _limits(self.contract.output, self.output)
        if kernels is None and self.kernels == "xnnpack" and not self._is_right():
            self._interpreter.close()
            self._interpreter = load(kernels="default")
            self.passed_over = "golden frames answered with them are missing or come out wrong"

    @classmethod
    def load(
        cls, model: str | Path = "digits", *, runtime: str | None = None, threads: int = 1
    ) -> Classifier:
        """Loads a model by its shipped name or its path, through `edge.admission`: one that is not
        known yet is tried in a process of its own first; otherwise as the constructor.

        Raises:
            ModelError: as the constructor, and for a model that is not what it says.
        """
        path = find_model(model)
        bundle, signed = admit(
            read_model_file(path),
            str(path),
            runtime=runtime,
            # What is installed was held against the versions then, and rollback is a word, too.
            allow_downgrade=find_state(str(model)) is not None,
        )
        classifier = cls(bundle, runtime=runtime, threads=threads)
        if signed is not None:
            from edge.trust.versions import remember

            with suppress(EnvironmentFault):  # a store that this user may only read
                remember(signed.name, signed.version)
        return classifier

    def classify(self, frame: NDArray[np.uint8] | Image | str | Path, top: int = 3) -> Result:
        """Classifies one frame.

        frame: uint8 (H, W, 3) RGB or (H, W) gray; a Pillow image; or a picture's path. A large
            JPEG is decoded at the part of its scale that the model can use; boxes are in its own
            pixels all the same.
        top: how many of the best labels to return.

        Raises:
            FrameError: the frame cannot be read, or the model answered with no numbers.
        """
        pixels, shrunk = self._decode(frame)
        began_s = time.perf_counter()
        result = self.glance(pixels, top) or self.classify_closely(pixels, top)
        return replace(result, latency_ms=_since_ms(began_s), box=_enlarged(result.box, shrunk))

    def glance(self, frame: NDArray[np.uint8], top: int = 3) -> Result | None:
        """The answer to a frame that is clear at a first look, and none to all others.

        frame: uint8 (H, W, 3) RGB or (H, W) gray.

        Raises:
            FrameError: as `classify`.
        """
        began_s = time.perf_counter()
        region = find_clear(frame, self.contract.input)
        if region is None:
            return None
        result = self._answer(region, top)
        if result.label == UNKNOWN or result.score < SURE:
            return None
        return replace(result, latency_ms=_since_ms(began_s), is_glanced=True)

    def classify_closely(self, frame: NDArray[np.uint8], top: int = 3) -> Result:
        """As `classify`, without a first look.

        frame: uint8 (H, W, 3) RGB or (H, W) gray.
        """
        began_s = time.perf_counter()
        try:
            (region,) = find_regions(frame, self.contract.input)
        except NothingFound as error:
            return Result(UNKNOWN, 0.0, (), _since_ms(began_s), reason=str(error))
        return replace(self._whole(region, top), latency_ms=_since_ms(began_s))

    def classify_regions(
        self, frame: NDArray[np.uint8] | Image | str | Path, top: int = 3
    ) -> list[Result]:
        """Classifies each thing in a frame by itself.

        What is as wide as two that touch is read as two where both are known, and is otherwise
        `unknown`, never guessed. `latency_ms` of each is the frame's, shared evenly.

        Returns:
            In reading order, line by line; empty when nothing was found.

        Raises:
            FrameError: as `classify`.
        """
        pixels, shrunk = self._decode(frame)
        began_s = time.perf_counter()
        try:
            regions = find_regions(pixels, self.contract.input, many=True)
        except NothingFound:
            return []
        results = [result for region in regions for result in self._read(region, top)]
        each_ms = _since_ms(began_s) / len(results)
        ordered = [results[at] for line in reading_lines([r.box for r in results]) for at in line]
        return [
            replace(result, latency_ms=each_ms, box=_enlarged(result.box, shrunk))
            for result in ordered
        ]

    def _decode(
        self, frame: NDArray[np.uint8] | Image | str | Path
    ) -> tuple[NDArray[np.uint8], int]:
        """Its pixels, and how many of its own a side each of them stands for."""
        if not isinstance(frame, str | Path):
            return as_frame(frame), 1
        from edge.preprocess.detail import needed_side
        from edge.sources.picture import read_picture

        picture = read_picture(Path(frame), needed_side(self.contract.input))
        return picture.pixels, picture.shrunk

    def _whole(self, region: Region, top: int) -> Result:
        """One region, with pieces near by where the model is surer of it with them."""
        part = self._answer(region, top)
        if not region.wholes:
            return part
        wholes = [self._answer(whole, top) for whole in region.wholes]
        best = max(wholes, key=lambda result: result.score)
        return best if best.score >= max(SURE, part.score) else part

    def _read(self, region: Region, top: int) -> list[Result]:
        """One region as one thing, or as those that it is best cut into."""
        whole = self._answer(region, top)
        if not region.splits:
            return [whole]
        splits = [[self._answer(part, top) for part in parts] for parts in region.splits]
        known = [parts for parts in splits if _least_score(parts) >= SURE]
        best = max(known, key=_least_score, default=None)
        is_wide = region.box is not None and region.box[2] > MAX_WIDTH * region.box[3]
        is_sure = not is_wide and whole.label != UNKNOWN and whole.score >= SURE
        if best and not is_sure:
            return best
        return [replace(whole, label=UNKNOWN) if is_wide else whole]

    def _answer(self, region: Region, top: int) -> Result:
        output = self._interpreter.invoke(to_input(region.pixels, self._inputs)).reshape(-1)
        scores = to_scores(self.values(output), self.contract.output)
        ranked = rank(scores, self.labels, top)
        best = ranked[0]
        if not math.isfinite(best.score):  # logits so far apart that a softmax cannot tell
            raise self._bad("logits that a softmax can tell apart", str(output))
        least = self.contract.output.unknown_threshold
        is_known = least is None or best.score >= least
        label = best.label if is_known else UNKNOWN
        return Result(label, best.score, ranked[:top], 0.0, region.box, region.pixels)

    def logits(self, frame: NDArray[np.uint8]) -> NDArray[np.float32]:
        """float32 (classes,): what the model says of one frame, before temperature and softmax.

        Of a model that gives probabilities, those.

        Raises:
            NothingFound: the preprocessing found nothing to classify.
            FrameError: not a frame, or an output that is not a finite number.
        """
        return self.values(self.raw_output(frame))

    def values(self, output: NDArray[np.generic]) -> NDArray[np.float32]:
        """float32 (classes,): what a raw output means.

        Raises:
            FrameError: it is not as many finite numbers as there are labels, or probabilities are
                not from 0 to 1.
        """
        if output.size != len(self.labels):
            raise self._bad(f"{len(self.labels)} numbers, a label each", str(output.size))
        if self._values is not None:  # of bytes, all finite
            values = self._values.take(output.view(np.uint8))
        else:
            values = dequantize(output, self.output)
            if not np.isfinite(values).all():
                raise self._bad("finite numbers", str(values))
        if self._limits is not None:
            low, high = self._limits
            if values.min() < low or values.max() > high:
                raise self._bad("probabilities from 0 to 1", str(values))
        return values

    def _bad(self, expected: str, got: str) -> FrameError:
        name, answer = self.contract.name, " ".join(got.split())[:200]
        return FrameError("bad-output", f"model {name!r}: expected {expected}, it answers {answer}")

    def raw_output(self, frame: NDArray[np.uint8]) -> NDArray[np.generic]:
        """(classes,) in the output tensor's own dtype, for comparing to the bit.

        Raises:
            FrameError: not a frame, or an operator refuses it.
        """
        output: NDArray[np.generic] = self._interpreter.invoke(self.input_tensor(frame))
        return output.reshape(-1)

    def input_tensor(self, frame: NDArray[np.uint8]) -> NDArray[np.generic]:
        """(1, height, width, channels) in the input tensor's own dtype: what the model is fed."""
        return to_input(prepare_pixels(frame, self.contract.input), self._inputs)

    @property
    def kernels(self) -> str:
        """Those that run: a key of `edge.interpreter.KERNELS`."""
        return self._interpreter.kernels

    def _is_right(self) -> bool:
        """Whether some golden frames come out as these very kernels gave them.

        A model that the gate did not measure with them, an older or an adopted one, has no record
        of that: a step more or less can be another label.
        """
        from edge.golden import differences

        golden = self.bundle.golden
        name = with_kernels(self.runtime, self.kernels)
        if golden is None or not len(golden.frames) or name not in golden.outputs:
            return False
        step = max(1, len(golden.frames) // LOAD_FRAMES)
        expected = golden.outputs[name][::step]
        try:
            got = np.stack([self.raw_output(frame) for frame in golden.frames[::step]])
        except FrameError:
            return False
        if (got.shape, got.dtype) != (expected.shape, expected.dtype):
            return False
        return not differences(got, expected, self.output.scale)[2].any()

    @property
    def output(self) -> TensorSpec:
        """The output tensor: what `raw_output` is in."""
        return self._interpreter.output

    def close(self) -> None:
        """Frees the runtime's memory."""
        self._interpreter.close()

    def __enter__(self) -> Classifier:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()


def as_frame(frame: NDArray[np.uint8] | Image | str | Path) -> NDArray[np.uint8]:
    """A frame from whatever `classify` takes; arrays are passed on unchanged.

    Raises:
        FrameError: a path that is no readable picture.
    """
    if isinstance(frame, np.ndarray):
        return frame
    from edge.sources.picture import decode_file, to_frame

    if isinstance(frame, str | Path):
        return decode_file(Path(frame))
    return to_frame(frame)


def to_scores(values: NDArray[np.float32], output: Output) -> NDArray[np.float64]:
    """float64 (classes,) scores, 0 to 1, of what the model says, by what the contract calls it."""
    if output.meaning == "probabilities":
        return values.astype(np.float64)
    return softmax(values, output)


def softmax(logits: NDArray[np.float32], output: Output) -> NDArray[np.float64]:
    """float64 (classes,) probabilities of logits divided by the contract's temperature."""
    powers = np.divide(logits, output.temperature, dtype=np.float64)
    powers -= np.maximum.reduce(powers)
    np.exp(powers, out=powers)
    powers /= np.add.reduce(powers)
    return powers


def rank(scores: NDArray[np.float64], labels: tuple[str, ...], top: int) -> tuple[Score, ...]:
    """The `top` best labels (at least one), best first; equal scores in label order."""
    order = (-scores).argsort(kind="stable")[: max(1, top)]
    return tuple([Score(labels[index], scores.item(index)) for index in order.tolist()])


def _limits(output: Output, tensor: TensorSpec) -> tuple[float, float] | None:
    """What a probability may be, by rounding; none of logits, which may be anything finite."""
    if output.meaning != "probabilities":
        return None
    return -PROBABILITY_TOLERANCE - tensor.scale, 1 + PROBABILITY_TOLERANCE + tensor.scale


def _enlarged(box: Box | None, times: int) -> Box | None:
    if box is None or times == 1:
        return box
    x, y, width, height = box
    return times * x, times * y, times * width, times * height


def _least_score(results: list[Result]) -> float:
    return min(result.score for result in results)


def _since_ms(began_s: float) -> float:
    return (time.perf_counter() - began_s) * 1000
