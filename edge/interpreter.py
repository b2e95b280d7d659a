"""The TFLite runtime: the one file that imports it, and says what is wrong when it cannot."""

from __future__ import annotations

import os
import sys
from importlib import import_module, util
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge.errors import EnvironmentFault, FrameError, ModelError
from edge.quantize import INTEGER_LIMITS, TensorSpec, dequantize
from edge.quiet import quiet


class Runtime(NamedTuple):
    """One of the packages that carry the TFLite interpreter."""

    package: str
    """Its name for pip."""
    module: str
    max_numpy: int | None
    """Newest NumPy major release that it works with; none: no limit."""


RUNTIMES = (
    Runtime("tflite-runtime", "tflite_runtime", max_numpy=1),
    Runtime("ai-edge-litert", "ai_edge_litert", max_numpy=None),
)
"""In the order they are tried."""

SCALES = 1e-30, 1e30
"""Between them float32 arithmetic neither overflows nor becomes zero."""

KERNELS = {
    "default": "AUTO",  # what an application gets: XNNPACK takes the operators that it knows
    "xnnpack": "AUTO",  # and int8 ones where the runtime would keep them, see `edge.xnnpack`
    "builtin": "BUILTIN_WITHOUT_DEFAULT_DELEGATES",  # the runtime's own, XNNPACK kept out
    "reference": "BUILTIN_REF",  # plain loops, many times slower; what the others must agree with
}
"""Name -> the runtimes' name for a set of kernels."""


def with_kernels(runtime: str, kernels: str) -> str:
    """A runtime's name, and what it computes with where that is not what it does by itself."""
    return f"{runtime} with XNNPACK int8" if kernels == "xnnpack" else runtime


def installed_runtimes() -> list[str]:
    """Package names of the runtimes that can be imported here and fit the installed NumPy."""
    return [runtime.package for runtime in RUNTIMES if _obstacle(runtime) is None]


def runtime_version(package: str | None = None) -> str:
    """`tflite-runtime 2.14.0`: the runtime that a model would run on, without starting it.

    Raises:
        EnvironmentFault: none that can be used.
    """
    runtime = _choose(package)
    try:
        version = import_module(runtime.module).__version__
    except (ImportError, SystemError, AttributeError):
        version = "unknown"  # building an interpreter will say what is wrong with it
    return f"{runtime.package} {version}"


class Interpreter:
    """A loaded model with one input and one output; not thread-safe, one per thread.

    Raises on construction:
        EnvironmentFault: no runtime, or it does not fit the installed NumPy.
        ModelError: the runtime refuses the model.
    """

    def __init__(
        self,
        model: bytes,
        *,
        runtime: str | None = None,
        threads: int = 1,
        kernels: str = "default",
        keep_tensors: bool = False,
    ) -> None:
        """
        model: a flatbuffer whose hash was checked: runtimes crash on damaged ones.
        runtime: package name; none takes the first that works.
        threads: at most the number of cores; more is many times slower.
        kernels: a key of KERNELS; the last two are for finding out what is wrong. `xnnpack` is
            the default for a model without int8, and where XNNPACK's cannot be had.
        keep_tensors: intermediate results stay readable by `tensors`, at the price of memory.
        """
        self.runtime = _choose(runtime)
        self._model = model  # the runtime reads these bytes for as long as it lives
        built = _build(self.runtime, model, threads, kernels, keep_tensors)
        self._interpreter: Any = built.interpreter
        self.kernels = built.kernels
        """Those that run: a key of KERNELS."""
        self.passed_over = built.passed_over
        """Why `xnnpack` became `default`; empty when it did not."""
        self.input = _single(self._interpreter.get_input_details(), "input")
        self.output = _single(self._interpreter.get_output_details(), "output")

    def invoke(self, tensor: NDArray[np.generic]) -> NDArray[np.generic]:
        """Runs the model once. tensor: the input's own shape and dtype; returns a copy.

        Raises:
            FrameError: an operator refuses what it is given.
        """
        try:
            self._interpreter.set_tensor(self.input.index, tensor)
            self._interpreter.invoke()
            output: NDArray[np.generic] = self._interpreter.get_tensor(self.output.index)
        except (RuntimeError, ValueError) as error:
            message = f"{self.runtime.package} cannot run the model: {_brief(error)}"
            raise FrameError("bad-output", message) from None
        return output

    def tensors(self) -> dict[str, NDArray[np.float32]]:
        """Every tensor after an `invoke` by name, as float32 real values; needs `keep_tensors`.

        Those that hold no numbers to compare (shapes, unused ones) are left out.
        """
        found = {}
        for detail in self._interpreter.get_tensor_details():
            try:
                values = self._interpreter.get_tensor(detail["index"])
            except ValueError:  # optimised away
                continue
            spec = _spec(detail)
            if spec.scale or values.dtype == np.float32:
                found[detail["name"]] = dequantize(values, spec)
        return found

    def close(self) -> None:
        """Frees the runtime's memory; the interpreter cannot be used any more."""
        self._interpreter = None


def _choose(package: str | None) -> Runtime:
    candidates = [runtime for runtime in RUNTIMES if package in (None, runtime.package)]
    if not candidates:
        names = " or ".join(runtime.package for runtime in RUNTIMES)
        raise EnvironmentFault(f"unknown runtime {package!r}: expected {names}")
    obstacles = []
    for runtime in candidates:
        obstacle = _obstacle(runtime)
        if obstacle is None:
            return runtime
        obstacles.append(obstacle)
    raise EnvironmentFault(f"no TFLite runtime can be used: {'; '.join(obstacles)}")


def _obstacle(runtime: Runtime) -> str | None:
    """Why this runtime cannot be used, with the remedy; none when it can.

    NumPy is checked before the import: under NumPy 2, tflite-runtime 2.14 prints a traceback
    from its C code, imports all the same, and fails at the first model.
    """
    if util.find_spec(runtime.module) is None:
        return f"{runtime.package} is not installed: pip install {runtime.package}"
    numpy_major = int(np.__version__.split(".")[0])
    if runtime.max_numpy is not None and numpy_major > runtime.max_numpy:
        below = runtime.max_numpy + 1
        return (
            f"{runtime.package} needs NumPy below {below}, got {np.__version__}: "
            f"pip install 'numpy<{below}'"
        )
    return None


class _Built(NamedTuple):
    interpreter: Any
    kernels: str
    passed_over: str = ""


def _build(
    runtime: Runtime, model: bytes, threads: int, kernels: str, keep_tensors: bool
) -> _Built:
    if not 1 <= threads <= (os.cpu_count() or 1):
        raise EnvironmentFault(
            f"expected 1 to {os.cpu_count()} threads on this machine, got {threads}"
        )
    try:
        module = import_module(f"{runtime.module}.interpreter")
    except (ImportError, SystemError, AttributeError) as error:
        raise EnvironmentFault(
            f"{runtime.package} is installed but does not start on Python "
            f"{sys.version_info[0]}.{sys.version_info[1]}: {_brief(error)}; "
            f"pip install --force-reinstall {runtime.package}"
        ) from None

    def load() -> Any:
        return module.Interpreter(
            model_content=model,
            num_threads=threads,
            experimental_op_resolver_type=module.OpResolverType[KERNELS[kernels]],
            experimental_preserve_all_tensors=keep_tensors,
        )

    passed_over = ""
    try:
        with quiet(keep=lambda line: not line.startswith("INFO:")):  # "Created ... delegate"
            interpreter = load()
            if kernels == "xnnpack":
                from edge.xnnpack import switch_on

                kernels, passed_over = switch_on(module, interpreter, threads)
                if passed_over:  # a delegate that was refused may have left its traces
                    interpreter = load()
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        from importlib import metadata

        raise ModelError(
            f"{runtime.package} {metadata.version(runtime.package)} cannot load the model: "
            f"{_brief(error)}"
        ) from None
    except SystemError as error:
        raise EnvironmentFault(
            f"{runtime.package} does not work with NumPy {np.__version__}: {_brief(error)}"
        ) from None
    return _Built(interpreter, kernels, passed_over)


def _single(details: list[dict[str, Any]], role: str) -> TensorSpec:
    if len(details) != 1:
        raise ModelError(f"expected a model with one {role} tensor, got {len(details)}")
    detail = details[0]
    scale = detail["quantization"][0]
    dtype = np.dtype(detail["dtype"]).name
    # Without a scale: pixels, which the model scales itself.
    takes_bytes = role == "input" and dtype == "uint8" and not scale
    is_scaled = dtype in INTEGER_LIMITS and SCALES[0] < scale < SCALES[1]
    if dtype != "float32" and not takes_bytes and not is_scaled:
        raise ModelError(
            f"expected float32 or quantised {', '.join(INTEGER_LIMITS)} for the {role} tensor, "
            f"got {dtype} with scale {scale:g}"
        )
    return _spec(detail)


def _spec(detail: dict[str, Any]) -> TensorSpec:
    scale, zero_point = detail["quantization"]
    return TensorSpec(
        detail["index"],
        tuple(int(side) for side in detail["shape"]),
        np.dtype(detail["dtype"]),
        float(scale) if detail["dtype"] != np.float32 else 0.0,  # some carry one that means nothing
        int(zero_point),
    )


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
