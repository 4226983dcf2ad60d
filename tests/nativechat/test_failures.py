"""Laws of advice: each cause of a broken connection gets advice that a person can follow."""

from __future__ import annotations

import errno
import ssl

import pytest

from exporter.clock import SystemClock
from exporter.errors import Unreachable
from exporter.nativechat.attempt import Attempt
from exporter.nativechat.failures import Route, by_cause


def of_tls(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, "failed")
    error.reason = reason
    return error


def refused(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "refused")
    error.verify_code, error.verify_message = code, "something"
    return error


@pytest.mark.parametrize(
    ("cause", "advice"),
    [
        (
            refused(20),
            "if the API, or a proxy that inspects TLS, has its own authority, name its file as ca_file",
        ),
        (refused(10), "the API's owner must renew it, unless the clock of this host is wrong"),
        (refused(62), "write a host into api.url that the certificate names"),
        (refused(26), "the API's owner must replace it"),
        (of_tls("WRONG_VERSION_NUMBER"), "check the port in api.url: it must speak TLS 1.2 or later"),
        (OSError(errno.EMFILE, "many"), "raise the limit of open files of this process, or of this host"),
        (ConnectionResetError(errno.ECONNRESET, "reset"), Unreachable.advice),
    ],
)
def test_a_cause_has_its_own_advice(cause: OSError, advice: str) -> None:
    route = Route("api.example:443", None, Attempt(SystemClock()))
    error = by_cause(cause, route, what="GET conversations/_count", budget=10.0)
    assert error.advice == advice
