"""An end to a whole web request: a timeout counts from the last byte, and a server may send one now
and then for ever, in what comes before the picture too."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from urllib.request import BaseHandler, HTTPHandler, HTTPSHandler, Request

FIRST = 400
"""Before urllib's own handlers, which have 500."""


class Deadline:
    """Ends the connections of a request when its time is over; a context manager.

    with Deadline(60.0) as deadline:
        opener.add_handler(...)  # each of `deadline.handlers()`
    """

    def __init__(self, total_s: float) -> None:
        self.is_over = False
        """What was read is not all of it, whatever it looks like."""
        self._sockets: list[socket.socket] = []
        self._timer = threading.Timer(total_s, self._end)
        self._timer.daemon = True

    def handlers(self) -> tuple[BaseHandler, ...]:
        """What opens http and https, for an opener of urllib's."""
        sockets = self._sockets

        class Plain(HTTPConnection):
            def connect(self) -> None:
                super().connect()
                sockets.append(self.sock)

        class Secure(HTTPSConnection):
            def connect(self) -> None:
                super().connect()
                sockets.append(self.sock)

        class OpenPlain(HTTPHandler):
            handler_order = FIRST

            def http_open(self, request: Request) -> HTTPResponse:
                return self.do_open(Plain, request)

        class OpenSecure(HTTPSHandler):
            handler_order = FIRST

            def https_open(self, request: Request) -> HTTPResponse:
                return self.do_open(Secure, request)

        return OpenPlain(), OpenSecure()

    def _end(self) -> None:
        self.is_over = True
        for one in self._sockets:
            with suppress(OSError, ValueError):  # it has ended by itself
                one.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Deadline:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
