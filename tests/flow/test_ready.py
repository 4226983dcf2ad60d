"""Readiness waits for one request of a bot that hangs, and not for one after the other of all its queries."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.server import Script, Server

if TYPE_CHECKING:
    from tests.flow.conftest import StartExporter

QUERIES = 8


def test_a_bot_that_hangs_delays_readiness_by_one_request_and_a_refused_one_not_at_all(
    exporter: StartExporter, query: Callable[..., dict[str, Any]], eventually: Callable[..., Any]
) -> None:
    scripts: dict[str, Script] = {
        "hanging": lambda wire: wire.hang(),
        "refused": lambda wire: wire.answer(b"", 401),
        "well": lambda wire: wire.answer(),
    }
    servers = {name: Server(script) for name, script in scripts.items()}
    try:
        bots = [
            {"name": name, "id": f"{number:024x}", "token": {"env": "TOKEN"}, "api": {"url": server.url}}
            for number, (name, server) in enumerate(servers.items())
        ]
        config = {
            "api": {"timeout": "3s"},
            "bots": bots,
            "defaults": {"every": "10m"},
            "queries": [query(f"query_{number}") for number in range(QUERIES)],
        }
        running = exporter(config, env={"TOKEN": "s3cr3t"})
        eventually(lambda: running.ask("/-/ready").status == 200)
        assert len(servers["hanging"].heads) <= 2, "the one that has timed out, and the next"
        metrics = running.until(lambda metrics: metrics.values("nativechat_query_0", bot="well") != [])
        assert metrics.by("bot", "nativechat_up") == {"hanging": 0, "refused": 0, "well": 1}
        assert running.end() == 0
    finally:
        for server in servers.values():
            server.stop()
