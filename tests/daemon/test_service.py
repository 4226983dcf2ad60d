"""Laws of serving: nothing starts if something cannot be served, and systemd learns the daemon's state."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from exporter import logs
from exporter.daemon.daemon import Daemon
from exporter.daemon.housekeeping import LONGEST_END
from exporter.daemon.service import DRAIN, notify_systemd, notify_watchdog, serve, watchdog_interval
from exporter.errors import ConfigError, ExporterError
from exporter.web.server import ListenError, address_of, listen
from exporter.web.tls import TlsError

PROMISED = 5.0
"""Most seconds from a signal to the end of the process."""


@pytest.fixture(autouse=True)
def signals_as_before() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


@pytest.mark.parametrize(
    ("web_config", "error", "message"),
    [
        ("basic_auth_usres: {}\n", ConfigError, 'did you mean "basic_auth_users"'),
        ("tls_server_config: {cert_file: web.yaml, key_file: web.yaml}\n", TlsError, "web.yaml"),
    ],
)
def test_a_wrong_web_configuration_starts_nothing(
    daemon: Daemon, tmp_path: Path, web_config: str, error: type[ExporterError], message: str
) -> None:
    file = tmp_path / "web.yaml"
    file.write_text(web_config, "utf-8")
    with pytest.raises(error, match=message):
        serve(daemon, ["127.0.0.1:0"], web_config_file=file)
    assert not daemon.housekeeping.alive


def test_an_address_that_is_taken_starts_nothing(daemon: Daemon) -> None:
    with listen("127.0.0.1:0") as listener, pytest.raises(ListenError, match="address already in use"):
        serve(daemon, [address_of(listener)])
    assert not daemon.housekeeping.alive


def test_the_waits_at_the_end_take_no_longer_than_promised() -> None:
    assert DRAIN + 1.5 * logs.PATIENCE + 2 * LONGEST_END <= PROMISED


@pytest.fixture
def systemd() -> Iterator[socket.socket]:
    """The socket on which systemd listens; its path must be short."""
    with TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(Path(folder) / "notify"))
        listener.settimeout(10.0)
        yield listener


def test_the_watchdog_is_notified_only_while_the_daemon_is_healthy(
    daemon: Daemon, systemd: socket.socket
) -> None:
    daemon.environ = {**daemon.environ, "NOTIFY_SOCKET": str(systemd.getsockname())}
    notify_watchdog(daemon)
    assert systemd.recv(100).startswith(b"STATUS=polling has made no progress")
    daemon.start()
    assert daemon.reload() == ()
    notify_watchdog(daemon)
    assert systemd.recv(100) == b"WATCHDOG=1"


@pytest.mark.parametrize(
    ("timeout", "interval"),
    [("30000000", 10.0), ("", None), ("0", None), ("soon", None), ("-5", None)],
)
def test_a_watchdog_is_notified_three_times_within_its_timeout(timeout: str, interval: float | None) -> None:
    assert watchdog_interval({"NOTIFY_SOCKET": "x", "WATCHDOG_USEC": timeout}) == interval
    assert watchdog_interval({"WATCHDOG_USEC": timeout}) is None


def test_without_systemd_nothing_happens(tmp_path: Path) -> None:
    notify_systemd({}, "READY=1")
    notify_systemd({"NOTIFY_SOCKET": str(tmp_path / "nobody")}, "READY=1")
