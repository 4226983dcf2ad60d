"""Routes requests to what the daemon provides: metrics, health, status, the configuration, its reload."""

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
CONFIG_TEXT: Final = "/-/config"

PASSWORD_THREADS: Final = 2
"""Threads that check passwords; the pages have their own."""

_PLAIN: Final = (("Content-Type", "text/plain; charset=utf-8"),)
_EVERYWHERE: Final = (("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"))
_PAGE: Final = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Frame-Options", "DENY"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
_POLICY: Final = (
    "default-src 'none'; style-src 'nonce-{0}'; script-src 'nonce-{0}'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_CHALLENGE: Final = ("WWW-Authenticate", 'Basic realm="nativechat-exporter", charset="UTF-8"')

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Guard:
    """What the operator asks of every request: a password if there are `users`, which have bcrypt hashes.

    `headers` go on every response, in place of ours of the same name.
    """

    users: Mapping[str, bytes]
    headers: tuple[tuple[str, str], ...] = ()


NO_GUARD: Final = Guard({})


@dataclass(frozen=True, slots=True)
class Provided:
    """What the daemon provides; every call is safe from any thread.

    `metrics` takes the Accept and Accept-Encoding headers, and returns a body and its headers. `healthy` and
    `ready` return at once, with a line of text; `config` does too, with the text of the configuration in use.
    `reload` returns the problems for which the old configuration was kept, none if the new one is in use; it
    is None if reloading over HTTP is off.
    """

    metrics: Callable[[str, str], tuple[bytes, list[tuple[str, str]]]]
    healthy: Callable[[], tuple[bool, str]]
    ready: Callable[[], tuple[bool, str]]
    status: Callable[[], StatusPage]
    config: Callable[[], bytes]
    reload: Callable[[], Sequence[str]] | None
    telemetry_path: str = "/metrics"


_Route: TypeAlias = tuple[tuple[str, ...], Callable[[Request], Awaitable[Response]]]
_READS: Final = ("GET", "HEAD")


class App:
    """The handler of every request; work that may take time runs beside the event loop.

    `guard` returns the guard in force. Health paths need no password, because Kubernetes probes them. Raises
    RuntimeError if the system refuses the threads that it needs.
    """

    def __init__(self, provided: Provided, guard: Callable[[], Guard] = lambda: NO_GUARD) -> None:
        self._provided = provided
        self._guard = guard
        self._pages = Pool("web")
        self._guarded = NO_GUARD
        self._passwords: Passwords | None = None
        self._reload_lock = asyncio.Lock()
        self._next_reload: asyncio.Task[Sequence[str]] | None = None
        self._routes: dict[str, _Route] = {
            "/": (_READS, self._page),
            HEALTHY: (_READS, self._healthy),
            READY: (_READS, self._ready),
            CONFIG_TEXT: (_READS, self._config),
            RELOAD: (("POST",), self._reload),
            # Last, because a telemetry path of / replaces the status page.
            provided.telemetry_path: (_READS, self._metrics),
        }
        self._follow(guard())

    async def __call__(self, request: Request) -> Response:
        guard = self._guard()
        try:
            if request.path in (HEALTHY, READY) or await self._is_allowed(guard, request):
                response = await self._route(request)
            else:
                response = text(401, "a user and a password are needed", headers=(_CHALLENGE,))
        except Busy:
            response = text(503, "too many requests are waiting (try again)", headers=(("Retry-After", "1"),))
        except Exception:  # noqa: BLE001 - a defect must not show its traceback to the client
            _log.exception("internal error in a page; please report it", extra=fields(path=request.path))
            response = text(500, "the exporter failed to answer; its log says why")
        replaced = {name.lower() for name, _ in guard.headers}
        own = (*response.headers, *_EVERYWHERE)
        kept = tuple(header for header in own if header[0].lower() not in replaced)
        return replace(response, headers=(*kept, *guard.headers))

    async def _is_allowed(self, guard: Guard, request: Request) -> bool:
        if not guard.users:
            return True
        self._follow(guard)
        return self._passwords is not None and await self._passwords.fit(request)

    def _follow(self, guard: Guard) -> None:
        """Check passwords from now on as a changed guard says."""
        if guard.users and guard is not self._guarded:
            # Loaded here, because most sidecars have no users.
            from exporter.web.access import Passwords

            self._guarded, self._passwords = guard, Passwords(guard.users, self._checks)

    @cached_property
    def _checks(self) -> Pool:
        return Pool("web-password", PASSWORD_THREADS)

    async def _route(self, request: Request) -> Response:
        if request.path not in self._routes:
            return text(404, "nothing is here (the status page is at /)")
        methods, handle = self._routes[request.path]
        if request.method not in methods:
            allowed = ", ".join(methods)
            problem = f"{request.method} is not allowed here (use {allowed})"
            return text(405, problem, headers=(("Allow", allowed),))
        return await handle(request)

    async def _metrics(self, request: Request) -> Response:
        accept, encoding = request.headers.get("Accept", ""), request.headers.get("Accept-Encoding", "")
        body, headers = await self._pages.run(
            lambda: self._provided.metrics(accept, encoding), request.is_open
        )
        return Response(200, body, tuple(headers))

    async def _page(self, request: Request) -> Response:
        nonce = secrets.token_urlsafe(16)
        html = await self._pages.run(
            lambda: self._painter.paint(self._provided.status(), request.query, nonce), request.is_open
        )
        return Response(200, html.encode(), (*_PAGE, ("Content-Security-Policy", _POLICY.format(nonce))))

    @cached_property
    def _painter(self) -> Painter:
        # Loaded with the first page: a sidecar's is seldom opened.
        from exporter.web.page import Painter

        return Painter(self._provided.telemetry_path)

    async def _healthy(self, _request: Request) -> Response:
        return _verdict(*self._provided.healthy())

    async def _ready(self, _request: Request) -> Response:
        return _verdict(*self._provided.ready())

    async def _config(self, _request: Request) -> Response:
        # Plain text, which browsers show; they would save YAML as a file.
        return Response(200, self._provided.config(), _PLAIN)

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
        """Reload once the current reload ends. Requests that arrive before this reload begins share it."""
        async with self._reload_lock:
            self._next_reload = None
            return await self._pages.run(reload)


def _verdict(good: bool, why: str) -> Response:
    return text(200 if good else 503, why)
