"""`healthcheck` tells a container how its daemon fares."""

from __future__ import annotations

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
