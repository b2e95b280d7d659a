"""XNNPACK's int8 kernels in tflite-runtime 2.14, which carries them and leaves them switched off.

A delegate is made by hand through the library's C functions, which its Python part does not offer.
"""

from __future__ import annotations

import ctypes
import os
import sys
from types import ModuleType
from typing import Any

import numpy as np

VERSIONS = {"tflite_runtime": "2.14.0"}
"""Module -> the one version whose functions and structure were looked at. LiteRT needs none of
this: its int8 kernels are on."""
MACHINES = ("x86_64", "aarch64")
"""By `uname -m`; the library has the same functions on both."""
QS8, QU8 = 1, 2
"""The header's TFLITE_XNNPACK_DELEGATE_FLAG_QS8 and _QU8: int8 and uint8 operators."""


class _Options(ctypes.Structure):
    """TfLiteXNNPackDelegateOptions, whose default is all zeros, with room behind it to spare."""

    _fields_ = (
        ("num_threads", ctypes.c_int32),
        ("flags", ctypes.c_uint32),
        ("weights_cache", ctypes.c_void_p),
        ("handle_variable_ops", ctypes.c_bool),
        ("spare", ctypes.c_uint8 * 64),
    )


class Unavailable(Exception):
    """Why the kernels cannot be had here."""


class Delegate:
    """Takes an interpreter's int8 operators to XNNPACK; has to outlive the interpreter."""

    def __init__(self, library: Any, threads: int) -> None:
        """
        library: a ctypes.CDLL of the runtime's own shared library.

        Raises:
            Unavailable: a function is missing, or does not what its header says.
        """
        self._pointer: int | None = None
        try:
            create = library.TfLiteXNNPackDelegateCreate
            flags_of = library.TfLiteXNNPackDelegateGetFlags
            self._delete = library.TfLiteXNNPackDelegateDelete
        except AttributeError as error:
            raise Unavailable(f"the library lacks a function: {error}") from None
        create.argtypes, create.restype = (ctypes.POINTER(_Options),), ctypes.c_void_p
        flags_of.argtypes, flags_of.restype = (ctypes.c_void_p,), ctypes.c_int
        self._delete.argtypes, self._delete.restype = (ctypes.c_void_p,), None
        options = _Options(num_threads=threads, flags=QS8 | QU8)
        self._pointer = create(ctypes.byref(options))
        if not self._pointer:
            raise Unavailable("the library made no delegate")
        if flags_of(self._pointer) != QS8 | QU8:  # the structure is another one
            raise Unavailable("the library did not understand the options")

    @property
    def pointer(self) -> int | None:
        """TfLiteDelegate*"""
        return self._pointer

    def __del__(self) -> None:
        pointer, self._pointer = self._pointer, None
        if pointer:
            self._delete(pointer)


def switch_on(module: ModuleType, interpreter: Any, threads: int) -> tuple[str, str]:
    """Gives an interpreter of an int8 model XNNPACK's kernels for it, before it is allocated.

    module: the one of the runtime that `interpreter` is of.

    Returns:
        The key of KERNELS that is now true, `xnnpack` or `default`, and why these kernels cannot
        be had: then what is left of the interpreter is not to be used. Empty where they are on, and
        where there was nothing to do.
    """
    package = module.__name__.partition(".")[0]
    if package not in VERSIONS or not _is_int8(interpreter):
        return "default", ""
    try:
        delegate = open_delegate(module, threads)
        interpreter._delegates.append(delegate)  # it lets go of them after all else
        interpreter._interpreter.ModifyGraphWithDelegate(delegate.pointer)
    except Unavailable as problem:
        return "default", str(problem)
    except (RuntimeError, ValueError, TypeError, AttributeError) as error:
        return "default", f"the delegate was refused: {error}"
    return "xnnpack", ""


def open_delegate(module: ModuleType, threads: int = 1) -> Delegate:
    """A delegate of the runtime's.

    module: tflite_runtime.interpreter.

    Raises:
        Unavailable: another runtime, version or machine, or the library is not as expected.
    """
    package = module.__name__.partition(".")[0]
    version = getattr(sys.modules.get(package), "__version__", "unknown")
    if version != VERSIONS.get(package):
        raise Unavailable(f"they are not known of {package} {version}")
    if os.uname().machine not in MACHINES or sys.maxsize < 1 << 32:
        raise Unavailable(f"they were not tried on {os.uname().machine}")
    try:
        # What is loaded already: the dynamic linker counts one user more.
        return Delegate(ctypes.CDLL(module._interpreter_wrapper.__file__), threads)
    except (AttributeError, OSError) as error:
        raise Unavailable(f"the library cannot be reached: {error}") from None


def _is_int8(interpreter: Any) -> bool:
    """Whether 8-bit integers go in and come out: other variants have nothing to gain."""
    details = interpreter.get_input_details() + interpreter.get_output_details()
    return all(
        detail["dtype"] in (np.int8, np.uint8) and detail["quantization"][0] for detail in details
    )
