"""The web server that the page is served with, held to limits: uvicorn, on one socket."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Iterator
from typing import Any

import h11
from uvicorn import Config, Server
from uvicorn.protocols.http.h11_impl import H11Protocol

MAX_CONNECTIONS = 256
"""At once: more than 8 streams, 64 of events and a dozen browsers need, and far below the 1024
descriptors that a process has. Any more get 503, the first thing they ask."""
MAX_WAITING = 512
"""Connections, those included that have not asked for anything yet: more are closed unheard."""
REQUEST_S = 10.0
"""Until a request is there whole; and for what was sent to be taken."""
KEEP_ALIVE_S = 5
MAX_HEADER_BYTES = 16 * 1024


class LimitedProtocol(H11Protocol):
    """One connection; closed when its request, or its reading of the answer, takes too long."""

    _deadline: asyncio.TimerHandle | None = None
    _stuck: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A browser has connected."""
        super().connection_made(transport)
        # The next part of a stream is written when the last one has left: one is under way.
        transport.set_write_buffer_limits(high=0)
        if len(self.connections) > MAX_WAITING:
            transport.abort()
        self._expect_request()

    def data_received(self, data: bytes) -> None:
        """Bytes of a request."""
        try:
            super().data_received(data)
        except h11.LocalProtocolError:
            # Garbage behind a request that is being answered: there is nobody to tell.
            self.transport.abort()
        if self.cycle is None or self.cycle.response_complete:
            self._expect_request()
        else:
            self._forget("_deadline")

    def pause_writing(self) -> None:
        """What was sent has not been taken yet."""
        super().pause_writing()
        if self._stuck is None:
            self._stuck = self.loop.call_later(REQUEST_S, self.transport.abort)

    def resume_writing(self) -> None:
        """All of it has."""
        self._forget("_stuck")
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is closed, by whichever side."""
        self._forget("_deadline")
        self._forget("_stuck")
        super().connection_lost(exc)

    def _expect_request(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(REQUEST_S, self.transport.abort)

    def _forget(self, name: str) -> None:
        timer: asyncio.TimerHandle | None = getattr(self, name)
        if timer is not None:
            timer.cancel()
            setattr(self, name, None)


class OwnedServer(Server):
    """A server whose end is its owner's affair, not a signal's."""

    def __init__(self, config: Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begins to answer."""
        await super().startup(sockets)
        self._on_ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves them as they are."""
        yield


async def serve(app: Any, listener: socket.socket, on_ready: Callable[[], None]) -> None:
    """Answers requests with an ASGI application until it is cancelled."""
    config = Config(
        app,
        loop="asyncio",
        http=LimitedProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_S,
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
    )
    for name in ("uvicorn.error", "asyncio"):
        logging.getLogger(name).addFilter(_is_fault)
    await OwnedServer(config, on_ready).serve(sockets=[listener])


def _is_fault(record: logging.LogRecord) -> bool:
    """All but answers to a connection that garbage has ended meanwhile: nobody can be told."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, h11.LocalProtocolError)
