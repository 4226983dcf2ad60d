"""Runs a daemon and its web server, also under systemd, until a signal ends both."""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from ssl import SSLContext
from typing import TYPE_CHECKING, Final

from exporter.clock import Clock
from exporter.daemon import signals
from exporter.daemon.daemon import Daemon
from exporter.logs import fields
from exporter.web.app import NO_GUARD, App, Guard, Provided
from exporter.web.server import Server, address_of, listen

if TYPE_CHECKING:
    from exporter.web.page import StatusPage

log = logging.getLogger(__name__)

DRAIN: Final = 3.0
"""Seconds after a signal in which responses may be finished; the process ends within five."""

_EVERY_INTERFACE: Final = re.compile(r"^(\[::\]|0\.0\.0\.0)")


def serve(
    daemon: Daemon,
    listen_addresses: Sequence[str],
    *,
    telemetry_path: str = "/metrics",
    web_config_file: Path | None = None,
    enable_lifecycle: bool = False,
    announce: Callable[[str], None] = lambda _: None,
) -> bool:
    """Poll and serve until SIGTERM or SIGINT; return False if the web server failed instead.

    Calls `announce` once with the status page's URL on this machine. SIGHUP reloads the configuration. For
    the main thread. Raises ConfigError if the web configuration is wrong, ListenError if an address cannot be
    used, TlsError if a certificate cannot be used, RuntimeError if the system allows too few threads.
    """
    failures: list[BaseException] = []

    def fail(error: BaseException) -> None:
        log.error("internal error in the web server, so this process ends; please report it", exc_info=error)
        failures.append(error)
        signals.end()

    signals.block()
    guard, tls = _guard(web_config_file, daemon.clock) if web_config_file else (lambda: NO_GUARD, None)
    provided = Provided(
        metrics=daemon.exposition.scrape,
        healthy=daemon.healthy,
        ready=daemon.ready,
        status=partial(_status, daemon),
        config=lambda: daemon.config_text,
        reload=daemon.reload if enable_lifecycle else None,
        telemetry_path=telemetry_path,
    )
    listeners = [listen(address) for address in listen_addresses]
    addresses = [address_of(listener) for listener in listeners]
    for address in addresses:
        where = fields(address=address, path=telemetry_path, tls=tls is not None)
        log.info("listening", extra=where)
    server = Server(App(provided, guard), listeners, name="web", tls=tls, on_error=fail)
    if interval := watchdog_interval(daemon.environ):
        daemon.housekeeping.every(interval, partial(notify_watchdog, daemon))
    daemon.start(server.start)
    announce(f"{'https' if tls else 'http'}://{_EVERY_INTERFACE.sub('localhost', addresses[0])}/")
    notify_systemd(daemon.environ, "READY=1")
    signals.wait(daemon.request_reload)
    log.info("ending")
    notify_systemd(daemon.environ, "STOPPING=1")
    daemon.stop()
    server.stop(DRAIN)
    log.info("ended")
    return not failures


def notify_systemd(environ: Mapping[str, str], state: str) -> None:
    """Send a state such as READY=1 to the socket named by NOTIFY_SOCKET; do nothing without one."""
    address = environ.get("NOTIFY_SOCKET")
    if not address:
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as systemd:
            # A leading @ means the zero byte of an abstract socket.
            systemd.sendto(state.encode(), f"\0{address[1:]}" if address[0] == "@" else address)
    except OSError as error:
        log.debug("systemd not notified", extra=fields(state=state, error=error))


def watchdog_interval(environ: Mapping[str, str]) -> float | None:
    """Return the seconds between notifications, a third of the watchdog's timeout; None without one."""
    timeout = environ.get("WATCHDOG_USEC", "")
    is_watched = environ.get("NOTIFY_SOCKET") and timeout.isascii() and timeout.isdecimal() and int(timeout)
    return int(timeout) / 1_000_000 / 3 if is_watched else None


def notify_watchdog(daemon: Daemon) -> None:
    """Report that the daemon is healthy; if it is not, report why and let systemd restart it."""
    is_healthy, why = daemon.healthy()
    notify_systemd(daemon.environ, "WATCHDOG=1" if is_healthy else f"STATUS={why}")


def _guard(file: Path, clock: Clock) -> tuple[Callable[[], Guard], Callable[[], SSLContext] | None]:
    from exporter.daemon.guard import FollowedGuard  # loads modules that most sidecars do not need

    guard = FollowedGuard(file, clock)
    return guard, guard.tls if guard.has_tls else None


def _status(daemon: Daemon) -> StatusPage:
    from exporter.daemon.status import status_page  # most status pages are never opened

    return status_page(daemon)
