"""The boards that are emulated: which Debian, which Python, which processor.

armv7l, the 32-bit Raspberry Pi OS, is not among them: of what the wheel needs, PyPI has wheels for
it of tflite-runtime and click, none of NumPy below 2 and none of Pillow; and Bookworm's own Pillow
is 9.4, below the 10.1 that edge needs. Its Python 3.11 itself does run under qemu-arm.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Machine:
    """One kind of board, and where its programs come from."""

    name: str
    """Architecture and Python, as on the command line and in `build/arm`."""
    suite: str
    """Debian's release, of which Raspberry Pi OS is made: its Python, its C library."""
    architecture: str
    """As Debian calls it."""
    python: str
    runtime: str
    """The runtime that the wheel's markers choose there."""
    qemu: str
    cpu: str
    """The emulator's processor: it decides which kernels the runtimes pick."""
    board: str


MACHINES = (
    Machine(
        "aarch64-3.11",
        suite="bookworm",
        architecture="arm64",
        python="3.11",
        runtime="tflite-runtime",
        qemu="qemu-aarch64",
        cpu="cortex-a72",
        board="Raspberry Pi 4, Bookworm",
    ),
    Machine(
        "aarch64-3.13",
        suite="trixie",
        architecture="arm64",
        python="3.13",
        runtime="ai-edge-litert",
        qemu="qemu-aarch64",
        cpu="cortex-a76",
        board="Raspberry Pi 5, Trixie",
    ),
)


def machine(name: str) -> Machine:
    """The machine of that name, or the aarch64 one with that Python.

    Raises:
        ValueError: there is none.
    """
    for known in MACHINES:
        if name in (known.name, known.python):
            return known
    names = ", ".join(known.name for known in MACHINES)
    raise ValueError(f"expected one of {names}, got {name!r}")
