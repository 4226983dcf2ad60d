"""Laws of the heart: systemd is told what it asked for, and a machine without systemd is told nothing."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from exporter.daemon.heart import Heart


@pytest.fixture
def systemd() -> Iterator[socket.socket]:
    """The socket that systemd listens on; its path must be short."""
    with TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(Path(folder) / "notify"))
        listener.settimeout(10.0)
        yield listener


def heart(systemd: socket.socket, **more: str) -> Heart:
    return Heart({"NOTIFY_SOCKET": str(systemd.getsockname()), **more})


def test_a_service_says_that_it_is_ready_alive_and_ending(systemd: socket.socket) -> None:
    one = heart(systemd)
    one.ready()
    one.beat(lambda: (True, "healthy"))
    one.stopping()
    assert [systemd.recv(100) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"STOPPING=1"]


def test_a_service_that_is_not_healthy_keeps_the_watchdog_waiting(systemd: socket.socket) -> None:
    heart(systemd).beat(lambda: (False, "the timetable has not moved"))
    assert systemd.recv(100) == b"STATUS=the timetable has not moved"


def test_an_abstract_socket_is_found_too() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("")
        listener.settimeout(10.0)
        Heart({"NOTIFY_SOCKET": "@" + listener.getsockname()[1:].decode()}).ready()
        assert listener.recv(100) == b"READY=1"


def test_a_watchdog_hears_three_beats_within_its_timeout(systemd: socket.socket) -> None:
    assert heart(systemd, WATCHDOG_USEC="30000000").interval == 10.0


@pytest.mark.parametrize("timeout", ["", "0", "soon", "-5"])
def test_without_a_timeout_nobody_waits_for_beats(systemd: socket.socket, timeout: str) -> None:
    assert heart(systemd, WATCHDOG_USEC=timeout).interval is None
    assert Heart({"WATCHDOG_USEC": "30000000"}).interval is None


def test_a_systemd_that_is_not_there_disturbs_nothing(tmp_path: Path) -> None:
    Heart({}).ready()
    Heart({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).ready()
