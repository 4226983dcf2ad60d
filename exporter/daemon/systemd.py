"""Notifies systemd that the process is ready, alive or ending, if systemd asks for it."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Mapping
from typing import Final

log = logging.getLogger(__name__)

_PER_TIMEOUT: Final = 3
"""Notifications within one watchdog timeout, so that one or two may be late."""


class SystemdNotifier:
    """The protocol of sd_notify(3) on the socket named by NOTIFY_SOCKET; does nothing without one.

    `interval` is the number of seconds between two calls of `alive`; None if there is no watchdog.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        # A leading @ stands for the zero byte of an abstract socket.
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        timeout = environ.get("WATCHDOG_USEC", "")
        watched = self._address and timeout.isascii() and timeout.isdecimal() and int(timeout) > 0
        self.interval = int(timeout) / 1_000_000 / _PER_TIMEOUT if watched else None

    def ready(self) -> None:
        """Report that the service has started."""
        self._notify("READY=1")

    def alive(self, healthy: Callable[[], tuple[bool, str]]) -> None:
        """Report that the service is alive; if it is not, report why and let systemd restart it."""
        well, why = healthy()
        self._notify("WATCHDOG=1" if well else f"STATUS={why}")

    def stopping(self) -> None:
        """Report that the service is ending."""
        self._notify("STOPPING=1")

    def _notify(self, state: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as notify:
                notify.sendto(state.encode(), self._address)
        except OSError as error:
            log.debug("systemd not notified", extra={"fields": {"state": state, "error": error}})
