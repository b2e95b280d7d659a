"""Picture files to answers in their order: one alone here, several in processes that may die."""

from __future__ import annotations

import os
import select
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from edge.bulk.answer import Answer, Job
from edge.errors import FrameError

if TYPE_CHECKING:
    from edge.bulk.turns import Turns
    from edge.bulk.worker import Classify, Worker

WORTH_S = 0.025
"""What waits has to take this long alone before further workers are started: each costs some."""
AHEAD = 1024
"""Names looked ahead."""
AHEAD_AT_ONCE = 32
"""Between two pictures: listing folders takes time too."""
CHUNK_S = 0.01
"""What a worker is sent at once takes about so long: often enough, and not too many messages."""
CHUNK = 32
CHUNK_BYTES = 16 * 1024
"""Of names. A worker has at most two chunks, and a pipe holds 64 KiB."""
WINDOW = 256
"""Answers that may wait for an earlier one; they are a few lines each."""
MAX_FORLORN = 3
"""Workers in a row that die with nothing in hand before this process goes on alone."""

Failed = Callable[[Job, FrameError], Answer]


def cores() -> int:
    """How many this process may use; 1 where the system does not say."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


class Spread:
    """Classifies picture files; a context manager, at whose end all workers are gone.

    Each file gives exactly one answer, in order. A worker that dies costs the picture that it was
    at, and another takes its place.
    """

    def __init__(self, classify: Classify, failed: Failed, workers: int) -> None:
        """
        classify: files to their answers, here or in a fork of this process.
        failed: the answer for a file at which a worker died.
        workers: how many to start at most; none does it all here.
        """
        self._classify, self._failed, self._count = classify, failed, workers
        self.problem = ""
        """Why this process stayed alone, where more were worth it; else empty."""
        self._workers: dict[int, Worker] = {}
        """By the descriptor to wait for."""
        self._turns: Turns | None = None
        self._poll = select.poll()
        self._waiting: deque[Job] = deque()
        self._ready: dict[int, Answer] = {}
        self._forlorn = 0
        self._each_s = 0.0
        """What one picture takes, lately."""

    def run(self, jobs: Iterator[Job]) -> Iterator[Answer]:
        """The answers, in order. jobs: of rising index; taken as they are needed."""
        while self._look_ahead(jobs):
            if not self._workers and not self._start():
                yield self._answer_here(self._waiting.popleft())
                continue
            yield from self._together(jobs)

    def _look_ahead(self, jobs: Iterator[Job]) -> bool:
        """Whether anything waits."""
        for _ in range(min(AHEAD_AT_ONCE, AHEAD - len(self._waiting))):
            job = next(jobs, None)
            if job is None:
                break
            self._waiting.append(job)
        return bool(self._waiting)

    def _answer_here(self, job: Job) -> Answer:
        from edge.bulk.limits import limited_memory

        with limited_memory():
            (answer,) = self._classify([job], lambda job: None)
        return answer

    def _note(self, each_s: float) -> None:
        self._each_s = 0.8 * self._each_s + 0.2 * each_s if self._each_s else each_s

    def _start(self) -> bool:
        """Starts a first worker if more than one picture waits; whether there is one now."""
        if self._count < 1 or len(self._waiting) < 2:
            return False
        import PIL.Image  # noqa: F401  # once, and not in each of them

        return self._add()

    def _add(self) -> bool:
        """One more worker; without one, none is tried any more."""
        from edge.bulk.turns import Turns
        from edge.bulk.worker import Worker, can_fork, signals_held

        if not can_fork():
            self.problem = "a library runs threads in this one, and a fork would break them"
        else:
            self.problem = "the system gave no other"
            with signals_held(), suppress(OSError):
                self._turns = self._turns or Turns()
                worker = Worker(self._classify, self._turns, list(self._workers.values()))
                self._workers[worker.descriptor] = worker
                self._poll.register(worker.descriptor, select.POLLIN)
                self.problem = ""
                return True
        self._count = 0
        return False

    def _together(self, jobs: Iterator[Job]) -> Iterator[Answer]:
        """Until all that was sent is answered, or no worker is left."""
        at = self._waiting[0].number
        while self._workers:
            self._look_ahead(jobs)
            self._hand_out(at + WINDOW)
            may_add = len(self._workers) < self._count and bool(self._waiting)
            if may_add and len(self._waiting) * self._each_s >= WORTH_S:
                self._add()  # while those that there are have begun
                continue
            if not any(worker.jobs for worker in self._workers.values()):
                return
            readable = self._poll.poll(1000 * WORTH_S if may_add else None)
            if not readable:  # what they are at takes long
                self._add()
            for descriptor, _ in readable:
                self._take(self._workers[descriptor])
            while at in self._ready:
                yield self._ready.pop(at)
                at += 1
        # All of them have died: what they leave is done here.
        last = max(self._ready, default=-1)
        while at <= last:
            here = self._waiting and self._waiting[0].number == at
            yield self._answer_here(self._waiting.popleft()) if here else self._ready.pop(at)
            at += 1

    def _hand_out(self, end: int) -> None:
        """Gives each worker a chunk on top of the one that it is at. end: of the window."""
        even = -(-len(self._waiting) // (2 * len(self._workers)))  # so that all end together
        size = max(1, min(CHUNK, int(CHUNK_S / (self._each_s or CHUNK_S)), even))
        for worker in self._workers.values():
            if len(worker.jobs) > size // 2 and len(worker.jobs) > 1:
                continue
            chunk: list[Job] = []
            left = CHUNK_BYTES
            while self._waiting and self._waiting[0].number < end and len(chunk) < size:
                left -= 4 * len(self._waiting[0].path)  # bytes of a character, at most
                if left < 0 and chunk:
                    break
                chunk.append(self._waiting.popleft())
            if chunk:
                worker.send(chunk)

    def _take(self, worker: Worker) -> None:
        messages = worker.receive()
        if messages is None:
            self._replace(worker)
            return
        for taken_s, answers in messages:
            if worker.is_warm:  # the first has to load what all of them need
                self._note(taken_s / len(answers))
            worker.is_warm = True
            self._ready.update((worker.jobs.popleft().number, answer) for answer in answers)
            self._forlorn = 0

    def _replace(self, worker: Worker) -> None:
        """The picture that it was at is lost; the others that it had go to others."""
        del self._workers[worker.descriptor]
        self._poll.unregister(worker.descriptor)
        at, code = worker.at(), worker.end()
        for job in worker.jobs:
            if job.number == at:
                self._ready[at] = self._failed(job, _died(job, code))
            else:
                self._waiting.append(job)
        self._waiting = deque(sorted(self._waiting))
        self._forlorn = self._forlorn + 1 if at is None else 0
        if self._forlorn == MAX_FORLORN:
            self._count = 0
        if self._count:
            self._add()

    def __enter__(self) -> Spread:
        return self

    def __exit__(self, *_: object) -> None:
        if self._turns is None:
            return
        from edge.bulk.worker import signals_held

        with signals_held():  # a second Ctrl-C comes behind this
            for worker in self._workers.values():
                worker.kill()
            for worker in self._workers.values():
                worker.end()
            self._workers.clear()
            self._turns.close()


def _died(job: Job, code: int) -> FrameError:
    """code: as a process exits with, of a signal the negative number."""
    from edge.bulk.limits import PICTURE_S, TIMED_OUT
    from edge.process import ending

    if code == TIMED_OUT:
        message = f"{job.path}: expected to be done with it within {PICTURE_S} s, gave it up"
        return FrameError("decoder-timeout", message)
    message = f"{job.path}: the process that decoded it {ending(code)}"
    return FrameError("decoder-died", message)
