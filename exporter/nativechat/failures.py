"""Translates a connection that failed or broke into an error with advice; pure."""

from __future__ import annotations

import errno
import re
import socket
import ssl
from dataclasses import dataclass
from typing import Final

from exporter.errors import ApiError, TimedOut, Unreachable
from exporter.nativechat.attempt import Attempt
from exporter.nativechat.statuses import bad_answer, proxy_password
from exporter.proxies import Proxy

_NO_PROXY: Final = "add the host of api.url to NO_PROXY"
_FIREWALLS: Final = "check the host and port in api.url, and the firewalls on the way"
_HANDSHAKE: Final = "what listens there speaks no TLS, or something in between drops it: check api.url"

_UNTRUSTED: Final = frozenset({2, 18, 19, 20, 21})
_EXPIRED: Final = frozenset({9, 10})
_OTHER_NAME: Final = frozenset({62, 64})
"""OpenSSL's codes for a certificate that it does not accept: X509_STORE_CTX_get_error(3)."""


@dataclass(frozen=True, slots=True)
class Route:
    """The way of an attempt: the API's host and port, the proxy if there is one, and how far it came."""

    host: str
    proxy: Proxy | None
    attempt: Attempt

    def __str__(self) -> str:
        if self.proxy is None:
            return self.host
        if self.attempt.is_connecting:
            return f"{self.attempt.peer}, the proxy in {self.proxy.variable}"
        return f"{self.host} through the proxy in {self.proxy.variable}"


def is_out_of_time(cause: OSError) -> bool:
    """Return whether our own timeout ended an operation, not the system's timeout for a lost peer."""
    return isinstance(cause, TimeoutError) and cause.errno != errno.ETIMEDOUT


def by_cause(cause: OSError | None, route: Route, *, what: str, budget: float) -> ApiError:
    """Return the error for an attempt that failed, from the system's own error if there is one."""
    attempt, proxy = route.attempt, route.proxy
    if cause is None and attempt.answered:
        return bad_answer(what, attempt.status, "HTTP that is broken or cut off")
    if cause is None:
        named, advice = "api.url", "write one such as https://api.nativechat.com/v1"
        if proxy:
            named = f"the proxy in {proxy.variable}"
            advice = f"set {proxy.variable} to one such as http://HOST:PORT, or {_NO_PROXY}"
        return Unreachable(f"no connection to {route.host}: {named} cannot be used", advice=advice)
    if is_out_of_time(cause):
        message = f"{what} took longer than {budget:.3g}s"
        if attempt.is_connecting:
            return TimedOut(f"{message}: still connecting to {route}", advice=_connecting(proxy))
        return TimedOut(f"{message}: {attempt.stage}", advice=_HANDSHAKE if attempt.in_handshake else None)
    if refused := re.match("Tunnel connection failed: ([0-9]+)", str(cause)):
        advice = "allow the host of api.url at that proxy, or add it to NO_PROXY"
        advice = proxy_password(proxy) if refused[1] == "407" else advice
        return Unreachable(f"no tunnel to {route}: it answered {refused[1]}", advice=advice)
    return _broken(cause, route)


def _broken(cause: OSError, route: Route) -> Unreachable:
    if isinstance(cause, ssl.SSLCertVerificationError):
        message = f"no TLS with {route}: certificate not accepted, {cause.verify_message}"
        return Unreachable(message, advice=_certificate(cause.verify_code))
    if isinstance(cause, ssl.SSLError):
        reason = (cause.reason or "handshake failed").replace("_", " ").lower()
        advice = "check the port in api.url: it must speak TLS 1.2 or later"
        return Unreachable(f"no TLS with {route}: {reason}", advice=advice)
    trouble, advised = "broken connection to", None
    if isinstance(cause, socket.gaierror):
        trouble = "no address for"
        advised = _connecting(route.proxy, "check the host in api.url, and that this host can resolve names")
    elif route.attempt.is_connecting:
        trouble, advised = "no connection to", _connecting(route.proxy)
    if cause.errno in {errno.EMFILE, errno.ENFILE}:
        advised = "raise the limit of open files of this process, or of this host"
    return Unreachable(f"{trouble} {route}: {(cause.strerror or str(cause)).lower()}", advice=advised)


def _connecting(proxy: Proxy | None, direct: str = _FIREWALLS) -> str:
    """Return the advice for a proxy that accepts no connection; `direct` if there is none."""
    return f"check {proxy.variable} and that proxy, or {_NO_PROXY}" if proxy else direct


def _certificate(code: int) -> str:
    if code in _UNTRUSTED:
        return "if the API, or a proxy that inspects TLS, has its own authority, name its file as ca_file"
    if code in _EXPIRED:
        return "the API's owner must renew it, unless the clock of this host is wrong"
    if code in _OTHER_NAME:
        return "write a host into api.url that the certificate names"
    return "the API's owner must replace it"
