"""Serves TLS with certificates that may be renewed while connections come in."""

from __future__ import annotations

import hashlib
import logging
import ssl
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Final, Literal

from exporter.errors import ExporterError
from exporter.logs import fields

CHECK_INTERVAL: Final = 1.0
"""Seconds between two looks at the certificate files."""

_log = logging.getLogger(__name__)

ClientAuth = Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"]
TlsVersion = Literal["TLS10", "TLS11", "TLS12", "TLS13"]

_CLIENT_AUTH: Final[Mapping[ClientAuth, ssl.VerifyMode]] = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
_VERSIONS: Final[Mapping[TlsVersion, ssl.TLSVersion]] = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}


class TlsError(ExporterError):
    """The certificate, its key or the clients' authorities cannot be used."""


def tls_context(
    *,
    cert_file: Path,
    key_file: Path,
    client_ca_file: Path | None,
    client_auth_type: ClientAuth,
    min_version: TlsVersion,
    max_version: TlsVersion,
    steady: Callable[[], float],
) -> ssl.SSLContext:
    """Return a server's TLS context that follows its files, or raise TlsError where they are unusable.

    A new connection looks at their content, at most once a second of the `steady` clock. Files that
    are unusable later on, as in the middle of a renewal, leave the former ones in use.
    """
    files = [cert_file, key_file, *([client_ca_file] if client_ca_file else [])]

    def make() -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = _VERSIONS[min_version]
        context.maximum_version = _VERSIONS[max_version]
        context.load_cert_chain(cert_file, key_file, password=_no_password)
        context.verify_mode = _CLIENT_AUTH[client_auth_type]
        if client_ca_file:
            context.load_verify_locations(client_ca_file)
        return context

    try:
        certificates = _Certificates(files, make, steady)
    except (OSError, ValueError) as error:
        raise TlsError(_unusable(files, error)) from error
    return certificates.followed()


class _Certificates:
    """The TLS context made from some files, made anew when their content changes."""

    def __init__(
        self, files: Collection[Path], make: Callable[[], ssl.SSLContext], steady: Callable[[], float]
    ) -> None:
        self._files = files
        self._make = make
        self._steady = steady
        self._print = self._fingerprint()
        self._context = make()
        self._looked = steady()

    def followed(self) -> ssl.SSLContext:
        """Return a context that hands each handshake the newest one."""
        first = self._context
        first.sni_callback = self._hand_out
        return first

    def _hand_out(self, handshake: ssl.SSLSocket | ssl.SSLObject, _name: str, _first: ssl.SSLContext) -> None:
        self._follow()
        handshake.context = self._context

    def _follow(self) -> None:
        now = self._steady()
        if now - self._looked < CHECK_INTERVAL:
            return
        self._looked = now
        seen = self._fingerprint()
        if seen == self._print:
            return
        self._print = seen
        try:
            self._context = self._make()
        except (OSError, ValueError) as error:
            _log.warning("new certificate not used", extra=fields(error=_unusable(self._files, error)))
        else:
            _log.info("new certificate in use")

    def _fingerprint(self) -> tuple[bytes, ...]:
        return tuple(map(_digest, self._files))


def _digest(file: Path) -> bytes:
    # A file that is gone for a while is a change as well, told once by whoever loads it.
    try:
        return hashlib.sha256(file.read_bytes()).digest()
    except OSError:
        return b""


def _no_password() -> str:
    # OpenSSL would otherwise ask whoever sits at the terminal.
    raise ValueError("the key is encrypted")


def _unusable(files: Iterable[Path], error: Exception) -> str:
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return (
        f"cannot use {', '.join(map(str, files))}: {reason.lower()} (check web.config.file and these files)"
    )
