"""What the page's process answers: fixed routes, each from memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from importlib import resources

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from edge.live.hub import Hub, to_text
from edge.live.metrics import registry_of, write_metrics

MAX_STREAMS, MAX_EVENTS = 8, 64
MAX_SINGLE = 16
"""Requests that wait for one picture."""
EVENT_S = 0.1
"""Between events to one browser, at least: faster than that nobody reads."""
REPEAT_S = 2.0
"""Without news the state is sent again, so that a browser knows that it is still connected."""
RETRY_MS = 1500
"""Until a browser that lost the events connects again."""
PICTURE_S = 3.0
"""For one picture to come; and between parts of a stream that has none, which keep it open."""
BOUNDARY = "edgeproof-frame"
ASSETS = {
    "/": ("index.html", "text/html"),
    "/app.js": ("app.js", "text/javascript"),
    "/style.css": ("style.css", "text/css"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
STREAM_TYPE = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
EVENT_TYPE = "text/event-stream"
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Counted(StreamingResponse):
    """A response that says when it is over, however it ends."""

    def __init__(
        self, content: AsyncIterator[bytes], media_type: str, on_end: Callable[[], None]
    ) -> None:
        super().__init__(content, media_type=media_type)
        # Without a charset: browsers take these types literally.
        self.headers["content-type"] = media_type
        self._on_end = on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends all of it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._on_end()


class Routes:
    """The answers, each from what the hub knows."""

    def __init__(self, hub: Hub, on_watched: Callable[[], None]) -> None:
        """on_watched: somebody wants pictures from now on."""
        self._hub, self._on_watched = hub, on_watched
        self._registry = registry_of(hub)

    async def events(self, request: Request) -> Response:
        """Server-sent events: the model, the past, and the newest state as it changes."""
        hub = self._hub
        if request.method == "HEAD":
            return Response(headers={"content-type": EVENT_TYPE})
        if hub.events >= MAX_EVENTS:
            return _full(f"{MAX_EVENTS} browsers")
        hub.events += 1

        def end() -> None:
            hub.events -= 1

        return Counted(self._events(), EVENT_TYPE, end)

    async def _events(self) -> AsyncIterator[bytes]:
        hub = self._hub
        model_serial, serial = hub.model_serial, hub.history.serial
        past = {**hub.past(0), "is_all": True}
        yield f"retry: {RETRY_MS}\n".encode() + _event("model", hub.model) + _event("past", past)
        while True:
            if hub.model_serial != model_serial:
                model_serial = hub.model_serial
                yield _event("model", hub.model)
            if hub.history.serial != serial:
                past, serial = hub.past(serial), hub.history.serial
                yield _event("past", past)
            seen = hub.serial
            yield _event("state", hub.state())
            await asyncio.sleep(EVENT_S)
            if hub.serial == seen:
                await hub.news.wait(REPEAT_S)

    async def stream(self, request: Request) -> Response:
        """The pictures, each in place of the last."""
        hub = self._hub
        if request.method == "HEAD":
            return Response(headers={"content-type": STREAM_TYPE})
        if hub.streams >= MAX_STREAMS:
            return _full(f"{MAX_STREAMS} streams")
        hub.streams += 1

        def end() -> None:
            hub.streams -= 1

        self._on_watched()
        return Counted(self._parts(), STREAM_TYPE, end)

    async def _parts(self) -> AsyncIterator[bytes]:
        # Each part brings the next one's boundary: browsers show a part when they see its end.
        hub, seen = self._hub, 0
        yield f"--{BOUNDARY}\r\n".encode()
        while True:
            picture = hub.picture
            if picture is None or picture.serial == seen:
                await hub.pictures.wait(PICTURE_S)
                continue
            seen = picture.serial
            yield _part(picture.jpeg)

    async def frame(self, request: Request) -> Response:
        """The next picture; where none comes, the newest there is."""
        hub = self._hub
        if hub.waiting >= MAX_SINGLE:
            return _full(f"{MAX_SINGLE} requests for a picture")
        hub.waiting += 1
        try:
            self._on_watched()
            await hub.pictures.wait(PICTURE_S)
        finally:
            hub.waiting -= 1
        if hub.picture is None:
            return _busy("no picture has come from the camera yet")
        return Response(hub.picture.jpeg, media_type="image/jpeg")

    async def state(self, request: Request) -> Response:
        """All that the page shows, for programs."""
        return JSONResponse({"model": self._hub.model, **self._hub.state()})

    async def healthz(self, request: Request) -> Response:
        """200 while answers come, else 503 and why."""
        ailment = self._hub.ailment()
        state = {key: self._hub.state()[key] for key in ("healthy", "ailment", "frame_age_s")}
        return JSONResponse(state, status_code=200 if ailment is None else 503)

    async def metrics(self, request: Request) -> Response:
        """For Prometheus."""
        data = write_metrics(self._registry)
        return Response(data, headers={"content-type": METRICS_TYPE})


def make_app(hub: Hub, on_watched: Callable[[], None]) -> Starlette:
    """The ASGI application. on_watched: somebody wants pictures from now on."""
    routes = Routes(hub, on_watched)
    dynamic = {
        "/events": routes.events,
        "/stream.mjpg": routes.stream,
        "/frame.jpg": routes.frame,
        "/state.json": routes.state,
        "/healthz": routes.healthz,
        "/metrics": routes.metrics,
    }
    app = Starlette(
        routes=[
            *(Route(path, answer, methods=["GET"]) for path, answer in dynamic.items()),
            *(Route(path, _asset(*file), methods=["GET"]) for path, file in ASSETS.items()),
        ]
    )
    app.router.redirect_slashes = False  # a redirection would be to whatever Host says
    return app


def _asset(name: str, media_type: str) -> Callable[[Request], Response]:
    """A file of the page, read now: nothing is looked up by a request's words."""
    data = (resources.files("edge.live") / "assets" / name).read_bytes()

    async def answer(request: Request) -> Response:
        return Response(data, media_type=media_type)

    return answer  # type: ignore[return-value]


def _event(name: str, value: object) -> bytes:
    return f"event: {name}\ndata: {to_text(value)}\n\n".encode()


def _part(jpeg: bytes) -> bytes:
    head = f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
    return head.encode() + jpeg + f"\r\n--{BOUNDARY}\r\n".encode()


def _full(what: str) -> Response:
    return _busy(f"{what} are open already")


def _busy(reason: str) -> Response:
    return PlainTextResponse(f"503: {reason}\n", 503, headers={"retry-after": "10"})
