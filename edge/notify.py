"""Tells systemd how the service is: sd_notify(3), in datagrams of our own."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping

FED_IN_EACH = 4
"""Times that the watchdog is fed within its time-out: sd_watchdog_enabled(3) advises two, and a
frame that takes long must not cost the second."""


class Notifier:
    """Holds the socket to systemd; silent where no systemd asked for it, and never raises.

    `progress` feeds the watchdog: call it only when something was done, so that a loop that turns
    without effect is restarted.
    """

    def __init__(
        self,
        environment: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        environment: holds NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID; this process's own.
        """
        settings = os.environ if environment is None else environment
        self._clock = clock
        self._address = _address(settings.get("NOTIFY_SOCKET", ""))
        self._socket = _socket() if self._address is not None else None
        self._period_s = _watchdog_s(settings)
        self._next_s = clock()

    @property
    def is_on(self) -> bool:
        """Whether there is a systemd to tell."""
        return self._socket is not None

    @property
    def watchdog_s(self) -> float | None:
        """Without progress for so long, systemd kills the service; none: it never does."""
        return self._period_s

    def ready(self) -> None:
        """The service is up, or has reloaded."""
        self._send("READY=1")

    def stopping(self) -> None:
        """The service is about to end."""
        self._send("STOPPING=1")

    def reloading(self) -> None:
        """The service reads its configuration anew; `ready` ends it."""
        monotonic_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send(f"RELOADING=1\nMONOTONIC_USEC={monotonic_us}")

    def status(self, text: str) -> None:
        """One line, for `systemctl status`."""
        self._send(f"STATUS={' '.join(text.split())}")

    def progress(self) -> None:
        """Something was done. Feeds the watchdog, at most FED_IN_EACH times in its time-out."""
        if self._period_s is None:
            return
        now_s = self._clock()
        if now_s >= self._next_s:
            self._next_s = now_s + self._period_s / FED_IN_EACH
            self._send("WATCHDOG=1")

    def close(self) -> None:
        """Gives up the socket; what is told afterwards goes nowhere."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def __enter__(self) -> Notifier:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send(self, message: str) -> None:
        if self._socket is None or self._address is None:
            return
        try:
            self._socket.sendto(message.encode("utf-8", "replace"), self._address)
        except OSError:
            # Gone, or full because systemd is behind: the next one may get through, and if none
            # does, systemd's own time-out says so.
            return


def _address(name: str) -> bytes | None:
    """A path, or with `@` in front a name in the abstract namespace; none of another kind."""
    if name.startswith("@"):
        return b"\0" + os.fsencode(name[1:])
    return os.fsencode(name) if name.startswith("/") else None


def _socket() -> socket.socket | None:
    try:
        opened = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    except OSError:  # no file descriptor is left
        return None
    opened.setblocking(False)
    return opened


def _watchdog_s(settings: Mapping[str, str]) -> float | None:
    """The time-out that systemd set for this very process; none when it set none."""
    text, pid = settings.get("WATCHDOG_USEC", ""), settings.get("WATCHDOG_PID")
    if not text.isdecimal() or int(text) == 0 or (pid is not None and pid != str(os.getpid())):
        return None
    return int(text) / 1e6
