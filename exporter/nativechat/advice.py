"""Says what a person can do about a request that failed, by its status or its cause; pure."""

from __future__ import annotations

import errno
import socket
import ssl
from typing import Final

from exporter.nativechat.attempt import Route
from exporter.proxies import Proxy

BROKEN_HTTP: Final = "the API, or what is between it and this host, breaks HTTP: tell whoever runs that"
HANDSHAKE: Final = "what listens there speaks no TLS, or something in between drops it: check api.url"
CACHE: Final = "a cache between this host and the API answers in its place: let it pass these requests on"

_SETTINGS: Final = "check the bot's token and id in its Settings on NativeChat"
_STATUSES: Final = {
    **dict.fromkeys((400, 422), "check this query's predicate"),
    403: f"this token may not read this; {_SETTINGS}",
    **dict.fromkeys((404, 410), "check the bot's id and api.url"),
    **dict.fromkeys((408, 425), "the API asks to try again later; wait until it works again"),
    **dict.fromkeys((413, 414, 431), "the request is too long: shorten this query's predicate"),
}
_REDIRECT: Final = "write the final URL as api.url; redirects are not followed, to keep the token safe"

_UNTRUSTED: Final = frozenset({2, 18, 19, 20, 21})
_EXPIRED: Final = frozenset({9, 10})
_OTHER_NAME: Final = frozenset({62, 64})
"""OpenSSL's codes for a certificate that it does not accept: X509_STORE_CTX_get_error(3)."""


def of_status(status: int, proxy: Proxy | None) -> str | None:
    """Return the advice for a failure's status, None for that of the error's class.

    `proxy` may have answered in the API's place.
    """
    if status == 407:
        return _proxy_password(proxy)
    if status in {502, 503, 504} and proxy:
        return f"the API, or the proxy in {proxy.variable}, fails; wait until it works again"
    return _REDIRECT if status < 400 else _STATUSES.get(status)


def of_throttling(status: int) -> str | None:
    """Return the advice for a 503 with Retry-After; None for a 429."""
    return "the API asks to wait: it is overloaded, or under maintenance" if status == 503 else None


def of_tunnel(status: int, proxy: Proxy | None) -> str:
    """Return the advice for a proxy that refuses to connect to the API."""
    if status == 407:
        return _proxy_password(proxy)
    return "allow the host of api.url at that proxy, or add it to NO_PROXY"


def of_url(proxy: Proxy | None) -> str:
    """Return the advice for a URL that no connection can be made with."""
    if proxy is None:
        return "write one such as https://api.nativechat.com/v1"
    return f"set {proxy.variable} to one such as http://HOST:PORT, or add the host of api.url to NO_PROXY"


def of_connecting(route: Route, *, no_address: bool = False) -> str:
    """Return the advice for a host or proxy that accepts no connection."""
    if route.proxy:
        return f"check {route.proxy.variable} and that proxy, or add the host of api.url to NO_PROXY"
    if no_address:
        return "check the host in api.url, and that this host can resolve names"
    return "check the host and port in api.url, and the firewalls on the way"


def of_cause(cause: OSError, route: Route) -> str | None:
    """Return the advice for a connection that failed or broke, None for that of the error's class."""
    if isinstance(cause, ssl.SSLCertVerificationError):
        return _certificate(cause.verify_code)
    if isinstance(cause, ssl.SSLError):
        return "check the port in api.url: it must speak TLS 1.2 or later"
    if cause.errno in {errno.EMFILE, errno.ENFILE}:
        return "raise the limit of open files of this process, or of this host"
    if route.attempt.is_connecting:
        return of_connecting(route, no_address=isinstance(cause, socket.gaierror))
    return None


def _proxy_password(proxy: Proxy | None) -> str:
    if proxy is None:
        return "a proxy that no variable names wants a password: ask who runs the network"
    return (
        f"the proxy in {proxy.variable} wants a user and a password: write both into that variable, as in "
        "http://USER:PASSWORD@HOST:PORT"
    )


def _certificate(code: int) -> str:
    if code in _UNTRUSTED:
        return "if the API, or a proxy that inspects TLS, has its own authority, name its file as ca_file"
    if code in _EXPIRED:
        return "the API's owner must renew it, unless the clock of this host is wrong"
    if code in _OTHER_NAME:
        return "write a host into api.url that the certificate names"
    return "the API's owner must replace it"
