"""An API that sends answers twice, the second so late that it may be taken for the next one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.server import Server, Wire

if TYPE_CHECKING:
    from tests.flow.conftest import StartExporter

SERIES = range(12)


@pytest.mark.parametrize("concurrency", [1, 8])
@pytest.mark.parametrize("late", [0.004, 0.03, 0.1])
def test_once_it_is_told_no_value_is_that_of_another_series(
    exporter: StartExporter, query: Callable[..., dict[str, Any]], late: float, concurrency: int
) -> None:
    def twice(wire: Wire) -> None:
        wire.answer(wire.true).pause(late).answer(wire.true)

    with Server(twice) as server:
        config = {
            "api": {"url": server.url, "timeout": "2s", "rate": "50/s", "concurrency": concurrency},
            "bots": [{"name": "main", "id": "5990b7b5d57ae86c1b2dfd6e", "token": {"env": "TOKEN"}}],
            "defaults": {"every": "1s", "stale_after": "1m"},
            "queries": [query(labels={"n": list(SERIES)}, query={"n": "{n}"})],
        }
        running = exporter(config, env={"TOKEN": "made-up"})
        told = running.logged("an answer came that nobody had asked for: all counts are dropped")[0]
        assert told["bot"] == "main"
        assert "sends answers twice" in told["advice"]
        time.sleep(1.0)  # answers that were taken for others before it was told are found by then
        asked = len(server.heads)
        while len(server.heads) < asked + 30:
            shown = running.metrics().by("n", "nativechat_conversations", bot="main")
            assert shown == {n: 1000 + int(n) for n in shown}
