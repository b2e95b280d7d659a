"""`make test-arm`, as far as it needs no emulator: what it compares, and what it says of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edge.errors import EnvironmentFault
from edge.interpreter import installed_runtimes
from tests.arm import debian
from tests.arm.compare import DYNAMIC_SHARE, FLOAT_SHARE, Side, compare, read_side
from tests.arm.emulate import environment
from tests.arm.examine import ANSWER, ROOT, compare_lines, only_runtime
from tests.arm.machines import MACHINES, machine

PICTURES = [f"{index}.png" for index in range(40)]


def side(
    outputs: NDArray[Any],
    pixels: NDArray[np.uint8] | None = None,
    model: str = "m-int8",
    preprocess: str = "ink",
    adds: bool = False,
) -> Side:
    record = {
        "model": model,
        "kernels": "default",
        "scale": 0.0 if outputs.dtype == np.float32 else 0.1,
        "outputs": "outputs0",
        "pixels": "pixels0",
        "preprocess": preprocess,
        "adds": adds,
    }
    blank = np.zeros((len(outputs), 28, 28, 1), np.uint8)
    arrays = {"outputs0": outputs, "pixels0": blank if pixels is None else pixels}
    return Side({"pictures": PICTURES, "answers": [record]}, arrays)


def logits(dtype: str = "int8") -> NDArray[Any]:
    values = np.random.default_rng(1).integers(-100, 60, (len(PICTURES), 10))
    values[:, 3] = 100
    return values.astype(dtype)


def changed(outputs: NDArray[Any], picture: int, at: int, by: float) -> NDArray[Any]:
    other = outputs.copy()
    other[picture, at] += by
    return other


def moved(*pictures: int) -> NDArray[np.uint8]:
    pixels = np.zeros((len(PICTURES), 28, 28, 1), np.uint8)
    pixels[list(pictures), 4, 5] = 20
    return pixels


def test_compare_passes_what_is_the_same() -> None:
    (row,) = compare(side(logits()), side(logits()))
    assert (row.fault, row.pictures, row.rows, row.largest) == ("", len(PICTURES), 0, 0)


def test_compare_refuses_one_step_of_int8_and_names_the_picture() -> None:
    (row,) = compare(side(logits()), side(changed(logits(), 17, 4, 1)))
    assert "17.png" in row.fault
    assert (row.rows, row.largest, row.labels) == (1, 1, 0)


@pytest.mark.parametrize(
    ("steps", "pictures", "fault"),
    [
        (2, 2, ""),
        (3, 1, "outputs differ by 3 at 4.png"),
        (1, 3, "outputs differ at 3, first 4.png"),
    ],
)
def test_compare_allows_xnnpack_few_steps_at_few_pictures(
    steps: int, pictures: int, fault: str
) -> None:
    ours, other = side(logits()), logits()
    other[4 : 4 + pictures, 1] += steps
    theirs = side(other)
    for one in (ours, theirs):
        one.header["answers"][0]["kernels"] = "xnnpack"
    (row,) = compare(ours, theirs)
    assert row.fault.endswith(fault)
    assert bool(row.fault) == bool(fault)


def test_compare_refuses_another_label_even_within_the_bound() -> None:
    close = changed(logits("float32"), 5, 2, 0)
    close[5, 2] = 100
    close[5, 3] = np.nextafter(np.float32(100), np.float32(200))
    other = close.copy()
    other[5, [2, 3]] = close[5, [3, 2]]
    (row,) = compare(side(close, model="m-float32"), side(other, model="m-float32"))
    assert row.labels == 1
    assert row.largest < FLOAT_SHARE
    assert "another label at 5.png" in row.fault


@pytest.mark.parametrize(
    ("model", "share"), [("m-float32", FLOAT_SHARE), ("m-dynamic", DYNAMIC_SHARE)]
)
def test_compare_allows_float_its_bound_and_no_more(model: str, share: float) -> None:
    ours = side(logits("float32"), model=model)
    for times, is_fault in ((0.5, False), (2.0, True)):
        theirs = side(changed(logits("float32"), 8, 4, 100 * share * times), model=model)
        (row,) = compare(ours, theirs)
        assert bool(row.fault) == is_fault
        assert row.rows == 1


def test_compare_refuses_outputs_that_are_no_numbers() -> None:
    theirs = side(changed(logits("float32"), 8, 4, np.nan), model="m-float32")
    (row,) = compare(side(logits("float32"), model="m-float32"), theirs)
    assert "no numbers" in row.fault


def test_compare_refuses_other_pixels_of_ink() -> None:
    (row,) = compare(side(logits()), side(logits(), moved(6)))
    assert "other pixels at 1, first 6.png" in row.fault


def test_compare_counts_moved_objects_apart_up_to_a_share() -> None:
    ours = side(logits(), preprocess="object")
    stepped = changed(logits(), 6, 4, 1)
    (row,) = compare(ours, side(stepped, moved(6), preprocess="object"))
    assert (row.fault, row.moved, row.rows) == ("", 1, 0)
    (row,) = compare(ours, side(stepped, moved(1, 2, 3), preprocess="object"))
    assert "other pixels at 3, first 1.png" in row.fault


def test_compare_refuses_kernels_that_only_one_side_has() -> None:
    theirs = side(logits())
    theirs.header["answers"][0]["kernels"] = "xnnpack"
    faults = [row.fault for row in compare(side(logits()), theirs)]
    assert len(faults) == 2
    assert "'default' run here, not on the device" in faults[0]
    assert "'xnnpack' run on the device, not here" in faults[1]


def test_compare_lines_names_the_picture_that_differs() -> None:
    line = {"source": "p/7.png", "label": "7", "box": None, "reason": None, "score": 0.9}
    assert compare_lines([line], [{**line, "score": 0.9004, "latency_ms": 3}]) == []
    for change in ({"label": "1"}, {"box": [1, 2, 3, 4]}, {"score": 0.7}):
        (fault,) = compare_lines([line], [{**line, **change}])
        assert "7.png" in fault
    assert compare_lines([line], []) == ["classify: expected 1 lines, got 0"]


def test_answers_of_one_machine_compare_equal_and_of_other_weights_do_not(tmp_path: Path) -> None:
    """The script that runs on both sides, here on one: real models, real pictures."""
    from edge.contract import Input, Preprocess
    from edge.golden import draw_frames

    (tmp_path / "pictures").mkdir()
    spec = Input(28, 28, "gray", Preprocess("ink", (0.0,), (255.0,)))
    for index, frame in enumerate(draw_frames(spec, seed=3, count=6)):
        Image.fromarray(frame).save(tmp_path / "pictures" / f"{index}.png")
    sides = {}
    for name in ("digits", "fashion"):
        out = tmp_path / f"{name}.npz"
        pictures, runtime = str(tmp_path / "pictures"), installed_runtimes()[0]
        command = [sys.executable, str(ANSWER), runtime, pictures, str(out), name]
        settings = {**environment(), "PYTHONPATH": str(ROOT)}
        subprocess.run(command, check=True, env=settings)
        sides[name] = read_side(out)
    rows = compare(sides["digits"], sides["digits"])
    assert [row.fault for row in rows] == [""] * len(rows)
    assert rows[0].pictures == 6
    other = sides["fashion"]
    for record in other.header["answers"]:  # another model's weights under this one's name
        record["model"] = "digits"
    faults = [row.fault for row in compare(sides["digits"], other)]
    assert all("outputs differ by" in fault and ".png" in fault for fault in faults)


def test_sums_of_a_runtime_that_rounds_them_otherwise_have_a_bound_of_their_own() -> None:
    values = logits()
    values[:, 3] = 90
    near = np.clip(values.astype(int) + 20, -128, 127).astype(np.int8)
    (row,) = compare(side(values, adds=True), side(near, adds=True))
    assert (row.fault, row.allowed, row.rows) == ("", 24, 40)
    (row,) = compare(side(values), side(near))
    assert "outputs differ by 20" in row.fault
    far = changed(values, 17, 4, -30)
    (row,) = compare(side(values, adds=True), side(far, adds=True))
    assert "outputs differ by 30" in row.fault
    turned = values.copy()
    turned[:3, 4] = 95  # three of forty labels
    (row,) = compare(side(values, adds=True), side(turned, adds=True))
    assert "another label" in row.fault


def test_only_hides_the_other_runtimes(tmp_path: Path) -> None:
    asking = "from edge.interpreter import installed_runtimes as f; print(*f())"
    for runtime in installed_runtimes():
        done = subprocess.run(
            [sys.executable, "-c", asking],
            capture_output=True,
            text=True,
            check=True,
            env=only_runtime(runtime, tmp_path / runtime),
        )
        assert done.stdout.split() == [runtime]


def test_machine_is_found_by_name_and_by_python() -> None:
    assert machine("3.13") is machine("aarch64-3.13")
    assert {board.python for board in MACHINES} >= {"3.11", "3.13"}
    with pytest.raises(ValueError, match=r"expected one of aarch64-3.11.*got '2.7'"):
        machine("2.7")


def test_environment_keeps_the_hosts_python_out() -> None:
    given = {"PATH": "/bin", "PYTHONPATH": "/tree", "PYTHONHOME": "/usr"}
    assert environment(given) == {"PATH": "/bin"}


def test_download_without_a_network_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not Path("/usr/bin/apt-get").exists() or not debian.KEYRING.exists():
        pytest.skip("no Debian")
    monkeypatch.setenv(debian.MIRROR_VARIABLE, (tmp_path / "no-mirror").as_uri())
    with pytest.raises(
        EnvironmentFault, match=r"fetching bookworm's packages for arm64 .needed once. failed: "
    ):
        debian.download(tmp_path / "apt", "bookworm", "arm64", ["hello"])


def test_configuration_of_apt_leaves_the_hosts_alone(tmp_path: Path) -> None:
    text = debian.CONFIGURATION.format(architecture="arm64", folder=tmp_path)
    places = [line for line in text.splitlines() if line.startswith("Dir::")]
    assert len(places) == 8
    assert all(str(tmp_path) in line or "/dev/null" in line for line in places)
