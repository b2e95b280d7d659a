"""`make fuzz`: strange bytes for the decoder of pictures and for the reader of bundles.

    python -m tests.fuzz TARGET... [--runs 100000] [--seed 1] [--folder build/fuzz]

TARGET is pictures or bundles. With atheris new inputs are made of those that reached new code, and
what was reached stays in FOLDER/TARGET/corpus: Ctrl-C loses nothing, the next run goes on from
there. Without atheris, as where it has no wheel, inputs are made by chance from the seeds alone.

Prints one line for each target. Exits with 1 when there are findings: FOLDER/TARGET/findings has
the inputs, each with what it came to.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS

RSS_MB = 1024
"""More memory than that at once is a finding."""
TIMEOUT_S = 10
"""A longer look at one input is one, too."""


@dataclass(frozen=True)
class Run:
    """What one target came to."""

    target: str
    executions: int
    coverage: tuple[int, int] | None
    """Edges of our code and of Pillow's Python reached by the corpus at first, and now; none
    without atheris."""
    corpus: int
    """Inputs that reached something new."""
    peak_mb: int
    seconds: float
    findings: list[Path]
    code: int

    @property
    def is_clean(self) -> bool:
        return not self.findings and self.code == 0

    def __str__(self) -> str:
        reached = (
            "by chance alone"
            if self.coverage is None
            else (f"coverage {self.coverage[0]} to {self.coverage[1]}, corpus {self.corpus}")
        )
        rate = self.executions / max(self.seconds, 0.001)
        end = "" if self.code == 0 else f"; ended with {self.code}, see the log"
        return (
            f"{self.target}: {self.executions} executions in {self.seconds:.0f} s ({rate:.0f}/s), "
            f"{reached}, peak {self.peak_mb} MB, {len(self.findings)} findings{end}"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("targets", nargs="+", choices=list(TARGETS), metavar="TARGET")
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("build/fuzz"))
    parser.add_argument("--plain", action="store_true", help="without atheris")
    asked = parser.parse_args(arguments)
    is_plain = asked.plain or importlib.util.find_spec("atheris") is None
    runs = [
        run(target, asked.runs, asked.seed, asked.folder / target, is_plain)
        for target in asked.targets
    ]
    for one in runs:
        print(one)
        for path in one.findings:
            print(f"fuzz: FINDING: {path}: {_last_line(path)}", file=sys.stderr)
    return 0 if all(one.is_clean for one in runs) else 1


def run(target: str, runs: int, seed: int, folder: Path, is_plain: bool) -> Run:
    """Fuzzes one target in a child; what the child says goes to FOLDER/log."""
    corpus, made, findings = folder / "corpus", folder / "seeds", folder / "findings"
    for place in (corpus, made, findings):
        place.mkdir(parents=True, exist_ok=True)
    for name, data in seeds(target).items():
        (made / name).write_bytes(data)
    options = [str(runs)] if is_plain else [
        f"-runs={runs}", f"-rss_limit_mb={RSS_MB}", f"-timeout={TIMEOUT_S}",
        f"-artifact_prefix={findings}/", "-print_final_stats=1", "-close_fd_mask=3",
        str(corpus), str(made),
    ]  # fmt: skip
    command = [sys.executable, "-m", "tests.fuzz.loop", target, str(folder), str(seed), *options]
    settings = {**os.environ, "EDGEPROOF_FUZZ": "plain" if is_plain else "guided"}
    began_s = time.monotonic()
    with open(folder / "log", "w+", encoding="utf-8", errors="replace") as log:
        code = subprocess.run(command, stderr=log, stdout=log, env=settings, check=False).returncode
        log.seek(0)
        text = log.read()
    reached = [int(number) for number in re.findall(r"\bcov: ([0-9]+)", text)]
    return Run(
        target,
        runs if is_plain and code == 0 else _stat(text, "number_of_executed_units"),
        (reached[0], reached[-1]) if reached else None,
        len(list(corpus.iterdir())),
        _stat(text, "peak_rss_mb") or getrusage(RUSAGE_CHILDREN).ru_maxrss // 1024,
        time.monotonic() - began_s,
        sorted(path for path in findings.iterdir() if path.suffix != ".bin"),
        code,
    )


def _stat(text: str, name: str) -> int:
    found = re.search(rf"stat::{name}: *([0-9]+)", text)
    return int(found[1]) if found else 0


def _last_line(path: Path) -> str:
    """Of a traceback; of an input that libFuzzer wrote, its name says it."""
    if path.suffix != ".txt":
        return path.name.partition("-")[0]
    return path.read_text(errors="replace").strip().splitlines()[-1][:300]


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("fuzz: interrupted; what was reached is kept for the next run")
