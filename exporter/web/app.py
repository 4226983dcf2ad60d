"""Routes requests to the doors the hall opened: metrics, health, status, reload."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar, cast

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exporter.web.access import BasicAuth
from exporter.web.page import Painter, StatusPage

HEALTHY: Final = "/-/healthy"
READY: Final = "/-/ready"
RELOAD: Final = "/-/reload"

RENDERED_AT_ONCE: Final = 4
"""Threads that make answers: enough for a few Prometheus replicas and a person at once."""

_EVERYWHERE: Final = (("cache-control", "no-store"), ("x-content-type-options", "nosniff"))

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Doors:
    """What the hall provides; every call is safe from any thread.

    `metrics` takes the Accept and Accept-Encoding headers, and returns a body and its headers.
    `healthy` and `ready` return at once, with a line of text. `reload` returns the problems that
    kept the old configuration, none where the new one is in use; None where reloading is off.
    """

    metrics: Callable[[str, str], tuple[bytes, list[tuple[str, str]]]]
    healthy: Callable[[], tuple[bool, str]]
    ready: Callable[[], tuple[bool, str]]
    status: Callable[[], StatusPage]
    reload: Callable[[], Sequence[str]] | None
    telemetry_path: str = "/metrics"


def build(
    doors: Doors, *, users: Mapping[str, bytes] | None = None, headers: Sequence[tuple[str, str]] = ()
) -> ASGIApp:
    """Return the application that serves these doors.

    `users` and their bcrypt hashes are asked for a password, but not on the health paths, which
    Kubernetes probes. `headers` go on every answer, in place of ours of the same name.
    """
    answers = _Answers(doors)
    routes = [
        # First, since who sets the telemetry path to / wants the metrics there.
        _route(doors.telemetry_path, answers.metrics),
        _route("/", answers.page),
        _route(HEALTHY, answers.healthy),
        _route(READY, answers.ready),
        _route(RELOAD, answers.reload, "POST", "PUT"),
    ]
    router = Starlette(routes=routes, exception_handlers={404: _not_found, 405: _not_allowed})
    router.router.redirect_slashes = False
    app: ASGIApp = BasicAuth(router, users, open_paths=(HEALTHY, READY)) if users else router
    return _Stamp(app, (*_EVERYWHERE, *headers))


class _Stamp:
    """Put headers on every answer of `app`, refusals included."""

    def __init__(self, app: ASGIApp, headers: Sequence[tuple[str, str]]) -> None:
        self._app = app
        self._headers = tuple(headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def stamp(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                for name, value in self._headers:
                    answer[name] = value
            await send(message)

        await self._app(scope, receive, stamp)


class _Answers:
    """The answers to each route; what may take time runs in a few threads of its own."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._painter = Painter(doors.telemetry_path)
        self._rendering = CapacityLimiter(RENDERED_AT_ONCE)
        self._reloading = CapacityLimiter(1)

    async def metrics(self, request: Request) -> Response:
        accept, encoding = (
            ", ".join(request.headers.getlist(name)) for name in ("accept", "accept-encoding")
        )
        body, headers = await _in_thread(self._rendering, lambda: self._doors.metrics(accept, encoding))
        return Response(body, headers=dict(headers))

    async def page(self, _request: Request) -> Response:
        nonce = secrets.token_urlsafe(16)
        html = await _in_thread(self._rendering, lambda: self._painter.paint(self._doors.status(), nonce))
        return Response(html, media_type="text/html", headers=_page_headers(nonce))

    async def healthy(self, _request: Request) -> Response:
        return _verdict(*self._doors.healthy())

    async def ready(self, _request: Request) -> Response:
        return _verdict(*self._doors.ready())

    async def reload(self, _request: Request) -> Response:
        if self._doors.reload is None:
            return _text(403, "reloading over HTTP is not enabled (start with --web.enable-lifecycle)")
        problems = await _in_thread(self._reloading, self._doors.reload)
        return _text(422, *problems) if problems else _text(200, "reloaded")


def _route(path: str, answer: Callable[[Request], Awaitable[Response]], *methods: str) -> Route:
    async def endpoint(request: Request) -> Response:
        try:
            return await answer(request)
        except Exception:  # noqa: BLE001 - a defect behind one door must not show its traceback to the client
            _log.exception("request failed", extra={"path": path})
            return _text(500, "the exporter failed to answer; its log says why")

    return Route(path, endpoint, methods=list(methods or ("GET", "HEAD")))


async def _not_found(_request: Request, _error: Exception) -> Response:
    return _text(404, "nothing is here (the status page is at /)")


async def _not_allowed(request: Request, error: Exception) -> Response:
    given = cast("HTTPException", error).headers or {}
    allowed = ", ".join(sorted(given["Allow"].split(", ")))
    refusal = _text(405, f"{request.method} is not allowed here (use {allowed})")
    refusal.headers["allow"] = allowed
    return refusal


async def _in_thread(limiter: CapacityLimiter, work: Callable[[], _T]) -> _T:
    # Abandoned when the server stops, so that an answer that hangs cannot hold it.
    return await run_sync(work, limiter=limiter, abandon_on_cancel=True)


def _verdict(good: bool, text: str) -> Response:
    return _text(200 if good else 503, text)


def _text(status: int, *lines: str) -> Response:
    return PlainTextResponse("".join(f"{line}\n" for line in lines), status)


def _page_headers(nonce: str) -> dict[str, str]:
    policy = (
        "default-src 'none'; "
        f"style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return {
        "content-security-policy": policy,
        "referrer-policy": "no-referrer",
        "x-frame-options": "DENY",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
    }
