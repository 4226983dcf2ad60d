"""Runs a daemon and its web server until a signal ends both."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from exporter.daemon import signals
from exporter.daemon.daemon import Daemon
from exporter.daemon.systemd import SystemdNotifier
from exporter.logs import fields
from exporter.web.app import NO_GUARD, App, Provided
from exporter.web.server import Server, address_of, listen

if TYPE_CHECKING:
    from exporter.web.page import StatusPage

log = logging.getLogger(__name__)

DRAIN: Final = 3.0
"""Seconds that responses being sent get to end after a signal; the process is gone within five."""


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
        log.error("web server ended, so this process ends too", exc_info=error)
        failures.append(error)
        signals.end()

    systemd = SystemdNotifier(daemon.environ)
    if systemd.interval is not None:
        daemon.poller.timetable.add_periodic_task(systemd.interval, partial(systemd.alive, daemon.healthy))
    with signals.held():
        server = _server(daemon, options, on_end=fail)
        # First the timetable: whoever is let in may ask whether it is alive.
        daemon.start()
        server.start()
        systemd.ready()
        signals.wait(daemon.request_reload)
        log.info("ending")
        systemd.stopping()
        daemon.stop()
        server.stop(DRAIN)
        log.info("ended")
    return not failures


def _server(daemon: Daemon, options: WebOptions, on_end: Callable[[BaseException], None]) -> Server:
    guard, tls = (lambda: NO_GUARD), None
    if options.config_file is not None:
        # What most sidecars have no use for.
        from exporter.daemon.guard import FollowedGuard

        guard = followed = FollowedGuard(options.config_file, daemon.clock)
        tls = followed.tls if followed.has_tls else None
    provided = Provided(
        metrics=daemon.exposition.scrape,
        healthy=daemon.healthy,
        ready=daemon.ready,
        status=partial(_status, daemon),
        reload=daemon.reload if options.enable_lifecycle else None,
        telemetry_path=options.telemetry_path,
    )
    listeners = [listen(address) for address in options.listen_addresses]
    for listener in listeners:
        told = fields(address=address_of(listener), path=options.telemetry_path, tls=tls is not None)
        log.info("listening", extra=told)
    return Server(App(provided, guard), listeners, name="web", tls=tls, on_error=on_end)


def _status(daemon: Daemon) -> StatusPage:
    # Only where somebody looks at it.
    from exporter.daemon.status import status_page

    return status_page(daemon)
