"""The doctor on Python and its packages: version, runtime, NumPy, OpenCV, extras."""

from __future__ import annotations

import platform
import re
import sys
from dataclasses import dataclass
from importlib import metadata, util

from edge.doctor.check import Check, fault, ok, warning
from edge.doctor.child import opencv_packages
from edge.trial import Trial, try_module

OLDEST, NEWEST = (3, 10), (3, 13)
"""What pyproject.toml allows; neither runtime has wheels for later ones."""
MACHINES = ("aarch64", "x86_64")
"""Those that every runtime has wheels for, by `uname -m`."""
TRIAL_S = 60.0
"""For importing NumPy and the runtime from a slow SD card, and the self-test of each model."""
CHILD = "edge.doctor.child"
EXTRAS = {
    "live": (("starlette", "starlette"), ("uvicorn", "uvicorn"), ("prometheus_client",) * 2),
    "mqtt": (("paho", "paho-mqtt"),),
}
"""Extra -> the modules that it brings, each with its package."""


@dataclass(frozen=True)
class Python:
    """The interpreter that runs this."""

    version: tuple[int, int, int]
    machine: str
    """As `uname -m` says: of the kernel, which may be 64-bit under a 32-bit system."""
    bits: int
    """Of the interpreter itself."""


def read_python() -> Python:
    bits = 64 if sys.maxsize > 1 << 32 else 32
    return Python(sys.version_info[:3], platform.machine(), bits)


def check_python(python: Python) -> Check:
    """Whether the runtimes have wheels for this Python."""
    version = ".".join(map(str, python.version))
    found = f"{version}, {python.bits}-bit, {python.machine}"
    supported = f"{OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}"
    if not OLDEST <= python.version[:2] <= NEWEST:
        newest = f"{NEWEST[0]}.{NEWEST[1]}"
        remedy = f"uv venv --python {newest} && uv pip install edgeproof"
        return fault("python", f"{found}; supported: {supported}", remedy)
    if python.bits != 64 or python.machine not in MACHINES:
        remedy = "install the 64-bit Raspberry Pi OS: no runtime is tested on this"
        return warning("python", f"{found}; supported: 64-bit, {' or '.join(MACHINES)}", remedy)
    return ok("python", found)


def try_runtime() -> Trial:
    return try_module(CHILD, "runtime", timeout_s=TRIAL_S)


def check_runtime(trial: Trial) -> Check:
    """Whether an interpreter can be built, and computes what the golden frames say."""
    if trial.answer is None:
        packages = "tflite-runtime" if sys.version_info < (3, 12) else "ai-edge-litert"
        return fault(
            "runtime",
            f"a shipped model was run in a process of its own: {trial.problem}",
            f"pip install --force-reinstall {packages}",
        )
    if "error" in trial.answer:
        return fault("runtime", trial.answer["error"], _remedy(trial.answer["error"]))
    models = ", ".join(
        f"{name} {identical}/{frames}"
        for name, (identical, frames) in trial.answer["models"].items()
    )
    found = f"{trial.answer['runtime']} {trial.answer['version']}"
    if not models:
        return fault(
            "runtime", f"{found}: no shipped model", "pip install --force-reinstall edgeproof"
        )
    off = trial.answer.get("off")
    by = f"; XNNPACK int8 is off: {off}" if off else ""
    return ok("runtime", f"{found}; golden frames identical: {models}{by}")


def check_numpy(version: str | None, runtimes: dict[str, str]) -> Check:
    """Whether NumPy fits the runtime.

    runtimes: those that are installed, package -> version.
    """
    if version is None:
        return fault("numpy", "not installed", "pip install --force-reinstall edgeproof")
    names = ", ".join(f"{name} {number}" for name, number in runtimes.items()) or "no runtime"
    found = f"{version}, beside {names}"
    if int(version.split(".")[0]) >= 2 and "tflite-runtime" in runtimes:
        found = f"{found}; tflite-runtime needs NumPy below 2"
        if len(runtimes) > 1:
            return warning("numpy", f"{found} and is passed over", "pip install 'numpy<2'")
        return fault("numpy", found, "pip install 'numpy<2'")
    return ok("numpy", found)


def read_version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def read_runtimes() -> dict[str, str]:
    """Installed runtimes, package -> version."""
    versions = {name: read_version(name) for name in ("tflite-runtime", "ai-edge-litert")}
    return {name: version for name, version in versions.items() if version is not None}


def try_opencv() -> tuple[Trial, tuple[str, ...]]:
    """How importing it went, and which of its packages are installed."""
    return try_module(CHILD, "opencv", timeout_s=TRIAL_S), opencv_packages()


def check_opencv(trial: Trial, packages: tuple[str, ...]) -> Check:
    """Whether cv2 can be imported, and is the variant for a machine without a screen."""
    installed = " and ".join(packages)
    headless = "pip uninstall -y " + " ".join(packages) if packages else ""
    headless = " && ".join(filter(None, (headless, "pip install 'edgeproof[camera]'")))
    if trial.answer is None:
        return fault("opencv", f"{installed or 'cv2'} was imported: {trial.problem}", headless)
    if "error" in trial.answer:
        error = trial.answer["error"]
        if "No module named 'cv2'" in error:
            found = "not installed: USB cameras, films and RTSP streams need it"
            return warning("opencv", found, "pip install 'edgeproof[camera]'")
        library = re.search(r"lib(GL|gthread|X|xcb|SM|ICE)[\w-]*\.so[.\w]*", error)
        if library:
            found = (
                f"{installed or 'cv2'} needs {library[0]}, a screen's; the headless one does not"
            )
            return fault("opencv", found, headless)
        return fault("opencv", f"{installed or 'cv2'} cannot be imported: {error}", headless)
    found = f"{installed or 'of the system'}, {trial.answer['version']}"
    if len(packages) > 1:
        return warning("opencv", f"{found}: they overwrite each other's files", headless)
    return ok("opencv", found)


def read_extra(extra: str) -> dict[str, str | None]:
    """Package -> version, or none where it is not installed."""
    return {
        package: (read_version(package) or "installed") if util.find_spec(module) else None
        for module, package in EXTRAS[extra]
    }


def check_extra(extra: str, packages: dict[str, str | None]) -> Check:
    """An extra may be left out: that is no warning."""
    missing = [package for package, version in packages.items() if version is None]
    if len(missing) == len(packages):
        return ok(extra, f"not installed; for --{extra}: pip install 'edgeproof[{extra}]'")
    if missing:
        found = f"{', '.join(missing)} of the extra is missing"
        return warning(extra, found, f"pip install 'edgeproof[{extra}]'")
    return ok(extra, ", ".join(f"{package} {version}" for package, version in packages.items()))


def _remedy(error: str) -> str:
    """The command that the message itself ends with, else an installation from scratch."""
    found = re.search(r"pip install [^;]+?(?=;|$)", error)
    return found[0].strip() if found else "pip install --force-reinstall edgeproof"
