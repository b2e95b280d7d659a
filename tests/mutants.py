"""Thousands of mutants of the shipped bundles through the command line, in one process each half.

    python -m tests.mutants --count 10000 --seed 1 --runtime tflite-runtime \\
        --commands classify,verify [--jobs 2] [--trusted] [--json]

The parent process that reads, checks and runs models has to survive them all. What is not whole
(see `tests.mutation`) has to be refused with exit code 4 and one line that says why. What is whole
may be served; how its answers compare with the original's is counted. With --trusted the originals
are signed and the device trusts that key alone: then what is whole is refused as well, unless its
content is the signed one.

Exits with 1 when something else happened, and says what. Needs the packages of `make setup`, or
just those of the edge, `flatbuffers` and ai-edge-litert.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge.interpreter import RUNTIMES
from edge.preprocess import prepare_pixels
from edge.zoo import shipped_models
from tests.mutation import KINDS, Edited, Original, make_mutant, read_original

ROOT = Path(__file__).parent.parent
DIGITS = 100
REASONS = (
    "expected a TFLite model", "a file that ends without them", "the archive behind the model",
    "expected the entries", "contract.json", "expected a model of", "not the ones that were proven",
    "reads contract schema", "distinct, non-empty labels", "not UTF-8", "the seal does not match",
    "it proves another", "proof.json", "golden.npz", "labels for output", "its contract says",
    "expected one of the variants", "the operators of a picture classifier", "custom operator",
    "labels without control", "expected one network", "expected a model with one",
    "expected a scale", "as input of", "as output of", "damaged or cut short", "died of SIG",
    "did not end within", "cannot load the", "computes wrongly here",
    "cannot answer its own frames", "expected golden outputs", "asks for more than", "signature",
    "signed", "no golden frames",
)  # fmt: skip
"""Words of a refusal by which it is counted."""


@dataclass(frozen=True)
class Outcome:
    """What one command made of one mutant."""

    number: int
    kind: str
    what: str
    is_whole: bool
    command: str
    code: int
    reason: str
    """Of a refusal; `served` otherwise."""
    line: str
    same_answers: int | None = None
    """Of the DIGITS, those that got the original's label; of `classify` that served."""
    fault: str = ""
    """What should not have happened."""


def run_job(
    count: int,
    seed: int,
    runtime: str,
    commands: Sequence[str],
    jobs: int = 1,
    is_trusted: bool = False,
    digits: int = DIGITS,
) -> list[Outcome]:
    """All outcomes, in no order; the death of a process is one with a fault."""
    with tempfile.TemporaryDirectory(prefix="edgeproof-mutants-") as scratch:
        folder = Path(scratch)
        _write_material(folder, runtime, digits)
        request = {
            "count": count, "seed": seed, "runtime": runtime, "commands": list(commands),
            "jobs": jobs, "trusted": is_trusted,
        }  # fmt: skip
        (folder / "request.json").write_text(json.dumps(request))
        workers = [_start(folder, runtime, part) for part in range(jobs)]
        found: list[Outcome] = []
        for part, worker in enumerate(workers):
            _, words = worker.communicate()
            lines = (folder / f"outcomes-{part}").read_text().splitlines()
            found += [Outcome(**json.loads(line)) for line in lines if line.endswith("}")]
            if worker.returncode:
                last = (words.strip().splitlines() or ["nothing"])[-1]
                fault = f"the parent ended with {worker.returncode} and said: {last}"
                at = (folder / f"at-{part}").read_text()
                found.append(Outcome(int(at), "", "", False, "", 0, "", "", fault=fault))
    return found


def _write_material(folder: Path, runtime: str, digits: int) -> None:
    """Digits to be classified, and the models whose structure was changed."""
    from PIL import Image

    from tests.edits import all_edits
    from tests.lettering import drawn_digits
    from train.datasets import INK_28

    (folder / "digits").mkdir()
    # In the look of the data sets: nothing has to be looked for, and models are what takes time.
    for index, frame in enumerate(np.asarray(drawn_digits(digits, 3).frames)):
        pixels = prepare_pixels(frame, INK_28)
        Image.fromarray(pixels[:, :, 0]).save(folder / "digits" / f"{index:03d}.png")
    (folder / "edited").mkdir()
    for name, path in shipped_models().items():
        model = read_original(path.read_bytes()).model
        for index, one in enumerate(all_edits(model)):
            about = {"what": one.what, "operators": one.operators}
            (folder / "edited" / f"{name}-{index:02d}.json").write_text(json.dumps(about))
            (folder / "edited" / f"{name}-{index:02d}.bin").write_bytes(one.model)
    # So that a process and the children that it starts see this runtime alone.
    hidden = [known.module for known in RUNTIMES if known.package != runtime]
    (folder / "only").mkdir()
    text = f"import sys\nsys.modules.update(dict.fromkeys({hidden}))\n"
    (folder / "only" / "sitecustomize.py").write_text(text)


def _start(folder: Path, runtime: str, part: int) -> subprocess.Popen[str]:
    (folder / f"outcomes-{part}").touch()
    (folder / f"at-{part}").write_text("-1")
    settings = {
        "PYTHONPATH": os.pathsep.join((str(folder / "only"), str(ROOT))),
        "XDG_CACHE_HOME": str(folder / f"cache-{part}"),
        "EDGEPROOF_STORE": str(folder / f"store-{part}"),
        "OPENBLAS_NUM_THREADS": "1",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "tests.mutants", "--worker", str(folder), str(part)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **settings},
        cwd=folder,
    )


# -- one of the processes -------------------------------------------------------------------------


def _work(folder: Path, part: int) -> None:
    request: dict[str, Any] = json.loads((folder / "request.json").read_text())
    from edge import cli, startup
    from edge.interpreter import runtime_version

    startup.start_lean()
    for module, name in ((cli, "start_lean"), (startup, "settle")):
        setattr(module, name, lambda: None)  # once in a process is enough
    assert runtime_version().split()[0] == request["runtime"]
    originals = _originals(folder, part, request["trusted"])
    expected = []
    for index, original in enumerate(originals):
        path = folder / f"original-{part}-{index}.tflite"
        path.write_bytes(original.data)
        code, out, _ = _call(_command("classify", folder, path))
        assert code == 0
        expected.append(_labels(out))
    with (folder / f"outcomes-{part}").open("w") as log:
        for number in range(part, request["count"], request["jobs"]):
            (folder / f"at-{part}").write_text(str(number))
            for outcome in _try(folder, part, number, request, originals, expected):
                log.write(json.dumps(asdict(outcome)) + "\n")
                log.flush()


def _originals(folder: Path, part: int, is_trusted: bool) -> list[Original]:
    found = []
    key = _trust(folder, part) if is_trusted else None
    for name, path in shipped_models().items():
        edited = []
        for about in sorted((folder / "edited").glob(f"{name}-*.json")):
            table = json.loads(about.read_text())
            model = about.with_suffix(".bin").read_bytes()
            edited.append(Edited(table["what"], model, table["operators"]))
        data = path.read_bytes()
        if key is not None:
            out = folder / f"signed-{part}-{name}.tflite"
            code, _, err = _call(["sign", str(path), "--key", str(key), "--out", str(out)])
            assert code == 0, err
            data = out.read_bytes()
        found.append(read_original(data, tuple(edited)))
    return found


def _trust(folder: Path, part: int) -> Path:
    """A new private key, whose public half this device trusts from now on."""
    key = folder / f"key-{part}"
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    code, _, err = _call(["trust", f"{key}.pub"])
    assert code == 0, err
    return key


def _try(
    folder: Path,
    part: int,
    number: int,
    request: dict[str, Any],
    originals: list[Original],
    expected: list[list[str]],
) -> Iterator[Outcome]:
    kind, index, mutant = make_mutant(number, request["seed"], originals)
    path = folder / f"mutant-{part}.tflite"
    path.write_bytes(mutant.data)
    for command in request["commands"]:
        code, out, err = _call(_command(command, folder, path))
        lines = err.splitlines()
        line = next((one for one in lines if one.startswith("edgeproof: error: ")), "")
        is_refused = code == 4 and line != ""
        same = None
        if command == "classify" and not is_refused:
            pairs = zip(_labels(out), expected[index], strict=False)
            same = sum(label == other for label, other in pairs)
        # A signature is of the content, however that is packed; the proof is part of it.
        may_serve = mutant.is_whole and (not request["trusted"] or kind.startswith("packed anew"))
        fault = _fault(command, code, out, err, is_refused, may_serve)
        reason = _reason(line) if is_refused else "served"
        about = (number, kind, mutant.what, mutant.is_whole, command, code)
        yield Outcome(*about, reason, line.replace(str(folder), ""), same, fault)


def _fault(command: str, code: int, out: str, err: str, is_refused: bool, may_serve: bool) -> str:
    if "Traceback" in err or code not in (0, 1, 4):
        return f"exit code {code}: {err[-300:]}"
    if is_refused:
        is_silent = not out.strip() or command == "verify"
        return "" if is_silent and len(err.splitlines()) == 1 else f"more than a line: {err[-300:]}"
    if not may_serve:
        return f"served: exit code {code}"
    # One that answers no picture with numbers fails picture by picture, and that is said.
    return "" if code == 0 or "bad-output" in out else f"exit code {code}: {err[-300:]}"


def _command(command: str, folder: Path, path: Path) -> list[str]:
    if command == "classify":
        pictures = str(folder / "digits")
        return ["classify", pictures, "--jobs", "1", "--format", "jsonl", "--model", str(path)]
    return [command, str(path)]


def _call(arguments: list[str]) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command, in this process; an exception is a code of 99."""
    from edge.cli import run

    # Files: a descriptor is what WholeLines and C++ write to.
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        with redirect_stdout(out), redirect_stderr(err):
            try:
                code = run(arguments)
            except BaseException:
                traceback.print_exc()
                code = 99
        out.seek(0)
        err.seek(0)
        return code, out.read(), err.read()


def _labels(out: str) -> list[str]:
    records = [json.loads(line) for line in out.splitlines()]
    return [str(record.get("label", "an error")) for record in records]


def _reason(line: str) -> str:
    return next((words for words in REASONS if words in line), f"other: {line[:100]}")


# -- what it came to ------------------------------------------------------------------------------


def report(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Lines for people."""
    kinds = {one.number: one.kind for one in outcomes}
    shares = Counter(kinds.values())
    yield f"{len(kinds)} mutants, {len(outcomes)} commands"
    for kind in KINDS:
        yield f"{shares[kind]:6}  {100 * shares[kind] / max(1, len(kinds)):5.1f} %  {kind}"
    for command in dict.fromkeys(one.command for one in outcomes):
        mine = [one for one in outcomes if one.command == command]
        refused = [one for one in mine if one.reason != "served"]
        yield f"{command}: {len(refused)} refused, {len(mine) - len(refused)} served"
        reasons = Counter(re.sub(r"^other.*", "other", one.reason) for one in refused)
        yield from (f"{count:8}  {reason}" for reason, count in reasons.most_common())
        served = Counter(one.kind for one in mine if one.reason == "served")
        for kind, count in served.most_common():
            same = [one.same_answers for one in mine if one.kind == kind and one.reason == "served"]
            whole = [number for number in same if number is not None]
            answers = f", {sum(whole)} labels as the original's" if whole else ""
            yield f"{count:8}  served: {kind}{answers}"
    faults = [one for one in outcomes if one.fault]
    yield f"{len(faults)} faults"
    yield from (f"  {one.number} {one.kind} ({one.what}), {one.command}: {one.fault}"
                for one in faults[:50])  # fmt: skip


def main() -> int:
    if sys.argv[1:2] == ["--worker"]:
        _work(Path(sys.argv[2]), int(sys.argv[3]))
        return 0
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runtime", choices=[known.package for known in RUNTIMES], required=True)
    parser.add_argument("--commands", default="classify,verify")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--trusted", action="store_true")
    parser.add_argument("--json", type=Path, help="write all outcomes there, one a line")
    asked = parser.parse_args()
    began_s = time.monotonic()
    outcomes = run_job(
        asked.count, asked.seed, asked.runtime, asked.commands.split(","), asked.jobs, asked.trusted
    )
    if asked.json:
        asked.json.write_text("".join(json.dumps(asdict(one)) + "\n" for one in outcomes))
    print("\n".join(report(outcomes)))
    print(f"{asked.runtime}, {time.monotonic() - began_s:.0f} s")
    is_all = {one.number for one in outcomes} >= set(range(asked.count))
    return 0 if is_all and not any(one.fault for one in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
