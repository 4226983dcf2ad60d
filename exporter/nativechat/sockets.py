"""Makes sockets whose operations are limited by the time of an attempt.

A timeout of requests limits each read, so a response that trickles can take much longer. Here each operation
gets the time that is left of the attempt, so that connecting, a proxy's tunnel, the TLS handshake, sending,
headers and body together take no longer. Only name resolution has the limits of the system's resolver.
"""

from __future__ import annotations

import errno
import re
import socket
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, cast

from urllib3.util.ssltransport import SSLTransport
from urllib3.util.wait import wait_for_read

from exporter.nativechat.attempt import Attempt

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

Option = tuple[int, int, int | bytes]

_KEEPALIVE: Final = (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))
"""Probe a silent peer after 15 s, then every 5 s, and close the connection after three probes."""


def dial(attempt: Attempt, host: str, port: int, options: Iterable[Option]) -> socket.socket:
    """Connect to the first address of `host` that accepts, within the time of the attempt.

    Each address gets an equal part of the time left, so that one that drops packets leaves time for the
    next. `options` are set once connected. Raises OSError.
    """
    host = host.strip("[]")
    attempt.peer = f"{host}:{port}"
    attempt.dialled = True
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise socket.gaierror(socket.EAI_NONAME, "not a host name") from None
    failures: list[OSError] = []
    for tried, (family, kind, protocol, _, address) in enumerate(addresses):
        try:
            sock = _BoundedSocket(family, kind, protocol)
        except OSError as exc:
            failures.append(exc)
            continue
        sock.attempt = attempt
        try:
            sock.settimeout(attempt.remaining() / (len(addresses) - tried))
            sock.connect(address)
            for option in options:
                sock.setsockopt(*option)
        except OSError as exc:
            sock.close()
            failures.append(exc)
        else:
            attempt.connected = True
            return sock
    raise failures.pop()


def lost_peer_options(seconds: float) -> list[Option]:
    """Return socket options that end a connection which the peer, or a NAT in between, has dropped.

    `seconds` is how long sent bytes may stay unacknowledged. A slow API is no problem: its kernel
    acknowledges bytes at once (tcp(7), TCP_USER_TIMEOUT, only on Linux).
    """
    options: list[Option] = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    wanted = (*_KEEPALIVE, ("TCP_USER_TIMEOUT", max(1, round(seconds * 1000))))
    options += [
        (socket.IPPROTO_TCP, getattr(socket, name), value) for name, value in wanted if hasattr(socket, name)
    ]
    return options


def is_silent(sock: socket.socket | SSLTransport, seconds: float = 0.0) -> bool:
    """Return whether the peer sends nothing for `seconds` and keeps the connection open; reads nothing.

    Bytes that OpenSSL has already read count too. Bytes that the system holds are not read through TLS: an
    incomplete record would be removed, and its rest be mistaken for the next answer.
    """
    return _held_by_openssl(sock) == 0 and not wait_for_read(cast("socket.socket", sock), max(0.0, seconds))


def holds_answer(sock: socket.socket | SSLTransport) -> bool:
    """Return whether the peer has sent what may be an answer; reads it, so close the connection then.

    Other than an answer are the end of the connection, and the error with which some servers and proxies
    announce it, such as a 408. Call it while the attempt listens: it does not wait.
    """
    try:
        start = cast("bytes", sock.recv(12))
    except OSError:
        return False
    return start != b"" and not re.match(rb"HTTP/1\.[01] [345]", start)


def _held_by_openssl(sock: socket.socket | SSLTransport) -> int:
    if isinstance(sock, SSLTransport):  # TLS in TLS, through a proxy
        return sock.sslobj.pending() + sock.incoming.pending + _held_by_openssl(sock.socket)
    return sock.pending() if isinstance(sock, ssl.SSLSocket) else 0


def bound_tls(context: ssl.SSLContext, attempt: Attempt) -> None:
    """Make `context` create sockets that are limited by `attempt`."""

    class BoundedTlsSocket(_BoundedTlsSocket):
        """A class for this attempt: a context creates its sockets itself, without arguments of ours."""

    BoundedTlsSocket.attempt = attempt
    context.sslsocket_class = BoundedTlsSocket


@contextmanager
def _sent_or_raised() -> Iterator[None]:
    """Raise an error that urllib3 does not ignore if a request was not sent completely.

    urllib3 ignores a broken pipe or a reset, and reads a response that cannot belong to the request.
    """
    try:
        yield
    except (BrokenPipeError, ConnectionResetError) as exc:
        raise ConnectionAbortedError(errno.ECONNABORTED, exc.strerror) from exc


class _BoundedSocket(socket.socket):
    attempt: Attempt

    def sendall(self, data: ReadableBuffer, flags: int = 0, /) -> None:
        self.settimeout(self.attempt.remaining())
        with _sent_or_raised():
            super().sendall(data, flags)

    def recv_into(self, buffer: WriteableBuffer, nbytes: int = 0, flags: int = 0) -> int:
        self.settimeout(self.attempt.remaining())
        size = super().recv_into(buffer, nbytes, flags)
        self.attempt.received(size)
        return size


class _BoundedTlsSocket(ssl.SSLSocket):
    attempt: Attempt

    def do_handshake(self, block: bool = False) -> None:
        self.attempt.in_handshake = True
        self.settimeout(self.attempt.remaining())
        super().do_handshake(block)
        self.attempt.in_handshake = False

    def send(self, data: ReadableBuffer, flags: int = 0) -> int:
        self.settimeout(self.attempt.remaining())
        with _sent_or_raised():
            return super().send(data, flags)

    # recv and recv_into of an SSLSocket both call this method; with a buffer it returns the number of bytes,
    # despite its declared type.
    def read(self, len: int = 1024, buffer: WriteableBuffer | None = None) -> bytes:  # noqa: A002
        self.settimeout(self.attempt.remaining())
        try:
            got = super().read(len, buffer)
        except ssl.SSLWantReadError:
            raise BlockingIOError(errno.EAGAIN, "nothing to read yet") from None
        self.attempt.received(cast("int", got) if buffer is not None else memoryview(got).nbytes)
        return got
