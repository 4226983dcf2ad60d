"""Routes requests to the doors the hall opened: metrics, health, status, reload."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, TypeAlias

from exporter.logs import fields
from exporter.web.asgi import Answer, App, Message, Receive, Scope, Send, encoded, header, text
from exporter.web.aside import Aside

if TYPE_CHECKING:
    from exporter.web.page import Painter, StatusPage

HEALTHY: Final = "/-/healthy"
READY: Final = "/-/ready"
RELOAD: Final = "/-/reload"

RENDERED_AT_ONCE: Final = 4
"""Threads that make answers: enough for a few Prometheus replicas and a person at once."""

_EVERYWHERE: Final = (("cache-control", "no-store"), ("x-content-type-options", "nosniff"))

_log = logging.getLogger(__name__)


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
) -> App:
    """Return the application that serves these doors.

    `users` and their bcrypt hashes are asked for a password, but not on the health paths, which
    Kubernetes probes. `headers` go on every answer, in place of ours of the same name.
    """
    answers = _Answers(doors)
    router = _Router(
        {
            "/": _Route(answers.page),
            HEALTHY: _Route(answers.healthy),
            READY: _Route(answers.ready),
            RELOAD: _Route(answers.reload, ("POST", "PUT")),
            # Last, since who sets the telemetry path to / wants the metrics there.
            doors.telemetry_path: _Route(answers.metrics),
        }
    )
    return _Stamp(_guarded(router, users) if users else router, (*_EVERYWHERE, *headers))


def _guarded(app: App, users: Mapping[str, bytes]) -> App:
    from exporter.web.access import BasicAuth

    return BasicAuth(app, users, open_paths=(HEALTHY, READY))


class _Stamp:
    """Put headers on every answer of `app`, refusals included, in place of its own."""

    def __init__(self, app: App, headers: Sequence[tuple[str, str]]) -> None:
        self._app = app
        self._headers = encoded(tuple(headers))
        self._names = {name for name, _ in self._headers}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def stamp(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [(name, value) for name, value in message["headers"] if name not in self._names]
                message = {**message, "headers": [*own, *self._headers]}
            await send(message)

        await self._app(scope, receive, stamp)


_Answering: TypeAlias = Callable[[Scope], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class _Route:
    """What is at one path, and which methods it takes."""

    answer: _Answering
    methods: tuple[str, ...] = ("GET", "HEAD")


class _Router:
    """The application: a path is known or it is not."""

    def __init__(self, routes: Mapping[str, _Route]) -> None:
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - nothing has a body
        answer = await self._answer(scope)
        await answer.send(send)

    async def _answer(self, scope: Scope) -> Answer:
        route, method = self._routes.get(scope["path"]), scope["method"]
        if route is None:
            return text(404, "nothing is here (the status page is at /)")
        if method not in route.methods:
            allowed = ", ".join(route.methods)
            return text(405, f"{method} is not allowed here (use {allowed})", headers=(("allow", allowed),))
        try:
            return await route.answer(scope)
        except Exception:  # noqa: BLE001 - a defect behind one door must not show its traceback to the client
            _log.exception("request failed", extra=fields(path=scope["path"]))
            return text(500, "the exporter failed to answer; its log says why")


class _Answers:
    """The answers to each route; what may take time is made beside the event loop."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._rendering = Aside(RENDERED_AT_ONCE, "page")
        self._reloading = Aside(1, "reloading")

    async def metrics(self, scope: Scope) -> Answer:
        accept, encoding = header(scope, "accept"), header(scope, "accept-encoding")
        body, headers = await self._rendering.run(lambda: self._doors.metrics(accept, encoding))
        return Answer(200, body, tuple(headers))

    async def page(self, _scope: Scope) -> Answer:
        nonce = secrets.token_urlsafe(16)
        html = await self._rendering.run(lambda: self._painter.paint(self._doors.status(), nonce))
        return Answer(200, html.encode(), _page_headers(nonce))

    @cached_property
    def _painter(self) -> Painter:
        # Loaded with the first page: a sidecar's is seldom opened.
        from exporter.web.page import Painter

        return Painter(self._doors.telemetry_path)

    async def healthy(self, _scope: Scope) -> Answer:
        return _verdict(*self._doors.healthy())

    async def ready(self, _scope: Scope) -> Answer:
        return _verdict(*self._doors.ready())

    async def reload(self, _scope: Scope) -> Answer:
        if self._doors.reload is None:
            return text(403, "reloading over HTTP is not enabled (start with --web.enable-lifecycle)")
        problems = await self._reloading.run(self._doors.reload)
        return text(422, *problems) if problems else text(200, "reloaded")


def _verdict(good: bool, why: str) -> Answer:
    return text(200 if good else 503, why)


def _page_headers(nonce: str) -> tuple[tuple[str, str], ...]:
    policy = (
        "default-src 'none'; "
        f"style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return (
        ("content-type", "text/html; charset=utf-8"),
        ("content-security-policy", policy),
        ("referrer-policy", "no-referrer"),
        ("x-frame-options", "DENY"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    )
