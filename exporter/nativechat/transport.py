"""Sends one bot's requests over connections that stay open while they are clean."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from functools import partial
from typing import Any, cast
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connectionpool import HTTPConnectionPool

from exporter.clock import Clock
from exporter.errors import Unreachable
from exporter.model import Api
from exporter.nativechat.attempt import Attempt
from exporter.nativechat.authorities import Authorities
from exporter.nativechat.connections import Link, pool_classes, pool_size
from exporter.nativechat.sockets import bound_tls, lost_peer_options


class Transport(HTTPAdapter):
    """An adapter with one connection pool, one TLS context, and sockets that are limited by the attempt.

    It skips work that requests does at each call and that a count does not need: finding the pool, loading
    certificates for each new connection, collecting cookies. A connection is closed if sent bytes are not
    acknowledged for a third of `api.timeout`.
    """

    def __init__(self, attempt: Attempt, clock: Clock, api: Api) -> None:
        super().__init__(pool_connections=1, pool_maxsize=pool_size(api.concurrency, api.rate))
        prepare = partial(bound_tls, attempt=attempt)
        self._authorities = Authorities(api.ca_file, DEFAULT_CA_BUNDLE_PATH, os.environ, prepare)
        self._link = Link(attempt, clock, self._authorities, lost_peer_options(api.timeout / 3))
        self.poolmanager.pool_classes_by_scheme = pool_classes(self._link, makes_more=api.rate is None)
        self._lock = threading.Lock()
        self._pool: HTTPConnectionPool | None = None
        self._closed = False

    def get_connection_with_tls_context(
        self, request: requests.PreparedRequest, verify: Any, proxies: Any = None, cert: Any = None
    ) -> HTTPConnectionPool:
        with self._lock:
            if self._pool is None:
                _refuse_socks(urlsplit(request.url or "").scheme, proxies or {})
                pool = super().get_connection_with_tls_context(request, verify, proxies=proxies, cert=cert)
                self._pool = cast("HTTPConnectionPool", pool)
            if self._closed:
                self._pool.close()
            return self._pool

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> tuple[Any, Any]:
        host, tls = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, {"ssl_context": self._authorities.context()} if host["scheme"] == "https" else tls

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        context = self._authorities.context() if proxy.startswith("https:") else None
        manager = super().proxy_manager_for(proxy, proxy_ssl_context=context, **kwargs)
        manager.pool_classes_by_scheme = self.poolmanager.pool_classes_by_scheme
        return manager

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Do nothing: the TLS context always verifies."""

    def build_response(self, req: Any, resp: Any) -> requests.Response:  # noqa: ARG002 - an override
        response = requests.Response()
        response.raw = resp
        return response

    def prune(self) -> None:
        """Close the idle connections that would not be reused; does not block."""
        idle = self._pool.pool if self._pool else None
        if idle is not None:
            with idle.mutex:
                for connection in filter(None, idle.queue):
                    if not connection.is_clean():
                        connection.close()

    def renew(self) -> None:
        """Stop reusing the connections that are open now; new ones resolve names and load certificates."""
        self._link.renewed_at = self._link.clock.steady()
        self.prune()

    def close(self) -> None:
        super().close()
        with self._lock:
            self._closed = True
            if self._pool is not None:
                self._pool.close()


def _refuse_socks(scheme: str, proxies: Mapping[str, str]) -> None:
    """Raise Unreachable if a scheme's proxy is a SOCKS proxy: its connections would not have our limits."""
    key = scheme if scheme in proxies else "all"
    if not proxies.get(key, "").lower().startswith("socks"):
        return
    named = f"{key}_proxy"
    # If a variable is set in both cases, the lower case counts.
    variable = max((name for name in os.environ if name.lower() == named), default=named.upper())
    raise Unreachable(
        f"{variable} names a SOCKS proxy, and only HTTP proxies can be used",
        advice=f"set {variable} to an http:// proxy, or add the host of api.url to NO_PROXY",
    )
