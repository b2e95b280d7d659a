"""Progress of a gating on stderr, over several processes at work side by side."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from tqdm import tqdm

T = TypeVar("T")


class Progress:
    """A bar on stderr over several children, who are stopped when one of them fails."""

    def __init__(self, total: int) -> None:
        self._bar: Any = tqdm(
            total=total, unit=" pictures", leave=False, disable=not sys.stderr.isatty()
        )
        self._lock, self._stopped = threading.Lock(), False

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.close()

    def add(self, pictures: int) -> None:
        """Called by the threads that wait for a child."""
        if self._stopped:
            raise InterruptedError  # measure() kills its child on the way out
        with self._lock:
            self._bar.update(pictures)

    def run(self, jobs: Sequence[Callable[[], T]]) -> list[T]:
        """Runs the jobs on as many threads as there are cores; the results in their order."""
        with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
            futures = [pool.submit(job) for job in jobs]
            try:
                return [future.result() for future in futures]
            except BaseException:
                self._stopped = True
                raise


def say(text: str) -> None:
    """Progress for people, on stderr."""
    print(text, file=sys.stderr, flush=True)
