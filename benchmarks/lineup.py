"""Who is measured, and at what."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.counts import CALLS, FILM_FRAMES, FRAMES, PHOTOS, PICTURES


@dataclass(frozen=True)
class Task:
    """One thing to do, in a process of its own."""

    name: str
    title: str
    source: str
    """File or folder among the pictures."""
    count: int
    """Pictures in it."""
    start: str | None = None
    """The task with one such picture: what it takes is start-up, and is taken off for a rate."""
    samples: int = 1
    """How often in a round; 0: in the uncounted run alone, for its answers."""
    has_own_clock: bool = False
    """Whether the contender measures calls itself and prints JSON."""


@dataclass(frozen=True)
class Contender:
    """One way to do it."""

    name: str
    title: str
    environment: str
    command: tuple[str, ...]
    """`{bin}`, `{contenders}`, `{models}` and `{source}` are filled in."""
    tasks: tuple[str, ...]
    answers: bool = True
    """Whether it prints a label for each picture; floors do not."""
    told: tuple[str, ...] = ()
    """Further arguments of the uncounted run, so that its answers can be read as JSON lines."""


TASKS = {
    task.name: task
    for task in (
        Task("one-png", "one 28x28 PNG, whole process", "one.png", 1, samples=3),
        Task("png", "a folder of 28x28 PNG", "png", PICTURES, "one-png", samples=2),
        Task("one-photo", "one JPEG of 1280x720, whole process", "one.jpg", 1),
        Task("photos", "a folder of JPEG photos of 1280x720", "photos", PHOTOS, "one-photo"),
        Task("one-frame", "a film of one frame, whole process", "one.avi", 1),
        Task("film", "a film of 1280x720", "film.avi", FILM_FRAMES, "one-frame"),
        Task("calls", "ready 28x28 frames", "calls.npy", CALLS, has_own_clock=True),
        Task("frames", "drawn digits", "frames.npy", FRAMES, samples=0, has_own_clock=True),
        Task("mnist", "MNIST's test pictures", "mnist.npy", FRAMES, samples=0, has_own_clock=True),
    )
}
STILLS = ("one-png", "png", "one-photo", "photos")
OWN_CLOCK = ("calls", "frames", "mnist")
FLOAT, INT8 = "{models}/digits-float32.tflite", "{models}/digits-int8.tflite"
ONNX, MEDIAPIPE = "{models}/digits.onnx", "{models}/digits-mediapipe.tflite"
BARE, OURS = "frame_bare.py", "frame_ours.py"


def _script(name: str, title: str, script: str, model: str) -> Contender:
    command = ("{bin}/python", "{contenders}/" + script, model, "{source}")
    return Contender(name, title, name, command, STILLS)


def _floor(name: str, title: str, environment: str, tasks: tuple[str, ...]) -> Contender:
    script = name.replace("-", "_") + ".py"
    command = ("{bin}/python", "{contenders}/" + script, "{source}")
    return Contender(name, title, environment, command, tasks, answers=False)


def _call(name: str, title: str, environment: str, script: str, way: str, model: str) -> Contender:
    command = ("{bin}/python", "{contenders}/" + script, way, model, "{source}")
    return Contender(name, title, environment, command, OWN_CLOCK)


def _ours(name: str, title: str, tasks: tuple[str, ...]) -> Contender:
    command = ("{bin}/edgeproof", "classify", "{source}")
    return Contender(name, title, name, command, tasks, told=("--format", "jsonl"))


FILMS = ("one-frame", "film")
PYTHON = ("{bin}/python", "-c", "pass")
CONTENDERS = {
    contender.name: contender
    for contender in (
        Contender("python", "bare interpreter", "plain", PYTHON, ("one-png",), answers=False),
        _ours("ours", "edgeproof, base install", STILLS),
        _ours("ours-opencv", "edgeproof with OpenCV", (*STILLS, *FILMS)),
        _script("plain", "plain script, tflite-runtime", "plain.py", FLOAT),
        _script("litert", "plain script, LiteRT", "with_litert.py", FLOAT),
        _script("onnxruntime", "plain script, ONNX Runtime", "with_onnxruntime.py", ONNX),
        _script("opencv", "OpenCV DNN", "with_opencv.py", FLOAT),
        _script("mediapipe", "MediaPipe Tasks", "with_mediapipe.py", MEDIAPIPE),
        _script("tensorflow", "tf.lite in TensorFlow", "with_tensorflow.py", FLOAT),
        _floor("decode-pillow", "decoding alone, Pillow", "plain", STILLS),
        _floor("decode-opencv", "decoding alone, OpenCV", "ours-opencv", (*STILLS, *FILMS)),
        _call("bare-float32", "tflite-runtime, float32", "plain", BARE, "tflite_runtime", FLOAT),
        _call("ours-float32", "Classifier.classify, float32", "ours", OURS, "classify", FLOAT),
        _call("bare-int8", "tflite-runtime, int8", "plain", BARE, "tflite_runtime", INT8),
        _call("kernels-int8", "edgeproof's interpreter, int8", "ours", OURS, "invoke", INT8),
        _call("ours-int8", "Classifier.classify, int8", "ours", OURS, "classify", INT8),
        _call("litert-int8", "LiteRT, int8", "litert", BARE, "ai_edge_litert", INT8),
    )
}
