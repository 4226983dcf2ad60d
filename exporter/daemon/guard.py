"""Follows the web configuration: users, headers and certificates that change are taken up."""

from __future__ import annotations

import hashlib
import logging
import ssl
from dataclasses import asdict
from pathlib import Path
from typing import Final

from exporter.clock import Clock
from exporter.config import web_config
from exporter.errors import ExporterError
from exporter.logs import fields
from exporter.web.app import Guard
from exporter.web.tls import TlsError, tls_context

CHECK_INTERVAL: Final = 1.0
"""Seconds between two looks at the files."""

log = logging.getLogger(__name__)


class FollowedGuard:
    """What the web configuration file asks for. Raises ConfigError or TlsError where it cannot be used.

    Each call looks at the files' content, at most once a second. Files that are unusable later on, as in the
    middle of a renewal, leave what was in use. For one thread at a time.
    """

    def __init__(self, file: Path, clock: Clock) -> None:
        self._file = file
        self._clock = clock
        self._looked = clock.steady()
        self._files, self._seen, self._guard, self._context = self._load()

    @property
    def has_tls(self) -> bool:
        """Whether TLS is served; this does not change."""
        return self._context is not None

    def __call__(self) -> Guard:
        """Return the users and headers in force."""
        self._look()
        return self._guard

    def tls(self) -> ssl.SSLContext:
        """Return the context for a new connection; only where there was one in the beginning."""
        self._look()
        if self._context is None:
            raise TlsError("no TLS is asked for")
        return self._context

    def _look(self) -> None:
        now = self._clock.steady()
        if now - self._looked < CHECK_INTERVAL:
            return
        self._looked = now
        seen = tuple(map(_digest, self._files))
        if seen == self._seen:
            return
        self._seen = seen
        try:
            files, seen, guard, context = self._load()
            if (context is None) == self.has_tls:
                raise TlsError("TLS is neither begun nor ended while this runs (restart it)")
        except ExporterError as error:
            log.warning("new web configuration not used", extra=fields(error=error))
            return
        self._files, self._seen, self._guard, self._context = files, seen, guard, context
        log.info("new web configuration in use")

    def _load(self) -> tuple[tuple[Path, ...], tuple[bytes, ...], Guard, ssl.SSLContext | None]:
        # Each file's digest first: what changes between two looks is looked at again.
        own = _digest(self._file)
        given = web_config.load(self._file)
        tls = given.tls
        named = (tls.cert_file, tls.key_file, tls.client_ca_file) if tls else ()
        files = tuple(file for file in named if file)
        seen = (own, *map(_digest, files))
        context = tls_context(**asdict(tls)) if tls else None
        return (self._file, *files), seen, Guard(dict(given.users), given.headers), context


def _digest(file: Path) -> bytes:
    # A file that is gone for a while is a change as well, logged once by whoever loads it.
    try:
        return hashlib.sha256(file.read_bytes()).digest()
    except OSError:
        return b""
