"""Finds the proxy that the environment names for a URL."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from ipaddress import ip_address, ip_network
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit


class Proxy(NamedTuple):
    """A proxy's URL, which may contain a password, and the environment variable that names it."""

    variable: str
    url: str

    def __repr__(self) -> str:
        return f"Proxy({self.variable})"


def proxy_of(url: str, environ: Mapping[str, str]) -> Proxy | None:
    """Return the proxy for a URL, None if its host is asked directly.

    The variables are HTTP_PROXY for http:// and HTTPS_PROXY for https://, else ALL_PROXY; each in lower case
    first, as in curl. NO_PROXY has hosts, ends of host names, `host:port`, networks such as 10.0.0.0/8, or *.
    """
    parts = urlsplit(url)
    for name in (f"{parts.scheme}_proxy", "all_proxy"):
        variable = name if name in environ else name.upper()
        if proxy := environ.get(variable):
            exceptions = environ.get("no_proxy", environ.get("NO_PROXY", ""))
            excepted = any(_matches(parts, entry.strip()) for entry in exceptions.split(","))
            return None if excepted else Proxy(variable, proxy)
    return None


def _matches(parts: SplitResult, entry: str) -> bool:
    host = parts.hostname or ""
    with suppress(ValueError):
        return ip_address(host) in ip_network(entry, strict=False)
    name, port = entry.lower().lstrip("."), parts.port or (443 if parts.scheme == "https" else 80)
    return entry == "*" or any(f".{text}".endswith(f".{name}") for text in (host, f"{host}:{port}") if name)
