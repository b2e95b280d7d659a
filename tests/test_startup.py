"""The command line's start: what is loaded for one picture, and what stays as Python has it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

LOADED = """
import json, sys
from edge.cli import run
code = run(sys.argv[1:])
sys.stderr.write(json.dumps({"code": code, "modules": sorted(sys.modules)}))
"""


def python(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def digit(tmp_path: Path) -> Path:
    pixels = np.zeros((28, 28), np.uint8)
    pixels[4:24, 12:16] = 255
    Image.fromarray(pixels).save(tmp_path / "one.png")
    return tmp_path / "one.png"


def test_classify_loads_nothing_that_a_ready_picture_does_not_need(digit: Path) -> None:
    done = python(LOADED, "classify", digit)
    told = json.loads(done.stderr.splitlines()[-1])
    assert told["code"] == 0
    modules = set(told["modules"])
    assert {"edge.classifier", "numpy", "PIL.Image"} <= modules
    spared = {
        *("edge.preprocess.ink", "edge.preprocess.object", "edge.proof", "edge.sources.stdin"),
        *("edge.store.state", "edge.store.install", "secrets", "fcntl"),
        *("edge.drawing", "edge.cameras", "edge.selftest", "train", "export", "cv2"),
        *("edge.bulk.worker", "PIL.PngImagePlugin"),  # one picture, and a plain one
        *("PIL.JpegImagePlugin", "PIL.GifImagePlugin", "PIL.TiffImagePlugin", "PIL.ImageCms"),
        *("edge.admission.records", "edge.admission.trial", "edge.tflite.structure", "zipfile"),
        *("importlib.metadata", "tempfile", "subprocess", "asyncio", "http.client", "csv"),
        *("numpy.ma.core", "numpy.random.mtrand", "numpy.fft.helper", "numpy.polynomial.hermite"),
    }
    assert not spared & modules


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".gif", ".bmp", ".pgm", ".webp", ".tif"])
def test_each_format_loads_its_own_reader_alone(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"any{suffix}"
    Image.new("1", (28, 28), 1).save(path)  # 1 bit: a plain PNG needs no reader at all
    path = path.rename(tmp_path / "renamed.png")  # content decides
    done = python(LOADED, "classify", path)
    modules = set(json.loads(done.stderr.splitlines()[-1])["modules"])
    plugins = {name for name in modules if name.startswith("PIL.") and "ImagePlugin" in name}
    own = {".jpg": "Jpeg", ".pgm": "Ppm", ".webp": "WebP", ".tif": "Tiff"}
    expected = f"PIL.{own.get(suffix, suffix[1:].capitalize())}ImagePlugin"
    # The readers of JPEG and of GIF load others that they may need.
    assert expected in plugins <= {expected, "PIL.MpoImagePlugin", "PIL.TiffImagePlugin"}
    assert "\tunknown" in done.stdout.replace("  ", "\t")


def test_numpy_is_whole_after_a_lean_start() -> None:
    done = python(
        "from edge.startup import start_lean; start_lean()\n"
        "import numpy as np\n"
        "from numpy.random import default_rng\n"
        "print(default_rng(1).integers(10), np.ma.array([1, 2], mask=[0, 1]).sum(),\n"
        "      np.fft.fft([1, 0]).real.sum(), np.polynomial.Polynomial([0, 1])(3))"
    )
    assert done.stdout.split() == ["4", "1", "2.0", "3.0"], done.stderr


def test_library_leaves_the_process_as_it_is() -> None:
    done = python(
        "import gc, os, sys\n"
        "before = list(sys.meta_path), os.environ.copy()\n"
        "import edge; edge.Classifier.load('digits')\n"
        "print((list(sys.meta_path), os.environ.copy()) == before, gc.isenabled())"
    )
    assert done.stdout.split() == ["True", "True"], done.stderr


def test_garbage_is_collected_while_many_pictures_are_classified(digit: Path) -> None:
    done = python(
        "import gc\n" + LOADED.replace('"code": code', '"code": gc.isenabled()'),
        *("classify", digit, digit),
    )
    assert json.loads(done.stderr.splitlines()[-1])["code"] is True


def test_users_thread_count_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    done = python(
        "import os; from edge.startup import start_lean; start_lean()\n"
        "print(os.environ['OPENBLAS_NUM_THREADS'])"
    )
    assert done.stdout.strip() == "2"
