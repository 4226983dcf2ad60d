"""Sends one bot's requests over connections that stay open while they are clean."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, cast
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.response import BaseHTTPResponse

from exporter.clock import Clock
from exporter.errors import Unreachable
from exporter.model import Api
from exporter.nativechat.attempt import Attempt
from exporter.nativechat.authorities import Authorities
from exporter.nativechat.connections import Link, pool_classes, pool_size
from exporter.nativechat.sockets import bound_tls, lost_peer_options
from exporter.proxies import Proxy


class Transport(HTTPAdapter):
    """An adapter of requests with one connection pool, and sockets that are limited by the attempt.

    requests makes the pool, once. Then urllib3's pool is asked directly, because the
    rest of what requests does at each call is not needed. A connection is closed if sent bytes are not
    acknowledged for a third of `api.timeout`.
    """

    def __init__(
        self,
        attempt: Attempt,
        clock: Clock,
        api: Api,
        proxy: Proxy | None,
        on_doubt: Callable[[], None],
    ) -> None:
        super().__init__(pool_connections=1, pool_maxsize=pool_size(api.concurrency, api.rate))
        prepare = partial(bound_tls, attempt=attempt)
        authorities = Authorities(api.ca_file, DEFAULT_CA_BUNDLE_PATH, os.environ, prepare)
        self._link = Link(attempt, clock, authorities, lost_peer_options(api.timeout / 3), on_doubt)
        self.poolmanager.pool_classes_by_scheme = pool_classes(self._link, makes_more=api.rate is None)
        self._proxy = proxy
        self._lock = threading.Lock()
        self._pool: HTTPConnectionPool | None = None
        self._closed = False

    def get(self, url: str, headers: Mapping[str, str]) -> BaseHTTPResponse:
        """Send a GET request for a URL of the API, and return its response with the body unread.

        Raises urllib3's HTTPError, and Unreachable if the proxy or the certificates cannot be used.
        """
        pool = self._pool or self._make_pool(url)
        whole = pool.proxy is not None and pool.scheme == "http"
        if self._link.in_doubt:
            headers = {**headers, "Connection": "close"}
        return pool.urlopen(
            "GET",
            url if whole else url[url.index("/", len("https://")) :],
            headers=headers,
            retries=False,
            redirect=False,
            assert_same_host=False,
            timeout=None,
            preload_content=False,
        )

    def _make_pool(self, url: str) -> HTTPConnectionPool:
        with self._lock:
            if self._pool is None:
                _refuse_socks(self._proxy)
                request = requests.PreparedRequest()
                request.url = url
                proxies = {urlsplit(url).scheme: self._proxy.url} if self._proxy else {}
                pool = self.get_connection_with_tls_context(request, verify=True, proxies=proxies)
                self._pool = cast("HTTPConnectionPool", pool)
            if self._closed:
                self._pool.close()
            return self._pool

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = self.poolmanager.pool_classes_by_scheme
        return manager

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


def _refuse_socks(proxy: Proxy | None) -> None:
    """Raise Unreachable for a SOCKS proxy: its connections would not have our limits."""
    if proxy and proxy.url.lower().startswith("socks"):
        raise Unreachable(
            f"{proxy.variable} names a SOCKS proxy, and only HTTP proxies can be used",
            advice=f"set {proxy.variable} to an http:// proxy, or add the host of api.url to NO_PROXY",
        )
