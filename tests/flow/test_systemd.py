"""The whole program notifies systemd that it is ready, alive and ending, on a real socket."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.flow.conftest import Chat, StartExporter

BEATS = 4


@pytest.fixture(params=["a path", "an abstract name"])
def systemd(request: pytest.FixtureRequest) -> Iterator[tuple[socket.socket, str]]:
    """A socket like systemd's, and its name for the service; a path must be short."""
    with TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(Path(folder) / "notify") if request.param == "a path" else "")
        listener.settimeout(30.0)
        name = listener.getsockname()
        yield listener, name if isinstance(name, str) else "@" + name[1:].decode()


def test_systemd_is_notified_of_the_start_the_watchdog_and_the_end(
    systemd: tuple[socket.socket, str],
    exporter: StartExporter,
    nativechat: Callable[..., Chat],
    query: Callable[..., dict[str, Any]],
) -> None:
    listener, name = systemd
    chat = nativechat()
    told = {"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "600000"}
    running = exporter(chat.config([query()]), env={**chat.environ, **told})
    heard = [listener.recv(1000) for _ in range(1 + BEATS)]
    assert sorted(heard) == [b"READY=1", *[b"WATCHDOG=1"] * BEATS]
    assert running.ask("/-/healthy").status == 200
    assert running.end() == 0
    while (last := listener.recv(1000)) == b"WATCHDOG=1":
        pass
    assert last == b"STOPPING=1"
