"""Follows the web configuration: applies changed users, headers and certificates while running."""

from __future__ import annotations

import hashlib
import logging
import ssl
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Final, cast

from exporter.clock import Clock
from exporter.config import source, web_config
from exporter.errors import ExporterError, WrongUsage
from exporter.files import Limit, read_regular
from exporter.logs import fields
from exporter.web.app import Guard
from exporter.web.tls import TlsError, tls_context

CHECK_INTERVAL: Final = 1.0
"""Seconds between two checks of the files."""

log = logging.getLogger(__name__)


class FollowedGuard:
    """The users, headers and TLS of a web configuration file; not for several threads at once.

    Each call compares the content of the files with what was loaded, at most once a second. If changed files
    cannot be used, such as in the middle of a renewal, the old settings stay. `has_tls` does not change, and
    a change does not remove all users: a file that is being written is empty for a moment. Raises ConfigError
    or TlsError if the first settings cannot be used.
    """

    def __init__(self, file: Path, clock: Clock) -> None:
        self._file = file
        self._clock = clock
        self._files = Limit()
        self._checked_at = clock.steady()
        self._guard, self._context = self._load()
        self._digests = self._read
        self.has_tls = self._context is not None

    def __call__(self) -> Guard:
        """Return the current users and headers."""
        self._check()
        return self._guard

    def tls(self) -> ssl.SSLContext:
        """Return the context for a new connection; only if `has_tls`."""
        self._check()
        return cast("ssl.SSLContext", self._context)

    def _check(self) -> None:
        now = self._clock.steady()
        if now - self._checked_at < CHECK_INTERVAL:
            return
        self._checked_at = now
        digests = {file: self._digest(file) for file in self._digests}
        if digests == self._digests:
            return
        try:
            guard, context = self._load()
            if (context is not None) != self.has_tls:
                raise TlsError("TLS cannot be switched on or off without a restart")
            if self._guard.users and not guard.users:
                raise WrongUsage("all users cannot be removed without a restart")
        except ExporterError as error:
            self._digests = digests | self._read  # also what a new file names may still be mended
            refused = fields(file=self._file, problem=error)
            log.warning("web configuration refused, the old one stays", extra=refused)
            return
        self._digests, self._guard, self._context = self._read, guard, context
        log.info("web configuration in use", extra=fields(file=self._file))

    def _load(self) -> tuple[Guard, ssl.SSLContext | None]:
        # Each digest is taken before its file is read, so that the next check sees a change in between.
        self._read = {self._file: self._digest(self._file)}
        config = web_config.load(self._file)
        guard, tls = Guard(dict(config.users), config.headers), config.tls
        if tls is None:
            return guard, None
        files = (tls.cert_file, tls.key_file, tls.client_ca_file)
        self._read |= {file: self._digest(file) for file in files if file}
        return guard, tls_context(**asdict(tls))

    def _digest(self, file: Path) -> bytes:
        """Return a hash of the content, empty if the file cannot be read: loading it then says why."""
        with suppress(OSError):
            return hashlib.sha256(self._files(partial(read_regular, file, source.MAX_BYTES + 1))[0]).digest()
        return b""
