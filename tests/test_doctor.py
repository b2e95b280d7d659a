"""The doctor: what it reads of a made-up machine, what it makes of it, and cameras in children."""

from __future__ import annotations

import datetime
import json
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.cameras.listing import Found, PiCamera, find_cameras
from edge.cameras.v4l2 import CAPABILITY, VIDIOC_QUERYCAP, V4l2Node, list_nodes, parse_capability
from edge.device import Health, read_health
from edge.doctor import cameras, disk, machine, python
from edge.doctor.cameras import Access, Environment
from edge.doctor.check import Check
from edge.doctor.disk import Disk
from edge.doctor.machine import Clock, Cores
from edge.doctor.python import Python
from edge.trial import Trial, try_module
from tests.conftest import Edgeproof

PI = "Raspberry Pi 4 Model B Rev 1.5"


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


# ---- the board -----------------------------------------------------------------------------------


def test_health_is_read_of_a_pi(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "sys/class/thermal/thermal_zone0/type": "gpu-thermal\n",
            "sys/class/thermal/thermal_zone0/temp": "39000\n",
            "sys/class/thermal/thermal_zone10/type": "cpu-thermal\n",
            "sys/class/thermal/thermal_zone10/temp": "61322\n",
            "sys/devices/platform/soc/soc:firmware/get_throttled": "50005\n",
            "proc/device-tree/model": f"{PI}\0",
        },
    )
    assert read_health(tmp_path) == Health(
        61.322, ("under-voltage", "throttled"), ("under-voltage", "throttled"), PI
    )


@pytest.mark.parametrize(
    ("text", "now", "before"),
    [
        ("0", (), ()),
        ("80008", ("soft temperature limit",), ("soft temperature limit",)),
        ("20000", (), ("frequency capped",)),
        ("throttled=0x2", ("frequency capped",), ()),
        ("10", (), ()),  # bit 4 has no meaning
        ("nonsense", (), ()),
    ],
)
def test_throttling_is_told_now_from_before(
    text: str, now: tuple[str, ...], before: tuple[str, ...], tmp_path: Path
) -> None:
    write(tmp_path, {"sys/devices/platform/soc/soc:firmware/get_throttled": text})
    health = read_health(tmp_path)
    assert (health.throttled_now, health.throttled_before) == (now, before)


@pytest.mark.parametrize(
    ("zones", "expected"),
    [
        ({}, None),
        ({"thermal_zone0": ("acpitz", "27800")}, 27.8),
        ({"thermal_zone2": ("a", "40000"), "thermal_zone10": ("b", "50000")}, 40.0),
        ({"thermal_zone0": ("a", "-273150"), "thermal_zone1": ("b", "50000")}, 50.0),
        ({"thermal_zone0": ("cpu-thermal", ""), "thermal_zone1": ("b", "50000")}, 50.0),
    ],
)
def test_temperature_is_of_the_processor_else_of_the_first_zone(
    zones: dict[str, tuple[str, str]], expected: float | None, tmp_path: Path
) -> None:
    for name, (kind, temperature) in zones.items():
        folder = f"sys/class/thermal/{name}"
        write(tmp_path, {f"{folder}/type": kind, f"{folder}/temp": temperature})
    assert read_health(tmp_path).temperature_c == expected


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("echo throttled=0x50000", ("under-voltage", "throttled")),
        ("exit 1", ()),
        ("exec sleep 60", ()),  # a firmware that does not answer
    ],
)
def test_firmware_is_asked_where_the_kernel_has_no_file(
    script: str, expected: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = tmp_path / "vcgencmd"
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr("edge.device.VCGENCMD_S", 0.3)
    monkeypatch.setattr("edge.device.THROTTLED", "no/such/file")
    began_s = time.monotonic()
    assert read_health().throttled_before == expected
    assert time.monotonic() - began_s < 5


# ---- V4L2 ----------------------------------------------------------------------------------------


def capability(driver: str, card: str, caps: int, device_caps: int | None) -> bytes:
    flags = caps if device_caps is None else caps | 0x80000000
    words = (driver.encode(), card.encode(), b"usb-1", 0x060C00, flags, device_caps or 0)
    return CAPABILITY.pack(*words)


def test_request_is_the_kernel_s() -> None:
    assert (VIDIOC_QUERYCAP, CAPABILITY.size) == (0x80685600, 104)  # as its own header comes to


@pytest.mark.parametrize(
    ("driver", "caps", "device_caps", "is_camera"),
    [
        ("uvcvideo", 0x84A00001, 0x04200001, True),
        ("uvcvideo", 0x84A00001, 0x04A00000, False),  # its metadata
        ("old", 0x04000001, None, True),  # a driver of before device_caps
        ("bm2835 mmal", 0x85200005, 0x05200005, True),  # the Pi camera's driver of before libcamera
        ("bcm2835-codec", 0x04204000, 0x04204000, False),
        ("some-codec", 0x04008001, 0x04008001, False),
        ("bcm2835-isp", 0x04200001, 0x04200001, False),
        ("pispbe", 0x04201000, 0x04201000, False),
        ("rp1-cfe", 0x04200001, 0x04200001, False),
        ("unicam", 0x04200001, 0x04200001, False),
        ("vim2m", 0x00000002, 0x00000002, False),  # output alone
        ("big", 0x04201000, 0x04201000, True),
    ],
)
def test_camera_is_told_from_codec(
    driver: str, caps: int, device_caps: int | None, is_camera: bool
) -> None:
    node = parse_capability("/dev/video3", capability(driver, "HD Webcam", caps, device_caps))
    assert node == V4l2Node("/dev/video3", driver, "HD Webcam", is_camera)


def test_nodes_are_listed_by_number_and_asked_each(tmp_path: Path) -> None:
    for name in ("video10", "video2", "video", "videos1", "media0"):
        (tmp_path / name).touch()
    answers = iter([capability("uvcvideo", "A", 1, 1), capability("uvcvideo", "B", 1, 1)])
    nodes = list_nodes(tmp_path, lambda handle: next(answers))
    assert [(Path(node.path).name, node.card) for node in nodes] == [
        ("video2", "A"),
        ("video10", "B"),
    ]
    assert list_nodes(tmp_path / "none") == ()


def test_node_that_is_no_device_says_so(tmp_path: Path) -> None:
    (tmp_path / "video0").touch()
    (tmp_path / "video1").symlink_to("gone")
    file, gone = list_nodes(tmp_path)
    assert not file.is_camera
    assert "expected a video device" in (file.problem or "")
    assert "gone" in (gone.problem or "")


@pytest.mark.parametrize(
    ("number", "words"),
    [("EACCES", "in the group video"), ("EBUSY", "fuser"), ("EIO", "Input/output error")],
)
def test_node_that_cannot_be_opened_says_what_to_do(
    number: str, words: str, tmp_path: Path
) -> None:
    import errno

    def refuse(handle: int) -> bytes:
        raise OSError(getattr(errno, number), "x")

    (tmp_path / "video0").touch()
    (node,) = list_nodes(tmp_path, refuse)
    assert words in (node.problem or "")


# ---- picamera2, by a stand-in module -------------------------------------------------------------

STAND_IN = """
class Picamera2:
    @staticmethod
    def global_camera_info():
        print("libcamera chatters")
        return [
            {"Model": "HD Webcam", "Id": "/base/soc/usb@7e980000/usb1/1-1.2", "Num": 0},
            {"Model": "imx708", "Id": "/base/soc/i2c0mux/i2c@1/imx708@1a", "Num": 1},
        ]
"""


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a module picamera2 where a child finds it."""

    def write_module(code: str) -> None:
        (tmp_path / "picamera2.py").write_text(code)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    return write_module


def test_cameras_are_found_and_csi_told_from_usb(stand_in: Callable[[str], None]) -> None:
    stand_in(STAND_IN)
    found = find_cameras()
    assert found.picamera2
    assert [camera.model for camera in found.pi_cameras] == ["HD Webcam", "imx708"]
    assert found.csi == (PiCamera(1, "imx708", "/base/soc/i2c0mux/i2c@1/imx708@1a", True),)


@pytest.mark.parametrize(
    ("code", "words", "crashed"),
    [
        ("raise ImportError('libcamera.so.0.5: no such file')", "libcamera.so.0.5", False),
        ("raise ValueError('numpy.dtype size changed')", "size changed", False),
        ("import libcamera_that_is_missing", "libcamera_that_is_missing", False),
        ("class Picamera2:\n pass", "global_camera_info", False),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "died of SIGSEGV", True),
        ("import sys; sys.exit(3)", "ended with 3", True),
        ("import time; time.sleep(60)", "did not end within 1 s", True),
    ],
)
def test_picamera2_that_fails_is_told_and_never_harms(
    code: str, words: str, crashed: bool, stand_in: Callable[[str], None]
) -> None:
    stand_in(code)
    began_s = time.monotonic()
    found = find_cameras(timeout_s=1 if "sleep" in code else 10)
    assert words in (found.error or "")
    assert (found.picamera2, found.is_absent, found.crashed) == (False, False, crashed)
    assert (found.v4l2_error, found.csi) == (None, ())
    assert time.monotonic() - began_s < 15


def test_picamera2_that_is_not_there_is_absent() -> None:
    found = find_cameras()
    assert (found.picamera2, found.is_absent, found.crashed) == (False, True, False)


def test_child_that_hangs_is_killed_with_all_it_started(stand_in: Callable[[str], None]) -> None:
    stand_in("import subprocess, sys, time\nsubprocess.Popen(['sleep', '61.25'])\ntime.sleep(60)\n")
    trial = try_module("edge.cameras.listing", timeout_s=1.5)
    assert trial.answer is None
    left = [path for path in Path("/proc").glob("[0-9]*/cmdline") if b"61.25" in _bytes(path)]
    assert left == []


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


# ---- Python and its packages ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "state"),
    [
        (Python((3, 10, 0), "aarch64", 64), "ok"),
        (Python((3, 13, 9), "x86_64", 64), "ok"),
        (Python((3, 9, 2), "aarch64", 64), "fault"),
        (Python((3, 14, 0), "aarch64", 64), "fault"),
        (Python((3, 11, 2), "aarch64", 32), "warning"),  # a 32-bit system under a 64-bit kernel
        (Python((3, 11, 2), "armv6l", 32), "warning"),
    ],
)
def test_python_is_one_with_runtimes(seen: Python, state: str) -> None:
    assert python.check_python(seen).state == state


@pytest.mark.parametrize(
    ("version", "runtimes", "state"),
    [
        ("1.26.4", {"tflite-runtime": "2.14.0"}, "ok"),
        ("2.2.0", {"ai-edge-litert": "2.1.0"}, "ok"),
        ("2.2.0", {"tflite-runtime": "2.14.0"}, "fault"),
        ("2.2.0", {"tflite-runtime": "2.14.0", "ai-edge-litert": "2.1.0"}, "warning"),
        (None, {}, "fault"),
    ],
)
def test_numpy_fits_the_runtime(version: str | None, runtimes: dict[str, str], state: str) -> None:
    check = python.check_numpy(version, runtimes)
    assert check.state == state
    if version == "2.2.0" and state != "ok":
        assert check.remedy == "pip install 'numpy<2'"


@pytest.mark.parametrize(
    ("trial", "state", "words"),
    [
        (
            Trial({"runtime": "r", "version": "1", "models": {"digits": [32, 32]}}, None),
            "ok",
            "32/32",
        ),
        (Trial(None, "it died of SIGILL"), "fault", "SIGILL"),
        (Trial({"error": "no runtime: pip install 'numpy<2'; x"}, None), "fault", "no runtime"),
        (Trial({"runtime": "r", "version": "1", "models": {}}, None), "fault", "no shipped model"),
    ],
)
def test_runtime_is_judged_by_what_it_computes(trial: Trial, state: str, words: str) -> None:
    check = python.check_runtime(trial)
    assert check.state == state
    assert words in check.found
    if "numpy" in check.found:
        assert check.remedy == "pip install 'numpy<2'"


def test_runtime_is_run_for_real() -> None:
    assert python.check_runtime(python.try_runtime()).state == "ok"


def test_runtime_that_dies_is_told_with_its_signal(stand_in: Callable[[str], None]) -> None:
    stand_in("")
    folder = Path(os.environ["PYTHONPATH"])
    (folder / "tflite_runtime").mkdir()
    for module in ("tflite_runtime", "ai_edge_litert"):
        (folder / module).mkdir(exist_ok=True)
        (folder / module / "__init__.py").touch()
        kill = "import os, signal; os.kill(os.getpid(), signal.SIGILL)"
        (folder / module / "interpreter.py").write_text(kill)
    check = python.check_runtime(python.try_runtime())
    assert check.state == "fault"
    assert "SIGILL" in check.found


FOUND_CV2 = Trial({"version": "4.11.0", "file": "/x/cv2/__init__.py"}, None)
NO_GL = Trial({"error": "libGL.so.1: cannot open shared object file"}, None)


@pytest.mark.parametrize(
    ("trial", "packages", "state", "words", "remedy"),
    [
        (FOUND_CV2, ("opencv-python-headless",), "ok", "4.11.0", None),
        (FOUND_CV2, (), "ok", "of the system", None),
        (
            FOUND_CV2,
            ("opencv-python-headless", "opencv-python"),
            *("warning", "overwrite", "pip uninstall -y opencv-python-headless opencv-python && "),
        ),
        (NO_GL, ("opencv-python",), "fault", "libGL.so.1", "pip uninstall -y opencv-python && pip"),
        (Trial({"error": "No module named 'cv2'"}, None), (), "warning", "not", "pip install"),
        (Trial(None, "it died of SIGILL"), ("opencv-python",), "fault", "SIGILL", "pip"),
    ],
)
def test_opencv_is_the_headless_one(
    trial: Trial, packages: tuple[str, ...], state: str, words: str, remedy: str | None
) -> None:
    check = python.check_opencv(trial, packages)
    assert check.state == state
    assert words in check.found
    assert (check.remedy or "").startswith(remedy or "")
    assert (check.remedy is None) == (remedy is None)


def test_opencv_without_libgl_is_seen_in_a_child(stand_in: Callable[[str], None]) -> None:
    stand_in("")
    folder = Path(os.environ["PYTHONPATH"])
    text = "raise ImportError('libGL.so.1: cannot open shared object file: No such file')"
    (folder / "cv2.py").write_text(text)
    check = python.check_opencv(*python.try_opencv())
    assert check.state == "fault"
    assert "libGL.so.1" in check.found


@pytest.mark.parametrize(
    ("packages", "state"),
    [
        ({"a": "1", "b": "2"}, "ok"),
        ({"a": None, "b": None}, "ok"),  # left out on purpose
        ({"a": "1", "b": None}, "warning"),
    ],
)
def test_extra_is_whole_or_left_out(packages: dict[str, str | None], state: str) -> None:
    check = python.check_extra("live", packages)
    assert check.state == state
    if packages["b"] is None:
        assert "pip install 'edgeproof[live]'" in f"{check.found} {check.remedy}"


# ---- cameras -------------------------------------------------------------------------------------

WEBCAM = V4l2Node("/dev/video0", "uvcvideo", "HD Webcam", True)
CODEC = V4l2Node("/dev/video10", "bcm2835-codec", "codec", False)
CLOSED = V4l2Node("/dev/video0", "", "", False, "/dev/video0: no permission")
IMX = PiCamera(0, "imx708", "/base/soc/i2c0mux", True)


def found_of(*nodes: V4l2Node, **rest: object) -> Found:
    settings = {"pi_cameras": (), "picamera2": False, "error": None} | rest
    return Found(v4l2=nodes, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "state", "words"),
    [
        (found_of(WEBCAM, CODEC), "ok", "/dev/video0 HD Webcam"),
        (found_of(CODEC, pi_cameras=(IMX,)), "ok", "pi:0 imx708"),
        (found_of(CODEC), "warning", "none found (1 codecs"),
        (found_of(), "warning", "none found"),
        (found_of(CLOSED), "warning", "no permission"),
        (found_of(v4l2_error="it did not end within 10 s"), "fault", "did not end"),
    ],
)
def test_cameras_are_named(found: Found, state: str, words: str) -> None:
    check = cameras.check_cameras(found)
    assert check.state == state
    assert words in check.found
    if found.v4l2 == (CLOSED,):
        assert "usermod -aG video" in (check.remedy or "")


@pytest.mark.parametrize(
    ("access", "state", "remedy"),
    [
        (Access("pi", False, True, ()), "ok", ""),
        (Access("pi", False, False, ()), "warning", "usermod"),
        (Access("root", True, False, ("/dev/dma_heap/linux,cma",)), "ok", ""),
        (Access("pi", False, True, ("/dev/dma_heap/linux,cma",)), "warning", "udev"),
        (Access("pi", False, False, ("/dev/dma_heap/linux,cma",)), "warning", "usermod"),
    ],
)
def test_permission_is_the_group_s(access: Access, state: str, remedy: str) -> None:
    check = cameras.check_access(access)
    assert check.state == state
    assert remedy in (check.remedy or "")


ABSENT = found_of(is_absent=True, error="ModuleNotFoundError")


@pytest.mark.parametrize(
    ("found", "where", "board", "state", "words"),
    [
        (found_of(picamera2=True, pi_cameras=(IMX,)), (True, True, True), PI, "ok", "1 cameras"),
        (ABSENT, (True, False, False), None, "ok", "no Raspberry Pi"),
        (ABSENT, (True, False, False), PI, "warning", "python3-picamera2 && sed -i"),
        (ABSENT, (True, False, True), PI, "warning", "sed -i"),
        (ABSENT, (True, True, False), PI, "warning", "apt install -y python3-picamera2"),
        (ABSENT, (False, True, False), PI, "warning", "apt install -y python3-picamera2"),
        (ABSENT, (True, True, True), PI, "warning", "--system-site-packages"),
        (
            found_of(crashed=True, error="died of SIGSEGV"),
            (True, True, True),
            PI,
            "fault",
            "SEGV",
        ),
        (
            found_of(error="ValueError: numpy.dtype size changed"),
            *((True, True, True), PI, "fault", "--no-deps simplejpeg"),
        ),
        (found_of(error="ImportError: libcamera"), (True, True, True), PI, "fault", "full-upgrade"),
    ],
)
def test_picamera2_is_made_importable(
    found: Found, where: tuple[bool, bool, bool], board: str | None, state: str, words: str
) -> None:
    check = cameras.check_picamera2(found, Environment("/home/pi/venv", *where), board)
    assert check.state == state
    assert words in f"{check.found} {check.remedy}"


def test_remedy_for_an_environment_opens_it_to_the_system(tmp_path: Path) -> None:
    import subprocess
    import venv

    venv.create(tmp_path / "venv", with_pip=False)
    write(tmp_path, {"usr/lib/python3/dist-packages/picamera2/__init__.py": ""})
    before = cameras.read_environment(tmp_path, tmp_path / "venv")
    assert before == Environment(str(tmp_path / "venv"), True, False, True)
    remedy = cameras.check_picamera2(ABSENT, before, PI).remedy
    subprocess.run(["sh", "-c", remedy or ""], check=True)
    assert cameras.read_environment(tmp_path, tmp_path / "venv").sees_system
    assert cameras.read_environment(tmp_path, tmp_path).is_venv is False


def test_closed_dma_heaps_are_read(tmp_path: Path) -> None:
    write(tmp_path, {"dev/dma_heap/linux,cma": "", "dev/dma_heap/system": ""})
    assert cameras.read_access(tmp_path).closed_heaps == ()
    for path in (tmp_path / "dev/dma_heap").iterdir():
        path.chmod(0)
    expected = 0 if os.geteuid() == 0 else 2  # root may open them all the same
    assert len(cameras.read_access(tmp_path).closed_heaps) == expected


# ---- the machine ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cores", "state", "remedy"),
    [
        (Cores(4, None, {}), "ok", None),
        (Cores(4, None, {"OMP_NUM_THREADS": "4"}), "ok", None),
        (Cores(4, None, {"OMP_NUM_THREADS": "8"}), "warning", "export OMP_NUM_THREADS=4"),
        (Cores(4, None, {"OPENBLAS_NUM_THREADS": "5"}), "warning", "export OPENBLAS_NUM_THREADS=4"),
        (Cores(4, None, {"OMP_NUM_THREADS": "many"}), "warning", "unset OMP_NUM_THREADS"),
        (Cores(4, 1.5, {}), "warning", "export OMP_NUM_THREADS=1"),
        (Cores(4, 0.5, {"OMP_NUM_THREADS": "1"}), "ok", None),
        (Cores(4, 2.0, {"OMP_NUM_THREADS": "4"}), "warning", "export OMP_NUM_THREADS=2"),
        (Cores(4, 8.0, {}), "ok", None),
    ],
)
def test_threads_are_no_more_than_cores(cores: Cores, state: str, remedy: str | None) -> None:
    check = machine.check_cores(cores)
    assert (check.state, check.remedy) == (state, remedy)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, None),
        ({"sys/fs/cgroup/cpu.max": "max 100000"}, None),
        ({"sys/fs/cgroup/cpu.max": "150000 100000"}, 1.5),
        (
            {
                "proc/self/cgroup": "0::/system.slice/edgeproof.service\n",
                "sys/fs/cgroup/system.slice/cpu.max": "50000 100000",
                "sys/fs/cgroup/system.slice/edgeproof.service/cpu.max": "200000 100000",
            },
            0.5,
        ),
        (
            {
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "200000",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            },
            2.0,
        ),
        (
            {
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            },
            None,
        ),
    ],
)
def test_quota_of_a_container_is_read(
    files: dict[str, str], expected: float | None, tmp_path: Path
) -> None:
    assert machine.read_cores(write(tmp_path, files), {}).quota == expected


@pytest.mark.parametrize(
    ("temperature_c", "state"),
    [(None, "ok"), (69.9, "ok"), (70.0, "warning"), (79.9, "warning"), (80.0, "fault")],
)
def test_heat_is_judged_by_the_firmware_s_limit(temperature_c: float | None, state: str) -> None:
    assert machine.check_temperature(Health(temperature_c, (), (), PI)).state == state


@pytest.mark.parametrize(
    ("now", "before", "state", "words"),
    [
        ((), (), "ok", "none"),
        (("throttled",), ("throttled",), "fault", "heat sink"),
        ((), ("under-voltage",), "warning", "power supply"),
        (("under-voltage",), (), "fault", "power supply"),
    ],
)
def test_throttling_is_worse_now_than_before(
    now: tuple[str, ...], before: tuple[str, ...], state: str, words: str
) -> None:
    check = machine.check_throttling(Health(50.0, now, before, PI))
    assert check.state == state
    assert words in f"{check.found} {check.remedy}"


@pytest.mark.parametrize(
    ("year", "has_timesync", "is_synchronized", "state"),
    [
        (2027, True, True, "ok"),
        (2027, True, False, "warning"),
        (2027, False, False, "ok"),
        (1970, False, False, "fault"),
        (2019, True, False, "fault"),
    ],
)
def test_clock_of_a_board_without_battery_is_seen(
    year: int, has_timesync: bool, is_synchronized: bool, state: str
) -> None:
    now = datetime.datetime(year, 1, 2, tzinfo=datetime.UTC)
    assert machine.check_clock(Clock(now, has_timesync, is_synchronized)).state == state


def test_synchronisation_is_read_of_timesyncd(tmp_path: Path) -> None:
    assert not machine.read_clock(tmp_path).has_timesync
    write(tmp_path, {"run/systemd/timesync/clock": ""})
    clock = machine.read_clock(tmp_path)
    assert (clock.has_timesync, clock.is_synchronized) == (True, False)
    write(tmp_path, {"run/systemd/timesync/synchronized": ""})
    assert machine.read_clock(tmp_path).is_synchronized


@pytest.mark.parametrize(
    ("available_mb", "state"),
    [(None, "ok"), (200, "ok"), (199, "warning"), (60, "warning"), (59, "fault")],
)
def test_memory_is_enough(available_mb: int | None, state: str) -> None:
    assert machine.check_memory(available_mb).state == state


def test_memory_is_read(tmp_path: Path) -> None:
    assert machine.read_available_mb(tmp_path) is None
    write(tmp_path, {"proc/meminfo": "MemTotal: 948304 kB\nMemAvailable:  488281 kB\n"})
    assert machine.read_available_mb(tmp_path) == 499


def disk_of(folder: str, device: int, free_mb: int, total_mb: int, writable: bool = True) -> Disk:
    return Disk(folder, "temporary files", device, free_mb, total_mb, writable, folder == "/tmp")


@pytest.mark.parametrize(
    ("disks", "states"),
    [
        ([disk_of("/tmp", 1, 5000, 16000)], ["ok"]),
        ([disk_of("/tmp", 1, 499, 1000)], ["warning"]),
        ([disk_of("/tmp", 1, 790, 16000)], ["warning"]),  # below 5 %
        ([disk_of("/tmp", 1, 5000, 16000), disk_of("/home/pi", 1, 5000, 16000)], ["ok"]),
        ([disk_of("/tmp", 1, 5000, 9000), disk_of("/home/pi", 2, 10, 9000)], ["ok", "warning"]),
        ([disk_of("/tmp", 1, 5000, 16000, writable=False)], ["fault", "ok"]),
        ([disk_of("/home/pi", 1, 5000, 16000, writable=False)], ["ok"]),
    ],
)
def test_disks_have_room_and_can_be_written(disks: list[Disk], states: list[str]) -> None:
    assert [check.state for check in disk.check_disks(disks)] == states


def test_disks_are_read(tmp_path: Path) -> None:
    (tmp_path / "var/lib/edgeproof").mkdir(parents=True)
    found = disk.read_disks(tmp_path, tmp_path / "no-home")
    assert [one.role for one in found] == ["the service's state", "temporary files"]
    assert found[0].device == os.stat(tmp_path)[stat.ST_DEV]
    assert 0 < found[0].free_mb <= found[0].total_mb


# ---- the command ---------------------------------------------------------------------------------


def test_doctor_says_one_state_a_line_with_what_mends_it(edgeproof: Edgeproof) -> None:
    done = edgeproof("doctor")
    lines = done.stdout.splitlines()
    previous = ""
    for line in lines:
        if line.strip().startswith("->"):
            assert previous.startswith(("warning", "fault"))
        else:
            assert line.split()[0] in ("ok", "warning", "fault")
            assert not previous.startswith(("warning", "fault"))
        previous = line
    assert done.returncode == (4 if any(line.startswith("fault") for line in lines) else 0)


def test_doctor_speaks_json_and_exits_with_4_at_a_fault(
    edgeproof: Edgeproof, stand_in: Callable[[str], None]
) -> None:
    stand_in("raise ImportError('libcamera.so.9')")
    done = edgeproof("doctor", "--json")
    checks = [Check(**json.loads(line)) for line in done.stdout.splitlines()]
    assert done.returncode == 4
    (picamera2,) = [check for check in checks if check.name == "picamera2"]
    assert picamera2.state == "fault"
    assert "libcamera.so.9" in picamera2.found
    for check in checks:
        assert (check.remedy is None) == (check.state == "ok")
