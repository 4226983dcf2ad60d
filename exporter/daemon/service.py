"""Runs a daemon and its web server until a signal ends both."""

from __future__ import annotations

import ctypes
import logging
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from exporter.clock import Clock
from exporter.daemon.hall import Daemon
from exporter.daemon.heart import Heart
from exporter.daemon.signals import Signals
from exporter.logs import fields
from exporter.web.app import Doors, build
from exporter.web.server import Server, address_of, listen

if TYPE_CHECKING:
    from exporter.web.page import StatusPage

log = logging.getLogger(__name__)

_M_MMAP_THRESHOLD: Final = -3
"""From malloc.h."""

DRAIN: Final = 3.0
"""Seconds that answers being sent get to end after a signal; the process is gone within five."""


@dataclass(frozen=True, slots=True)
class WebOptions:
    """What `run` was told about serving."""

    listen_addresses: tuple[str, ...]
    telemetry_path: str = "/metrics"
    config_file: Path | None = None
    enable_lifecycle: bool = False


def serve(daemon: Daemon, options: WebOptions) -> bool:
    """Poll and serve until a signal; return whether that was one, and not the web server's own end.

    SIGTERM and SIGINT end it, SIGHUP loads the configuration anew. For the main thread. Raises
    ConfigError for a wrong web configuration, ListenError for an address that cannot be had, TlsError
    for a certificate that is of no use.
    """
    failures: list[BaseException] = []

    def fail(error: BaseException) -> None:
        failures.append(error)
        signals.end()

    _prepare_the_c_library()
    heart = Heart(daemon.environ)
    if heart.interval is not None:
        daemon.poller.timetable.add_chore(heart.interval, partial(heart.beat, daemon.healthy))
    with Signals(daemon.request_reload) as signals:
        server = _server(daemon, options, on_end=fail)
        # First the timetable: whoever is let in may ask whether it is alive.
        daemon.start()
        server.start()
        heart.ready()
        signals.wait()
        log.info("ending")
        heart.stopping()
        daemon.stop()
        server.stop(DRAIN)
        log.info("ended")
    return not failures


def _prepare_the_c_library() -> None:
    """Have glibc give back the memory of large pages, and libgcc at hand; other systems do without.

    A page of 100 kB or more is mapped by itself, but once the first is freed, glibc would keep room for
    the next in each thread's heap: 2 MB at 10,000 series. With libgcc it ends the threads that are left
    when the interpreter ends; it would load it only then, and abort a process without a free descriptor.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, 128 * 1024)
        ctypes.CDLL("libgcc_s.so.1")


def _server(daemon: Daemon, options: WebOptions, on_end: Callable[[BaseException], None]) -> Server:
    guard = _guard(options.config_file, daemon.clock)
    doors = Doors(
        metrics=daemon.exposition.scrape,
        healthy=daemon.healthy,
        ready=daemon.ready,
        status=partial(_status, daemon),
        reload=daemon.reload if options.enable_lifecycle else None,
        telemetry_path=options.telemetry_path,
    )
    listeners = [listen(address) for address in options.listen_addresses]

    def ended(error: BaseException) -> None:
        log.error("web server ended, so this process ends too", exc_info=error)
        on_end(error)

    for listener in listeners:
        log.info(
            "listening",
            extra=fields(
                address=address_of(listener), path=options.telemetry_path, tls=guard.tls is not None
            ),
        )
    app = build(doors, users=guard.users, headers=guard.headers)
    return Server(app, listeners, name="web", tls=guard.tls, on_error=ended)


class _Guard(NamedTuple):
    """What stands before the web server."""

    tls: ssl.SSLContext | None = None
    users: Mapping[str, bytes] = MappingProxyType({})
    headers: tuple[tuple[str, str], ...] = ()


def _guard(config_file: Path | None, clock: Clock) -> _Guard:
    if config_file is None:
        return _Guard()
    # What most sidecars have no use for.
    from exporter.config import web_config
    from exporter.web.tls import tls_context

    given = web_config.load(config_file)
    tls = tls_context(**asdict(given.tls), steady=clock.steady) if given.tls else None
    return _Guard(tls, dict(given.users), given.headers)


def _status(daemon: Daemon) -> StatusPage:
    # Only where somebody looks at it.
    from exporter.daemon.status import status_page

    return status_page(daemon)
