"""The doctor on cameras: what is plugged in, who may open it, and picamera2."""

from __future__ import annotations

import grp
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from edge.cameras.listing import Found
from edge.doctor.check import Check, fault, ok, warning

APT = "sudo apt install -y python3-picamera2"
GROUP = "sudo usermod -aG video $USER   (then log in again)"
HEAPS = "dev/dma_heap"
"""libcamera takes its frames' memory from one of them."""
HEAP_RULE = (
    """echo 'SUBSYSTEM=="dma_heap", GROUP="video", MODE="0660"' | """
    "sudo tee /etc/udev/rules.d/60-dma-heap.rules && sudo udevadm trigger"
)
"""What Raspberry Pi OS has (raspberrypi-sys-mods), for the systems that have not."""


@dataclass(frozen=True)
class Access:
    """What the user who runs this may open."""

    user: str
    is_root: bool
    in_video: bool
    """Whether this process is in the group video."""
    closed_heaps: tuple[str, ...]
    """Of HEAPS, when none of them can be opened; else empty."""


@dataclass(frozen=True)
class Environment:
    """Where this Python's packages come from."""

    prefix: str
    is_venv: bool
    sees_system: bool
    """Whether apt's packages can be imported."""
    has_package: bool
    """Whether apt's picamera2 is on this machine."""


def read_access(root: Path) -> Access:
    heaps = [path for path in sorted((root / HEAPS).glob("*")) if not path.is_symlink()]
    can_open = any(os.access(path, os.R_OK | os.W_OK) for path in heaps)
    closed = () if can_open else tuple(map(str, heaps))
    try:
        in_video = grp.getgrnam("video").gr_gid in {*os.getgroups(), os.getegid()}
    except KeyError:  # a system without the group
        in_video = False
    user = os.environ.get("USER", str(os.geteuid()))
    return Access(user, os.geteuid() == 0, in_video, closed)


def read_environment(root: Path, prefix: Path | None = None) -> Environment:
    """prefix: of the virtual environment; this Python's own."""
    place = prefix or Path(sys.prefix)
    settings = _settings(place / "pyvenv.cfg")
    return Environment(
        prefix=str(place),
        is_venv=settings is not None,
        sees_system=settings is None
        or settings.get("include-system-site-packages", "").lower() == "true",
        has_package=(root / "usr/lib/python3/dist-packages/picamera2").is_dir(),
    )


def check_cameras(found: Found) -> Check:
    """Which cameras are plugged in."""
    if found.v4l2_error:
        remedy = "unplug the camera, or restart the machine: its driver does not answer"
        return fault("cameras", f"/dev/video* were asked: {found.v4l2_error}", remedy)
    names = [f"pi:{camera.index} {camera.model}" for camera in found.csi]
    names += [f"{node.path} {node.card}" for node in found.usb]
    if names:
        return ok("cameras", ", ".join(names))
    problems = [node.problem for node in found.v4l2 if node.problem]
    if problems:
        remedy = GROUP if any("permission" in problem for problem in problems) else "lsusb; dmesg"
        return warning("cameras", f"none that can be opened; {'; '.join(problems)}", remedy)
    others = len(found.v4l2)
    beside = f" ({others} codecs and ISPs in /dev/video*)" if others else ""
    remedy = (
        "plug one in (USB: dmesg | tail; ribbon cable: rpicam-hello --list-cameras), or name "
        "another SOURCE: edgeproof camera http://..."
    )
    return warning("cameras", f"none found{beside}", remedy)


def check_access(access: Access) -> Check:
    """Whether this user may open cameras."""
    if access.closed_heaps and not access.is_root:
        found = (
            f"{access.user} cannot open {', '.join(access.closed_heaps)}, as the Pi camera needs"
        )
        return warning("permission", found, GROUP if not access.in_video else HEAP_RULE)
    if access.is_root:
        return ok("permission", "root; the service runs as a user of its own in the group video")
    if access.in_video:
        return ok("permission", f"{access.user} is in the group video")
    return warning("permission", f"{access.user} is not in the group video", GROUP)


def check_picamera2(found: Found, where: Environment, board: str | None) -> Check:
    """Whether the camera on the ribbon cable can be used, and if not, what to do."""
    if found.picamera2:
        return ok(
            "picamera2", f"{len(found.pi_cameras)} cameras, {len(found.csi)} on a ribbon cable"
        )
    if found.crashed:
        remedy = "rpicam-hello --list-cameras; sudo apt full-upgrade"
        return fault("picamera2", found.error or "it crashed", remedy)
    if found.is_absent:
        return _absent(where, is_pi=(board or "").startswith("Raspberry Pi"))
    error = found.error or "it cannot be imported"
    if "size changed" in error or "numpy" in error.lower():
        # simplejpeg of apt is built for apt's NumPy, and the environment's own comes before it.
        found_text = f"{error}: built for another NumPy than this environment's"
        return fault("picamera2", found_text, "pip install --force-reinstall --no-deps simplejpeg")
    return fault("picamera2", error, f"{APT} && sudo apt full-upgrade")


def _absent(where: Environment, is_pi: bool) -> Check:
    if not is_pi and not where.has_package:
        return ok("picamera2", "not installed; this is no Raspberry Pi")
    if where.is_venv and not where.sees_system:
        steps = [] if where.has_package else [APT]
        # What `python -m venv --system-site-packages` writes; the packages stay where they are.
        steps.append(
            "sed -i 's/^include-system-site-packages.*/include-system-site-packages = true/' "
            f"{where.prefix}/pyvenv.cfg"
        )
        found = f"{where.prefix} does not see the system's packages"
        return warning("picamera2", found, " && ".join(steps))
    if where.has_package:
        found = "apt's picamera2 is for the system's own Python, not for this one"
        remedy = "/usr/bin/python3 -m venv --system-site-packages ENVIRONMENT"
        return warning("picamera2", found, remedy)
    return warning("picamera2", "not installed: the camera on the ribbon cable needs it", APT)


def _settings(file: Path) -> dict[str, str] | None:
    """pyvenv.cfg; none where this is no virtual environment."""
    try:
        lines = file.read_text("utf-8", "replace").splitlines()
    except OSError:
        return None
    pairs = (line.partition("=") for line in lines)
    return {key.strip().lower(): value.strip() for key, _, value in pairs}
