"""The archive of `make bundle` on a Debian for ARM without a network: installed, verified, used.

    python -m tests.offline dist/edgeproof-*-linux-aarch64.tar [--release bookworm|trixie]

Under emulation, so what it shows is results and no speed. Exits with 1 when something is not as
expected.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

from PIL import Image

from edge.zoo import shipped_models
from tests.arm.emulate import BUILD
from tests.drawing import on_paper
from tests.pi_root import PYTHONS, make_root, run_in

DIGITS = ("1", "4", "7")
NO_NETWORK = """\
import socket
try:
    socket.create_connection(("192.0.2.1", 80), timeout=5)
except OSError as error:
    print(error.strerror)
else:
    print("connected")
"""
COMMAND = "/home/pi/.local/bin/edgeproof"
# As for anybody but root, who pi is mapped to.
WHERE = ("--to", "/home/pi/.local/share/edgeproof", "--bin", "/home/pi/.local/bin")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive", type=Path)
    parser.add_argument("--release", choices=tuple(PYTHONS), action="append")
    parser.add_argument("--cache", type=Path, default=BUILD)
    options = parser.parse_args()
    failed = False
    for release in options.release or tuple(PYTHONS):
        started_s, cpu_s = time.monotonic(), _cpu_s()
        problems = try_release(options.archive, release, options.cache)
        failed |= bool(problems)
        verdict = f"FAILED: {'; '.join(problems)}" if problems else "ok"
        took = f"{time.monotonic() - started_s:.0f} s, {_cpu_s() - cpu_s:.0f} s of processor"
        print(f"{release}: {verdict} ({took})", flush=True)
    return int(failed)


def try_release(archive: Path, release: str, cache: Path) -> list[str]:
    """What was not as expected; nothing when all was."""
    root = make_root(release, cache)
    home = root / "home/pi"
    shutil.rmtree(home)
    home.mkdir()
    shutil.copy(archive, home)
    for digit in DIGITS:
        Image.fromarray(on_paper(digit, noise=3, slope=0.3)).save(home / f"{digit}.png")

    problems = []
    said = run_in(root, ["python3", "-c", NO_NETWORK]).stdout.strip()
    if said != "Network is unreachable":
        problems.append(f"expected no network, got: {said}")
    unpack = run_in(root, ["sh", "-c", f"tar -C ~ -xf ~/{archive.name}"])
    install = ["sh", f"/home/pi/{archive.name.removesuffix('.tar')}/install", *WHERE]
    installed = _tell(run_in(root, install))
    proven = installed.stdout.count(": ok, proven")
    if unpack.returncode or installed.returncode or proven != len(shipped_models()):
        return [*problems, f"install ended with {installed.returncode}"]
    pictures = [f"/home/pi/{digit}.png" for digit in DIGITS]
    done = _tell(run_in(root, [COMMAND, "classify", *pictures, "--format", "jsonl"]))
    labels = tuple(json.loads(line)["label"] for line in done.stdout.splitlines())
    if labels != DIGITS:
        problems.append(f"expected the labels {DIGITS}, got {labels}")
    again = _tell(run_in(root, install))
    if again.returncode or "was there already" not in again.stderr:
        problems.append(f"the second install ended with {again.returncode}")
    return problems


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _tell(done: subprocess.CompletedProcess[str]) -> subprocess.CompletedProcess[str]:
    sys.stderr.write(done.stdout + done.stderr)
    return done


if __name__ == "__main__":
    raise SystemExit(main())
