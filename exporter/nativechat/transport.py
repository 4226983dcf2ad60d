"""Carries one bot's requests over connections that stay open, bounded by the attempt under way."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path
from typing import Any, cast

import requests
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError

from exporter.nativechat.attempt import Attempt
from exporter.nativechat.sockets import dial, tls_context


class Transport(HTTPAdapter):
    """One pool, sockets bounded by the attempt, one TLS context.

    It leaves out what requests does at each call and a count has no use for: finding the pool again,
    loading the certificates again for a new connection, collecting cookies.
    """

    def __init__(self, attempt: Attempt, ca_file: Path | None, width: int) -> None:
        super().__init__(pool_connections=1, pool_maxsize=width)
        self._bounds = attempt
        self._ca_file = ca_file
        self._lock = threading.Lock()
        self._pool: HTTPConnectionPool | None = None

    def get_connection_with_tls_context(
        self, request: requests.PreparedRequest, verify: Any, proxies: Any = None, cert: Any = None
    ) -> HTTPConnectionPool:
        with self._lock:
            if self._pool is None:
                pool = super().get_connection_with_tls_context(request, verify, proxies=proxies, cert=cert)
                self._pool = cast("HTTPConnectionPool", pool)
                _bound(self._pool, self._bounds)
            return self._pool

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> tuple[Any, Any]:
        host, tls = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, {"ssl_context": self._context()} if host["scheme"] == "https" else tls

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        context = self._context() if proxy.startswith("https:") else None
        return super().proxy_manager_for(proxy, proxy_ssl_context=context, **kwargs)

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Leave verification to the TLS context, which always verifies."""

    def build_response(self, req: Any, resp: Any) -> requests.Response:  # noqa: ARG002 - an override
        response = requests.Response()
        response.raw = resp
        return response

    def close(self) -> None:
        super().close()
        with self._lock:
            if self._pool is not None:
                self._pool.close()

    def _context(self) -> ssl.SSLContext:
        return tls_context(self._bounds, self._ca_file, default=DEFAULT_CA_BUNDLE_PATH)


def _bound(pool: HTTPConnectionPool, attempt: Attempt) -> None:
    def connect(self: HTTPConnection) -> socket.socket:
        try:
            return dial(attempt, self.host, self.port, self.socket_options or ())
        except OSError as exc:
            # A bare reset urllib3 would take for one after the answer, and go on without a socket.
            raise NewConnectionError(self, "no connection") from exc

    class Plain(HTTPConnection):
        _new_conn = connect

    class Tls(HTTPSConnection):
        _new_conn = connect

    pool.ConnectionCls = Tls if isinstance(pool, HTTPSConnectionPool) else Plain
