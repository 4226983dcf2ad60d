"""Runs a daemon and its web server until a signal ends both."""

from __future__ import annotations

import ctypes
import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Final

from exporter.config import web_config
from exporter.daemon.hall import Daemon
from exporter.daemon.heart import Heart
from exporter.daemon.status import status_page
from exporter.logs import fields
from exporter.web.app import Doors, build
from exporter.web.server import Server, address_of, listen
from exporter.web.tls import tls_context

log = logging.getLogger(__name__)

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
    ending = threading.Event()
    failures: list[BaseException] = []

    def fail(error: BaseException) -> None:
        failures.append(error)
        ending.set()

    _load_what_the_end_needs()
    heart = Heart(daemon.environ)
    if heart.interval is not None:
        daemon.poller.timetable.add_chore(heart.interval, partial(heart.beat, daemon.healthy))
    with _signals(ending.set, daemon):
        server = _server(daemon, options, on_end=fail)
        # First the timetable: whoever is let in may ask whether it is alive.
        daemon.start()
        server.start()
        heart.ready()
        ending.wait()
        log.info("ending")
        heart.stopping()
        daemon.stop()
        server.stop(DRAIN)
        log.info("ended")
    return not failures


def _load_what_the_end_needs() -> None:
    """Have libgcc at hand: with it glibc ends the threads that are left when the interpreter ends.

    It would load it only then, and abort a process that has no descriptor free. Other systems do without.
    """
    with suppress(OSError):
        ctypes.CDLL("libgcc_s.so.1")


def _server(daemon: Daemon, options: WebOptions, on_end: Callable[[BaseException], None]) -> Server:
    guard = web_config.load(options.config_file) if options.config_file else web_config.WebConfig()
    doors = Doors(
        metrics=daemon.exposition.scrape,
        healthy=daemon.healthy,
        ready=daemon.ready,
        status=partial(status_page, daemon),
        reload=daemon.reload if options.enable_lifecycle else None,
        telemetry_path=options.telemetry_path,
    )
    tls = tls_context(**asdict(guard.tls), steady=daemon.clock.steady) if guard.tls else None
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
    app = build(doors, users=dict(guard.users), headers=guard.headers)
    return Server(app, listeners, name="web", tls=tls, on_error=ended)


@contextmanager
def _signals(stop: Callable[[], None], daemon: Daemon) -> Iterator[None]:
    """Have SIGTERM and SIGINT call `stop`, and SIGHUP a reload; afterwards, be as before."""

    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a handler is given both
        stop()

    def reload(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a handler is given both
        threading.Thread(target=daemon.request_reload, name="reload", daemon=True).start()

    handlers = {signal.SIGTERM: end, signal.SIGINT: end, signal.SIGHUP: reload}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
