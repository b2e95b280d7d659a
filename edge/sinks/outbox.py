"""A bounded queue before something slow: a put never waits, and each item is accounted for."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

LIMIT = 100
"""Items that wait at most: at one a second, the last minute and a half."""
MAX_AGE_S = 3600.0
"""An item that waited longer is given up: by then it is no news."""
FIRST_S = 1.0
"""Before the second attempt; each further pause is twice as long."""
MOST_S = 60.0
"""Between attempts: what comes back is found within a minute."""
GRACE_S = 0.3
"""For what waits at the end: the service has one second in all, its last lines included."""

Item = TypeVar("Item")


@dataclass(frozen=True)
class Attempt:
    """What came of handing over one item."""

    verdict: Literal["sent", "retry", "lost"]
    """`retry`: it may go well later; `lost`: it never will."""
    reason: str = ""
    """Why it was not sent."""


SENT = Attempt("sent")


@dataclass(frozen=True)
class Delivery:
    """How an outbox does. What was put is `sent + lost + waiting`, at any moment."""

    sent: int
    lost: int
    """Given up: pushed out by newer ones, too old, refused, or left over at the end."""
    waiting: int
    """In the queue, with the one that is being handed over."""
    is_connected: bool
    """The other side took what it was given last; before the first attempt: nothing is known."""
    last_error: str | None
    """Of the last attempt that failed; none when none did."""


class Trouble:
    """Tells of a trouble once, and once when it is over. For one thread."""

    def __init__(self, option: str, err: Callable[[str], None]) -> None:
        """
        option: what asked for the output, for messages.
        err: takes one line; called in the threads of sinks.
        """
        self._option, self._err, self._is_told = option, err, False

    def begin(self, message: str) -> None:
        """It does not work; said again only after it has worked."""
        if not self._is_told:
            self._is_told = True
            self._say(message)

    def end(self, message: str) -> None:
        """It works; said when it did not."""
        if self._is_told:
            self._is_told = False
            self._say(message)

    def _say(self, message: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # stderr may be closed; deliveries go on
            self._err(f"{self._option}: {message}")


class Outbox(Generic[Item]):
    """Hands items one by one, oldest first, to a function that may be slow or fail.

    outbox = Outbox(deliver)
    outbox.put(item)
    outbox.close()
    """

    def __init__(
        self,
        deliver: Callable[[Item], Attempt],
        *,
        name: str = "outbox",
        limit: int = LIMIT,
        first_s: float = FIRST_S,
        most_s: float = MOST_S,
        is_held: bool = False,
    ) -> None:
        """
        deliver: takes an item in the outbox's thread. What it raises loses the item.
        name: of the thread.
        limit: items that wait at most, 2 or more; the oldest make room, never the one in hand.
        first_s, most_s: the pauses between attempts; each twice the one before.
        is_held: nothing is handed over before `release`.
        """
        self._deliver, self._limit = deliver, limit
        self._first_s, self._most_s = first_s, most_s
        self._entries: deque[_Entry[Item]] = deque()
        self._in_hand: _Entry[Item] | None = None
        self._changed = threading.Condition()
        self._is_held, self._is_closed, self._is_over = is_held, False, False
        self._sent = self._lost = self._failures = 0
        self._retry_at_s = 0.0
        self._last_error: str | None = None
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def put(self, item: Item, max_age_s: float = MAX_AGE_S) -> None:
        """Queues an item and returns at once; when full, the oldest one is lost.

        max_age_s: when it has waited for longer, it is lost.
        """
        with self._changed:
            if self._is_closed:
                self._lost += 1
                return
            self._drop_stale()
            if len(self._entries) >= self._limit:
                del self._entries[0 if self._in_hand is None else 1]
                self._lost += 1
            self._entries.append(_Entry(item, time.monotonic() + max_age_s))
            self._changed.notify_all()

    def hold(self) -> None:
        """Hands nothing over until `release`; what is put waits."""
        with self._changed:
            self._is_held = True
            self._changed.notify_all()

    def release(self) -> None:
        """Goes on at once."""
        with self._changed:
            self._is_held, self._failures, self._retry_at_s = False, 0, 0.0
            self._changed.notify_all()

    @property
    def delivery(self) -> Delivery:
        """The counts of this moment, all at once."""
        with self._changed:
            return Delivery(
                self._sent,
                self._lost,
                len(self._entries),
                not self._is_held and self._failures == 0,
                self._last_error,
            )

    def close(self, grace_s: float = GRACE_S) -> None:
        """Tries to hand over what waits, for `grace_s` at most and each item once; the rest is
        lost. Ends within `grace_s` even when `deliver` does not return."""
        with self._changed:
            if self._is_closed:
                return
            self._is_closed, self._retry_at_s, self._failures = True, 0.0, 0
            self._changed.notify_all()
            self._changed.wait_for(self._has_nothing_to_do, timeout=grace_s)
            self._lost += len(self._entries)
            self._entries.clear()
            self._is_over = True
            self._changed.notify_all()

    def _has_nothing_to_do(self) -> bool:
        return not self._entries or self._is_held or self._failures > 0

    def _run(self) -> None:
        while (entry := self._take()) is not None:
            try:
                attempt = self._deliver(entry.item)
            except Exception as error:  # a fault in one item; those behind it are delivered
                attempt = Attempt("lost", f"{type(error).__name__}: {error}")
            self._settle(entry, attempt)

    def _take(self) -> _Entry[Item] | None:
        """The item to hand over next, when it is time to; none at the end."""
        with self._changed:
            while not self._is_over:
                self._drop_stale()
                pause_s = self._retry_at_s - time.monotonic()
                is_idle = self._is_held or not self._entries
                if not is_idle and pause_s <= 0:
                    self._in_hand = self._entries[0]
                    return self._in_hand
                self._changed.wait(None if is_idle else pause_s)
            return None

    def _settle(self, entry: _Entry[Item], attempt: Attempt) -> None:
        with self._changed:
            self._in_hand = None
            if attempt.verdict != "sent":
                self._last_error = attempt.reason
            if attempt.verdict == "retry":
                pause_s = backoff_s(self._failures, self._first_s, self._most_s)
                self._retry_at_s = time.monotonic() + pause_s
                self._failures += 1
            elif self._entries and self._entries[0] is entry:  # else `close` has counted it
                self._entries.popleft()
                self._failures = 0
                self._sent += attempt.verdict == "sent"
                self._lost += attempt.verdict == "lost"
            self._changed.notify_all()

    def _drop_stale(self) -> None:
        now_s = time.monotonic()
        fresh = [one for one in self._entries if one.until_s > now_s or one is self._in_hand]
        self._lost += len(self._entries) - len(fresh)
        self._entries = deque(fresh)


@dataclass(frozen=True, eq=False)
class _Entry(Generic[Item]):
    item: Item
    until_s: float
    """On the monotonic clock."""


def backoff_s(failures: int, first_s: float = FIRST_S, most_s: float = MOST_S) -> float:
    """The pause after so many failures before this one: twice the last one, up to `most_s`, less
    up to a half at random, so that a hundred cameras do not come back in the same second."""
    return min(most_s, first_s * 2.0 ** min(failures, 30)) * random.uniform(0.5, 1.0)
