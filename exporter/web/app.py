"""Routes requests to what the daemon provides: metrics, health, status, configuration reload."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final, TypeAlias

from exporter.handler import Request, Response, text
from exporter.logs import fields
from exporter.web.pool import Busy, Pool

if TYPE_CHECKING:
    from exporter.web.access import Passwords
    from exporter.web.page import Painter, StatusPage

HEALTHY: Final = "/-/healthy"
READY: Final = "/-/ready"
RELOAD: Final = "/-/reload"

_EVERYWHERE: Final = (("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"))
_UNKNOWN: Final = (("WWW-Authenticate", 'Basic realm="nativechat-exporter", charset="UTF-8"'),)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Guard:
    """What every request passes: `users` and their bcrypt hashes are asked for a password, if there are any.

    `headers` go on every response, in place of ours of the same name.
    """

    users: Mapping[str, bytes]
    headers: tuple[tuple[str, str], ...] = ()


NO_GUARD: Final = Guard({})


@dataclass(frozen=True, slots=True)
class Provided:
    """What the daemon provides; every call is safe from any thread.

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


_Route: TypeAlias = tuple[tuple[str, ...], Callable[[Request], Awaitable[Response]]]
_READS: Final = ("GET", "HEAD")


class App:
    """The handler of every request; what may take time is done beside the event loop.

    `guard` returns what is in force now. Health paths ask for no password: Kubernetes probes them.
    """

    def __init__(self, provided: Provided, guard: Callable[[], Guard] = lambda: NO_GUARD) -> None:
        self._provided = provided
        self._guard = guard
        self._pool = Pool()
        self._guarded = NO_GUARD
        self._passwords: Passwords | None = None
        self._reload_lock = asyncio.Lock()
        self._next_reload: asyncio.Task[Sequence[str]] | None = None
        self._routes: dict[str, _Route] = {
            "/": (_READS, self._page),
            HEALTHY: (_READS, self._healthy),
            READY: (_READS, self._ready),
            RELOAD: (("POST", "PUT"), self._reload),
            # Last, since who sets the telemetry path to / wants the metrics there.
            provided.telemetry_path: (_READS, self._metrics),
        }

    async def __call__(self, request: Request) -> Response:
        guard = self._guard()
        try:
            allowed = request.path in (HEALTHY, READY) or await self._may_enter(guard, request)
            response = await self._answer(request) if allowed else _refusal()
        except Busy:
            response = text(503, "too many requests wait already, try again", headers=(("Retry-After", "1"),))
        except Exception:  # noqa: BLE001 - a defect must not show its traceback to the client
            _log.exception("request failed", extra=fields(path=request.path))
            response = text(500, "the exporter failed to answer; its log says why")
        stamped = dict.fromkeys(name.lower() for name, _ in guard.headers)
        own = (*response.headers, *_EVERYWHERE)
        kept = tuple(header for header in own if header[0].lower() not in stamped)
        return replace(response, headers=(*kept, *guard.headers))

    async def _may_enter(self, guard: Guard, request: Request) -> bool:
        if guard is not self._guarded:
            self._guarded, self._passwords = guard, self._passwords_of(guard)
        if self._passwords is None:
            return True
        return await self._passwords.fit(request)

    def _passwords_of(self, guard: Guard) -> Passwords | None:
        if not guard.users:
            return None
        from exporter.web.access import Passwords

        return Passwords(guard.users, self._pool)

    async def _answer(self, request: Request) -> Response:
        methods, answer = self._routes.get(request.path, ((), _nothing))
        if methods and request.method not in methods:
            allowed = ", ".join(methods)
            told = f"{request.method} is not allowed here (use {allowed})"
            return text(405, told, headers=(("Allow", allowed),))
        return await answer(request)

    async def _metrics(self, request: Request) -> Response:
        accept, encoding = request.headers.get("Accept", ""), request.headers.get("Accept-Encoding", "")
        body, headers = await self._pool.run(
            lambda: self._provided.metrics(accept, encoding), is_wanted=request.is_open
        )
        return Response(200, body, tuple(headers))

    async def _page(self, request: Request) -> Response:
        nonce = secrets.token_urlsafe(16)
        html = await self._pool.run(
            lambda: self._painter.paint(self._provided.status(), nonce), is_wanted=request.is_open
        )
        return Response(200, html.encode(), _page_headers(nonce))

    @cached_property
    def _painter(self) -> Painter:
        # Loaded with the first page: a sidecar's is seldom opened.
        from exporter.web.page import Painter

        return Painter(self._provided.telemetry_path)

    async def _healthy(self, _request: Request) -> Response:
        if self._pool.has_no_thread:
            return _verdict(False, "the system refuses threads: raise the limit of processes")
        return _verdict(*self._provided.healthy())

    async def _ready(self, _request: Request) -> Response:
        return _verdict(*self._provided.ready())

    async def _reload(self, request: Request) -> Response:
        if self._provided.reload is None:
            return text(403, "reloading over HTTP is not enabled (start with --web.enable-lifecycle)")
        origin, host = request.headers.get("Origin"), request.headers.get("Host", "")
        if origin is not None and origin.partition("://")[2].lower() != host.lower():
            return text(403, "a page of another site may not reload (send no Origin header)")
        if self._next_reload is None:
            self._next_reload = asyncio.create_task(self._reload_next(self._provided.reload))
        problems = await asyncio.shield(self._next_reload)
        return text(422, *problems) if problems else text(200, "reloaded")

    async def _reload_next(self, reload: Callable[[], Sequence[str]]) -> Sequence[str]:
        """Reload once the reload under way has ended; whoever asks before that shares this one."""
        async with self._reload_lock:
            self._next_reload = None
            return await self._pool.run(reload)


async def _nothing(_request: Request) -> Response:
    return text(404, "nothing is here (the status page is at /)")


def _refusal() -> Response:
    return text(401, "a user and a password are needed", headers=_UNKNOWN)


def _verdict(good: bool, why: str) -> Response:
    return text(200 if good else 503, why)


def _page_headers(nonce: str) -> tuple[tuple[str, str], ...]:
    policy = (
        "default-src 'none'; "
        f"style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return (
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Security-Policy", policy),
        ("Referrer-Policy", "no-referrer"),
        ("X-Frame-Options", "DENY"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
    )
