"""Makes the TLS context of a server."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

from exporter.errors import WrongUsage
from exporter.files import read_regular

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


MOST_BYTES: Final = 1 << 20
"""A file in PEM has its first certificate or key before so many bytes; both together take some 10 kB."""


class TlsError(WrongUsage):
    """The certificate, its key or the file of client authorities cannot be used."""


def tls_context(
    *,
    cert_file: Path,
    key_file: Path,
    client_ca_file: Path | None,
    client_auth_type: ClientAuth,
    min_version: TlsVersion,
    max_version: TlsVersion,
    ciphers: Sequence[str] = (),
    prefers_own_ciphers: bool = True,
    curve: str | None = None,
) -> ssl.SSLContext:
    """Return a server's TLS context, or raise TlsError if the files cannot be used.

    `ciphers` are those of TLS 1.2, by OpenSSL's names; without them or a `curve`, its defaults apply.
    """
    named = [(cert_file, "certificate"), (key_file, "private key")]
    if client_ca_file:
        named.append((client_ca_file, "certificate"))
    try:
        for file, what in named:
            _check(file, what)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = _VERSIONS[min_version]
        context.maximum_version = _VERSIONS[max_version]
        if ciphers:
            context.set_ciphers(":".join(ciphers))
        if not prefers_own_ciphers:
            context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
        if curve:
            context.set_ecdh_curve(curve)
        context.load_cert_chain(cert_file, key_file, password=_no_password)
        context.verify_mode = _CLIENT_AUTH[client_auth_type]
        if client_ca_file:
            context.load_verify_locations(client_ca_file)
            # A client that resumes a session shows no certificate.
            context.options |= ssl.OP_NO_TICKET
            context.num_tickets = 0
    except (OSError, ValueError) as error:
        files = ", ".join(str(file) for file, _ in named)
        reason = (error.strerror or "").lower() if isinstance(error, OSError) else str(error)
        if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
            reason = "the key is not that of the certificate"
        advice = "check web.config.file and these files"
        raise TlsError(f"cannot use {files}: {reason} ({advice})") from error
    return context


def _check(file: Path, what: str) -> None:
    # OpenSSL would wait for a pipe's writer, and does not say which file lacks what.
    if f"{what.upper()}-----".encode() not in read_regular(file, MOST_BYTES)[0]:
        raise ValueError(f"no {what} in PEM in {file}")


def _no_password() -> str:
    # Without this, OpenSSL asks for a password at the terminal.
    raise ValueError("the key is encrypted")
