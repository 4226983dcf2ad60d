"""Laws of serving: what cannot be served is told before anything is asked."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from exporter import logs
from exporter.daemon.daemon import Daemon
from exporter.daemon.service import DRAIN, WebOptions, serve
from exporter.errors import ConfigError
from exporter.web.server import ListenError, address_of, listen
from exporter.web.tls import TlsError

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


PROMISED = 5.0
"""Seconds from a signal to the end of the process, at most."""


def handlers() -> list[object]:
    return [signal.getsignal(number) for number in SIGNALS]


def test_a_wrong_web_configuration_starts_nothing(daemon: Daemon, tmp_path: Path) -> None:
    before, file = handlers(), tmp_path / "web.yaml"
    file.write_text("basic_auth_usres: {}\n", "utf-8")
    with pytest.raises(ConfigError, match='did you mean "basic_auth_users"'):
        serve(daemon, WebOptions(("127.0.0.1:0",), config_file=file))
    assert not daemon.poller.alive
    assert handlers() == before


def test_an_address_that_is_taken_starts_nothing(daemon: Daemon) -> None:
    before, listener = handlers(), listen("127.0.0.1:0")
    with listener, pytest.raises(ListenError, match="address already in use"):
        serve(daemon, WebOptions((address_of(listener),)))
    assert not daemon.poller.alive
    assert handlers() == before


def test_a_certificate_of_no_use_starts_nothing(daemon: Daemon, tmp_path: Path) -> None:
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).write_text("not a certificate\n", "utf-8")
    file = tmp_path / "web.yaml"
    file.write_text("tls_server_config: {cert_file: cert.pem, key_file: key.pem}\n", "utf-8")
    with pytest.raises(TlsError):
        serve(daemon, WebOptions(("127.0.0.1:0",), config_file=file))
    assert not daemon.poller.alive


def test_what_an_ending_may_wait_for_fits_into_the_time_that_is_promised() -> None:
    unread_visitors, unread_log = DRAIN, logs.PATIENCE
    assert unread_visitors + unread_log <= PROMISED
