"""`healthcheck` tells a container how its daemon fares."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.flow.commands.conftest import Finished
    from tests.flow.conftest import Chat, StartExporter

    Command = Callable[..., Finished]


def test_a_daemon_that_runs_is_healthy(
    exporter: StartExporter,
    nativechat: Callable[..., Chat],
    query: Callable[..., dict[str, Any]],
    command: Command,
) -> None:
    chat = nativechat()
    running = exporter(chat.config([query()]), env=chat.environ)
    ended = command("healthcheck", f"--web.listen-address={running.address}")
    assert (ended.code, ended.out) == (0, "healthy\n")


def test_where_nobody_listens_nothing_is_healthy(command: Command) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{held.getsockname()[1]}"
        ended = command("healthcheck", f"--web.listen-address={address}")
    assert ended.code == 1
    assert ended.err.startswith(f"{address}: no answer: ")
