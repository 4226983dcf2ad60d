"""Tells systemd that the process is ready, alive and ending, where it asks for that."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Mapping
from typing import Final

log = logging.getLogger(__name__)

_BEATS_A_TIMEOUT: Final = 3
"""How often the watchdog is told within its timeout: one may come late, or two."""


class Heart:
    """The protocol of sd_notify(3), on the socket named by NOTIFY_SOCKET; silent where there is none.

    `interval` is how often `beat` wants to be called, in seconds; None where no watchdog waits for it.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        # A leading @ stands for the zero byte of an abstract socket.
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        timeout = environ.get("WATCHDOG_USEC", "")
        watched = self._address and timeout.isascii() and timeout.isdecimal() and int(timeout) > 0
        self.interval = int(timeout) / 1_000_000 / _BEATS_A_TIMEOUT if watched else None

    def ready(self) -> None:
        """Say that the service has started."""
        self._tell("READY=1")

    def beat(self, healthy: Callable[[], tuple[bool, str]]) -> None:
        """Say that the service is alive, unless it is not: then systemd restarts it."""
        well, why = healthy()
        self._tell("WATCHDOG=1" if well else f"STATUS={why}")

    def stopping(self) -> None:
        """Say that the service is ending."""
        self._tell("STOPPING=1")

    def _tell(self, state: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as notify:
                notify.sendto(state.encode(), self._address)
        except OSError as error:
            log.debug("systemd cannot be told", extra={"fields": {"state": state, "error": error}})
