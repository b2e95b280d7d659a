"""One process beside this one that classifies what it is sent, and may die of it.

A worker is a fork: it starts in milliseconds and shares the memory of model and libraries, of which
each process of its own would take 30 MB. That is safe only as long as this process has no threads
but Python's, see `can_fork`. Two pipes and one number in shared memory tie it to its parent: jobs
go in, answers come out, and the number says which job it is at, also when it is dead. `limits.py`
says what a picture may cost it.
"""

from __future__ import annotations

import mmap
import os
import pickle
import signal
import struct
import sys
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, NamedTuple

from edge import process
from edge.bulk import limits
from edge.bulk.answer import Answer, Job
from edge.bulk.turns import Turns
from edge.sources import picture

FLUSH_S = 0.02
"""A worker keeps answers back no longer than that and one picture: each message costs time."""
READ_BYTES = 1 << 16
LENGTH = struct.Struct("<I")
SIGNALS = (signal.SIGINT, signal.SIGTERM)

Classify = Callable[[Sequence[Job], Callable[[Job], None]], Iterator[Answer]]
"""Jobs to answers, in order; and the function is told which one is taken in hand, each time."""


class Worker:
    """The parent's end of a worker; to be made while `signals_held`, or Ctrl-C may orphan it."""

    def __init__(self, classify: Classify, turns: Turns, others: Sequence[Worker]) -> None:
        """
        classify: what it does, with all that it holds on to, which the fork copies.
        turns: which all workers share.
        others: whose pipes it must not keep open.

        Raises:
            OSError: the system gives no process, no memory or no descriptors.
        """
        self.jobs: deque[Job] = deque()
        """Sent, and not answered yet."""
        self.is_warm = False
        """Whether it has answered before."""
        self._at = memoryview(mmap.mmap(-1, mmap.PAGESIZE)).cast("Q")
        self._received = b""
        theirs_in, self._orders = os.pipe()
        self._answers, theirs_out = os.pipe()
        ours = [one for worker in (*others, self) for one in worker._descriptors()]
        try:
            self.pid = _fork()
            if self.pid == 0:
                _live(Work(classify, turns, self._at, theirs_in, theirs_out), ours)
        except OSError:
            self._close()
            raise
        finally:
            os.close(theirs_in)
            os.close(theirs_out)

    @property
    def descriptor(self) -> int:
        """Readable when there are answers, and when it has died."""
        return self._answers

    def send(self, jobs: Sequence[Job]) -> None:
        """Sends jobs behind those that it has; together they have to fit into a pipe (64 KiB)."""
        self.jobs.extend(jobs)
        with suppress(BrokenPipeError):  # `receive` will say so
            _write(self._orders, [tuple(job) for job in jobs])

    def receive(self) -> list[tuple[float, list[Answer]]] | None:
        """What has come: seconds, and the answers to the first of `jobs`; waits for some of it.

        Returns:
            None when it has died: what it had not sent is lost, and `jobs` and `at` say what.

        Raises:
            RuntimeError: a fault of ours.
        """
        part = os.read(self._answers, READ_BYTES)
        if not part:
            return None
        self._received += part
        found = []
        while (message := self._message()) is not None:
            if isinstance(message, str):
                raise RuntimeError(message)
            taken_s, answers = message
            found.append((taken_s, [Answer(*answer) for answer in answers]))
        return found

    def _message(self) -> Any:
        """The first whole one of what was received."""
        if len(self._received) < LENGTH.size:
            return None
        end = LENGTH.size + LENGTH.unpack_from(self._received)[0]
        if len(self._received) < end:
            return None
        message = pickle.loads(self._received[LENGTH.size : end])
        self._received = self._received[end:]
        return message

    def at(self) -> int | None:
        """The index of the job that it is at, or died at; none between jobs."""
        return self._at[0] - 1 if self._at[0] else None

    def end(self) -> int:
        """Lets go of a worker that has died; its exit code, of a signal the negative number."""
        _, status = os.waitpid(self.pid, 0)
        self._close()
        return os.waitstatus_to_exitcode(status)

    def kill(self) -> None:
        """At once, whatever it is doing."""
        os.kill(self.pid, signal.SIGKILL)

    def _close(self) -> None:
        for descriptor in self._descriptors():
            os.close(descriptor)

    def _descriptors(self) -> tuple[int, int]:
        return self._orders, self._answers


@contextmanager
def signals_held() -> Iterator[None]:
    """Ctrl-C and a request to end come when the block is done."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def can_fork() -> bool:
    """Whether a fork of this process is sound: no threads but Python's own.

    What another thread of a library holds at that moment, a lock or half of a change, stays so in
    the fork for ever. Python's own are taken care of; the one that counts files holds nothing.
    """
    if not sys.platform.startswith("linux"):  # macOS's frameworks do not survive a fork
        return False
    return len(os.listdir("/proc/self/task")) <= threading.active_count()


def _fork() -> int:
    with warnings.catch_warnings():  # Python 3.12 warns of any threads; see `can_fork`
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


class Work(NamedTuple):
    """The child's end."""

    classify: Classify
    turns: Turns
    at: memoryview
    orders: int
    answers: int


def _live(work: Work, ours: Sequence[int]) -> None:
    """All of the child's life. It never returns: what is above on the stack is the parent's.

    ours: descriptors of the parent's, with which open nobody would see its end.
    """
    code = 1
    try:
        parent = os.getppid()
        for descriptor in ours:
            os.close(descriptor)
        process.belong_to_parent()
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        limits.limit_memory()
        clock = limits.Clock()
        picture.wait_for_memory = partial(_wait, work.turns, clock)
        if parent == os.getppid():  # else it died before it could be told to take us with it
            _serve(work, clock)
        code = 0
    except (BrokenPipeError, EOFError):  # the parent has gone
        code = 0
    except Exception as error:
        _write(work.answers, f"{type(error).__name__}: {error}")
    finally:
        os._exit(code)


def _wait(turns: Turns, clock: limits.Clock, needed_bytes: int) -> None:
    """Takes a turn, where one is needed; the time until it comes is not the picture's."""
    if turns.is_needed(needed_bytes):
        clock.stop()
        turns.take(needed_bytes)
        clock.start()


def _serve(work: Work, clock: limits.Clock) -> None:
    newest = -1

    def take_up(job: Job) -> None:
        nonlocal newest
        work.at[0] = job.number + 1
        clock.start()
        if job.number > newest:  # so the one before is done with
            newest = job.number
            work.turns.give()

    while True:
        jobs = [Job(*job) for job in _read(work.orders)]
        newest = -1  # after another worker's death some come late
        done: list[Answer] = []
        began_s = time.perf_counter()
        for count, answer in enumerate(work.classify(jobs, take_up), 1):
            done.append(answer)
            taken_s = time.perf_counter() - began_s
            if taken_s > FLUSH_S or count == len(jobs):
                clock.stop()
                work.at[0] = 0
                _write(work.answers, (taken_s, [tuple(answer) for answer in done]))
                done = []
                began_s = time.perf_counter()
        work.turns.give()


def _write(descriptor: int, message: object) -> None:
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    left = memoryview(LENGTH.pack(len(data)) + data)
    while left:
        left = left[os.write(descriptor, left) :]


def _read(descriptor: int) -> list[tuple[int, str]]:
    (length,) = LENGTH.unpack(_read_bytes(descriptor, LENGTH.size))
    jobs: list[tuple[int, str]] = pickle.loads(_read_bytes(descriptor, length))
    return jobs


def _read_bytes(descriptor: int, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = os.read(descriptor, count - len(data))
        if not part:
            raise EOFError
        data += part
    return data
