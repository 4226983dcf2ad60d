"""Laws of the systemd notifier: it reports what systemd asked for, and nothing without systemd."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from exporter.daemon.systemd import SystemdNotifier


@pytest.fixture
def systemd() -> Iterator[socket.socket]:
    """The socket that systemd listens on; its path must be short."""
    with TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(Path(folder) / "notify"))
        listener.settimeout(10.0)
        yield listener


def notifier(systemd: socket.socket, **more: str) -> SystemdNotifier:
    return SystemdNotifier({"NOTIFY_SOCKET": str(systemd.getsockname()), **more})


def test_a_service_says_that_it_is_ready_alive_and_ending(systemd: socket.socket) -> None:
    one = notifier(systemd)
    one.ready()
    one.alive(lambda: (True, "healthy"))
    one.stopping()
    assert [systemd.recv(100) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"STOPPING=1"]


def test_an_unhealthy_service_does_not_notify_the_watchdog(systemd: socket.socket) -> None:
    notifier(systemd).alive(lambda: (False, "the timetable has not moved"))
    assert systemd.recv(100) == b"STATUS=the timetable has not moved"


def test_an_abstract_socket_is_found_too() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("")
        listener.settimeout(10.0)
        SystemdNotifier({"NOTIFY_SOCKET": "@" + listener.getsockname()[1:].decode()}).ready()
        assert listener.recv(100) == b"READY=1"


def test_a_watchdog_is_notified_three_times_within_its_timeout(systemd: socket.socket) -> None:
    assert notifier(systemd, WATCHDOG_USEC="30000000").interval == 10.0


@pytest.mark.parametrize("timeout", ["", "0", "soon", "-5"])
def test_without_a_timeout_there_is_no_watchdog(systemd: socket.socket, timeout: str) -> None:
    assert notifier(systemd, WATCHDOG_USEC=timeout).interval is None
    assert SystemdNotifier({"WATCHDOG_USEC": "30000000"}).interval is None


def test_a_missing_systemd_causes_no_error(tmp_path: Path) -> None:
    SystemdNotifier({}).ready()
    SystemdNotifier({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).ready()
