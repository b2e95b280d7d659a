"""`edgeproof camera` in a process of its own, watched from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Camera:
    """`edgeproof camera` in a process, whose lines are read as they come."""

    arguments: list[str]
    lines: list[dict[str, Any]] = field(default_factory=list)
    unparsed: list[str] = field(default_factory=list)
    keep: bool = True
    """Whether lines are kept; of a long run only their counts are."""
    results: int = 0
    errors: int = 0
    drops: int = 0
    """By the lines: the sum of what each says was dropped before it."""
    ages_ms: list[float] = field(default_factory=list)
    words: str = ""
    """The last line on stderr."""
    told: str = ""
    """All of them."""

    def __enter__(self) -> Camera:
        command = [sys.executable, "-m", "edge", "camera", *self.arguments, "--format", "jsonl"]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self._err = threading.Thread(target=self._read_err)
        self._err.start()
        return self

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            try:
                record = json.loads(line)
            except ValueError:
                self.unparsed.append(line)
                continue
            record["read_s"] = time.monotonic()
            self.results += "label" in record
            self.errors += "error" in record
            self.drops += record.get("dropped", record.get("status", {}).get("dropped", 0))
            if "age_ms" in record:
                self.ages_ms.append(record["age_ms"])
            if self.keep or "status" in record:
                self.lines.append(record)

    def _read_err(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.words = line
            self.told += line

    def first(self, since_s: float, is_it: Callable[[dict[str, Any]], bool]) -> float | None:
        """Seconds until the first such line that was read after a moment; none when there is."""
        found = [r["read_s"] for r in self.lines if r["read_s"] >= since_s and is_it(r)]
        return found[0] - since_s if found else None

    def end(self) -> float:
        """SIGTERM; seconds until it has ended."""
        began_s = time.monotonic()
        self.process.terminate()
        return self.wait() - began_s

    def wait(self, timeout_s: float = 60.0) -> float:
        """Until it has ended by itself and all that it said was read; returns when it ended."""
        self.process.wait(timeout_s)
        ended_s = time.monotonic()
        self._reader.join()
        self._err.join()
        return ended_s

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.wait()
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()


def usage(pid: int) -> dict[str, float]:
    """Threads, open files, children and resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    rss_kb = int(status.split("VmRSS:")[1].split()[0])
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {
        "threads": len(os.listdir(f"/proc/{pid}/task")),
        "files": len(os.listdir(f"/proc/{pid}/fd")),
        "children": len(children),
        "rss_mb": rss_kb / 1024,
    }


def read_tally(words: str) -> dict[str, int]:
    """The counts of a run's last line.

    words: `edgeproof: 1,204 frames: 1,000 results, 2 errors, 202 drops; 3 restarts`.
    """
    parts = words.replace(",", "").replace(":", "").replace(";", "").split()
    return {parts[at + 1]: int(parts[at]) for at in range(1, len(parts) - 1, 2)}
