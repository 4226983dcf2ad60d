"""Makes sockets whose every operation is bounded by an attempt.

A timeout of requests bounds each read, and a slow drip outlasts it. Here each operation gets what is
left of the whole attempt, so that connecting, a proxy's tunnel, the TLS handshake, sending, headers
and body together take no longer. Only name resolution keeps the limits of the system's resolver.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, cast

from exporter.errors import Unreachable
from exporter.nativechat.attempt import Attempt

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer


def dial(
    attempt: Attempt, host: str, port: int, options: Iterable[tuple[int, int, int | bytes]]
) -> socket.socket:
    """Connect to the first address of `host` that accepts, all of them within the attempt.

    Each address gets an equal share of the time left, so that one that swallows packets does not use
    up the time of the next. Raises OSError.
    """
    attempt.peer = f"{host}:{port}"
    attempt.dialled = True
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise socket.gaierror(socket.EAI_NONAME, "not a host name") from None
    failures: list[OSError] = []
    for tried, (family, kind, protocol, _, address) in enumerate(addresses):
        sock = _BoundedSocket(family, kind, protocol)
        sock.attempt = attempt
        try:
            for option in options:
                sock.setsockopt(*option)
            sock.settimeout(attempt.remaining() / (len(addresses) - tried))
            sock.connect(address)
        except OSError as exc:
            sock.close()
            failures.append(exc)
        else:
            attempt.connected = True
            return sock
    raise failures.pop()


def tls_context(attempt: Attempt, ca_file: Path | None, *, default: str) -> ssl.SSLContext:
    """Return a context that verifies, against the certificates in a file or a directory.

    They are those of `ca_file` alone; without it, those that REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE
    name; without them, `default`. Raises Unreachable where they cannot be read.
    """
    named = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    ca = ca_file or Path(named or default)

    class BoundedTlsSocket(_BoundedTlsSocket):
        """Belongs to this attempt: a context makes its sockets itself, and passes nothing on."""

    BoundedTlsSocket.attempt = attempt
    try:
        if ca.is_dir():
            context = ssl.create_default_context(capath=ca)
        else:
            context = ssl.create_default_context(cafile=ca)
    except OSError as exc:
        raise Unreachable(f"cannot read certificates from {ca}: {exc.strerror or exc}") from exc
    context.sslsocket_class = BoundedTlsSocket
    return context


class _BoundedSocket(socket.socket):
    attempt: Attempt

    def sendall(self, data: ReadableBuffer, flags: int = 0, /) -> None:
        self.settimeout(self.attempt.remaining())
        super().sendall(data, flags)

    def recv_into(self, buffer: WriteableBuffer, nbytes: int = 0, flags: int = 0) -> int:
        self.settimeout(self.attempt.remaining())
        size = super().recv_into(buffer, nbytes, flags)
        self.attempt.received(size)
        return size


class _BoundedTlsSocket(ssl.SSLSocket):
    attempt: Attempt

    def do_handshake(self, block: bool = False) -> None:
        self.settimeout(self.attempt.remaining())
        super().do_handshake(block)

    def send(self, data: ReadableBuffer, flags: int = 0) -> int:
        self.settimeout(self.attempt.remaining())
        return super().send(data, flags)

    # recv and recv_into of an SSLSocket both come through here; with a buffer to put the bytes in, it
    # returns their number, whatever its declared type says.
    def read(self, len: int = 1024, buffer: WriteableBuffer | None = None) -> bytes:  # noqa: A002
        self.settimeout(self.attempt.remaining())
        got = super().read(len, buffer)
        self.attempt.received(cast("int", got) if buffer is not None else memoryview(got).nbytes)
        return got
